//! A folder of settings and a second process.

use std::{process::Stdio, time::Duration};

use livermore_tests::{livermore, run};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::stores::eventually;

/// An editor that stays open until it is told: the command around it keeps the folder.
struct Editing {
    folder: TempDir,
    process: std::process::Child,
}

impl Editing {
    fn begin() -> Self {
        let folder = TempDir::new().unwrap();
        let script = folder.path().join("editor.sh");
        let (open, close) = (folder.path().join("open"), folder.path().join("close"));
        let wait = format!("touch {}\nwhile [ ! -e {} ]; do sleep 0.05; done\n", open.display(), close.display());
        std::fs::write(&script, wait).unwrap();
        let process = livermore(&["settings", "--store", &url(&folder), "edit"])
            .env("VISUAL", format!("sh {}", script.display()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the editor is open", || open.exists());
        Self { folder, process }
    }

    fn end(mut self) -> TempDir {
        std::fs::write(self.folder.path().join("close"), "").unwrap();
        assert!(self.process.wait().unwrap().success());
        self.folder
    }
}

fn url(folder: &TempDir) -> String {
    format!("file:{}", folder.path().join("store").display())
}

#[test]
fn a_second_process_is_told_who_has_the_folder_and_what_to_do() {
    let editing = Editing::begin();
    let url = url(&editing.folder);
    let begun = Instant::now();
    let busy = run(&["settings", "--store", &url, "get", "mode"], b"");
    assert_eq!(busy.code, Some(3), "{}", busy.stderr);
    assert!(begun.elapsed() < Duration::from_secs(10));
    for part in ["another process uses the folder", "wait until it has ended", "--store postgres://"] {
        assert!(busy.stderr.contains(part), "{}", busy.stderr);
    }
    let who = format!("process {}", editing.process.id());
    if cfg!(target_os = "linux") && std::fs::read_to_string("/proc/locks").is_ok_and(|locks| locks.contains("FLOCK")) {
        assert!(busy.stderr.contains(&format!("{who}, livermore")), "{}", busy.stderr);
        assert!(run(&["store", "status", "--store", &url], b"").success().contains(&who));
    }
    // The doctor does not need the folder for itself.
    let examined = run(&["doctor", "--store", &url], b"").success();
    assert!(examined.contains("warn  lock"), "{examined}");
    let folder = editing.end();
    assert_eq!(run(&["settings", "--store", &url, "get", "mode"], b"").success(), "position-monitor\n");
    assert!(run(&["store", "status", "--store", &url], b"").success().contains("no process uses it"));
    drop(folder);
}
