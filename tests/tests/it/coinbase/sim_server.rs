//! `livermore sim-server`.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use livermore_tests::{livermore, run};
use serde_json::Value;
use tempfile::TempDir;

use crate::settings_json::check;

/// A server in a process of its own; ended when dropped.
struct Server {
    child: Child,
    told: Value,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = livermore(&[&["sim-server", "--json"], arguments].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, told }
    }

    fn run(&self, arguments: &[&str]) -> String {
        run(&[arguments, &["--rest-url", self.told["restUrl"].as_str().unwrap()]].concat(), b"").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_the_other_commands_and_equal_seeds_are_equal_markets() {
    let download = |seed| {
        let server = Server::start(&["--seed", seed]);
        check("A simulated exchange", &server.told);
        server.run(&["candles", "BTC-USD", "--timeframe", "1h", "--from", "2026-01-01", "--to", "2026-01-04"])
    };
    let first = download("7");
    assert!(first.lines().count() > 70, "{first}");
    assert_eq!(first, download("7"));
    assert_ne!(first, download("8"));
}

#[test]
fn recorded_candles_are_repeated() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.csv");
    let rows: Vec<String> = (0..600)
        .map(|minute| format!("{},{minute},{},{minute},{minute},2", 1_522_800_000 + minute * 60, minute + 1))
        .collect();
    let text = format!("time,open,high,low,close,volume\n{}\n", rows.join("\n"));
    std::fs::write(&file, &text).unwrap();
    let recorded = format!("TEST-USD={}", file.display());
    let server = Server::start(&["--csv", &recorded, "--live-from", "2018-04-04T09:00:00Z"]);
    assert_eq!(server.told["symbols"], serde_json::json!(["TEST-USD"]));
    let arguments = ["candles", "TEST-USD", "--timeframe", "1m", "--from", "1522800000", "--to", "1522830000"];
    assert_eq!(server.run(&arguments), text.split_inclusive('\n').take(501).collect::<String>());
}

#[test]
fn a_wrong_file_is_refused_with_its_line() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.csv");
    let recorded = format!("TEST-USD={}", file.display());
    for (rows, expected) in [
        ("120,1,2,0.5,1,1\n60,1,2,0.5,1,1\n", "line 3: comes before the line above it"),
        ("120,1,2,0.5,1,x\n", "line 2, field volume"),
        ("", "has no candles"),
    ] {
        std::fs::write(&file, format!("time,open,high,low,close,volume\n{rows}")).unwrap();
        let ended = run(&["sim-server", "--csv", &recorded], b"");
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

#[cfg(unix)]
#[test]
fn what_it_prints_can_be_typed_and_ctrl_c_ends_it() {
    use rustix::process::{Pid, Signal, kill_process};
    let mut child = livermore(&["sim-server"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for name in ["LIVERMORE_COINBASE_WS_URL='ws://127.0.0.1:", "LIVERMORE_COINBASE_USER_WS_URL='ws://127.0.0.1:"] {
        let line = lines.next().unwrap().unwrap();
        assert!(line.starts_with(&format!("export {name}")), "{line}");
    }
    let line = lines.next().unwrap().unwrap();
    let (_, url) = line.split_once("export LIVERMORE_COINBASE_REST_URL=").unwrap();
    let scanned = livermore(&["scan"]).env("LIVERMORE_COINBASE_REST_URL", url.trim_matches('\'')).output().unwrap();
    assert!(scanned.status.success(), "{}", String::from_utf8_lossy(&scanned.stderr));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
