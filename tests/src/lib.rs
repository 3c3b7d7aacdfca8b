//! Helpers of the cross-crate and end-to-end tests.

#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a test that cannot be set up fails loudly")]

pub mod fault_proxy;
#[cfg(unix)]
pub mod postgres;
#[cfg(unix)]
pub mod redis;
pub mod reference;

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

/// The `livermore` command, built from this workspace if it is not yet.
pub fn livermore(arguments: &[&str]) -> Command {
    let mut command = Command::new(&*BINARY);
    command.args(arguments).stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let build = escargot::CargoBuild::new()
        .manifest_path(workspace().join("Cargo.toml"))
        .package("livermore-runner")
        .bin("livermore")
        .current_release()
        .run()
        .unwrap_or_else(|error| panic!("the livermore command does not build: {error}"));
    build.path().to_owned()
});

/// Runs `livermore` to its end, with `input` on standard input.
pub fn run(arguments: &[&str], input: &[u8]) -> Finished {
    let mut child = livermore(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("livermore does not start: {error}"));
    let output = std::thread::scope(|scope| {
        let stdin = child.stdin.take();
        scope.spawn(move || {
            // The command may end before it has read everything.
            let _ = stdin.map(|mut stdin| stdin.write_all(input));
        });
        child.wait_with_output()
    });
    Finished::of(&output.unwrap_or_else(|error| panic!("livermore cannot be waited for: {error}")))
}

/// What a command left behind.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
}

impl Finished {
    /// Reads the output of a command that has ended.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Standard output of a command that succeeded.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }
}

/// Variables that make a program see another time of day, for example `+1h`; its other clocks are right. `None`, loudly,
/// where libfaketime is not installed.
pub fn time_of_day(offset: &str) -> Option<[(&'static str, String); 3]> {
    let folders = ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib64/faketime"];
    let found =
        folders.iter().map(|folder| PathBuf::from(folder).join("libfaketimeMT.so.1")).find(|file| file.is_file());
    let Some(library) = found else {
        skipped("no libfaketime; install the package faketime to run programs with a wrong clock");
        return None;
    };
    let variables = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", offset.to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    Some(variables)
}

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder of recorded candle files, if this machine has one: `LIVERMORE_CANDLES`, or `../shared/candles` beside the
/// workspace. Says so when there is none.
pub fn recorded_candles() -> Option<PathBuf> {
    let folder =
        std::env::var_os("LIVERMORE_CANDLES").map_or_else(|| workspace().join("../shared/candles"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(&format!("no recorded candles in {}; set LIVERMORE_CANDLES to a folder of them", folder.display()));
    None
}

/// Says that a test passes without having tested anything, where it is seen: `eprintln!` in a test that passes is not.
pub fn skipped(why: &str) {
    // One write, so that two tests do not write into each other's line.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

/// Compiles and runs the examples of the repository's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
