//! An inbox that needs nobody else, and its options.

use std::{io::Write, process::Stdio};

use livermore_tests::{livermore, run};
use tempfile::TempDir;

use super::buses::Inbox;

/// An inbox on a log in memory, with its settings in a folder.
fn alone() -> Inbox {
    let folder = TempDir::new().unwrap();
    let store = format!("file:{}", folder.path().join("settings").display());
    Inbox::start(&["--bus", "memory", "--store", &store, "--plane-delay", "1ms"], folder, Stdio::piped())
}

#[test]
fn commands_can_be_typed_without_any_server() {
    let mut inbox = alone();
    inbox.told("leading");
    let mut typed = inbox.process.stdin.take().unwrap();
    typed.write_all(b"pause hold\n\npaus\nadd-symbol BTC-USD\nforce-backfill BTC-USD\nadd-symbol btc/usd\n").unwrap();
    let refused = inbox.told("notSubmitted");
    assert!(refused["what"].as_str().unwrap().contains("did you mean \"pause\"?"), "{refused}");
    inbox.told_that("notSubmitted", |event| event["what"].as_str().unwrap().contains("BTC-USD"));
    inbox.told_that("decided", |event| event["kind"] == "pause" && event["verdict"] == "applied");
    inbox.told_that("converged", |event| event["phase"] == "held" && event["settingsRevision"] == 1);
    let submitted = inbox.told_that("submitted", |event| event["kind"] == "force-backfill");
    inbox.told_that("job", |event| event["id"] == submitted["id"] && event["state"]["is"] == "done");
    // The end of the input is not its end.
    drop(typed);
    inbox.signal("INT");
    assert_eq!(inbox.ended(), Some(0));
    assert_eq!(inbox.told("end")["decided"], 3);
}

#[test]
fn an_output_that_nobody_reads_ends_it() {
    let folder = TempDir::new().unwrap();
    let store = format!("file:{}", folder.path().display());
    let mut command = livermore(&["inbox", "--bus", "memory", "--store", &store]);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    drop(process.stdout.take());
    let mut typed = process.stdin.take().unwrap();
    // It may have ended already.
    let _ = typed.write_all(b"pause\n");
    crate::stores::eventually("its end", || process.try_wait().unwrap().is_some());
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

#[test]
fn options_that_are_wrong_are_exit_code_2() {
    for (arguments, part) in [
        (&["--users", "5-1"][..], "write 1-100"),
        (&["--users", "1-99999"], "at most 10000 users"),
        (&["--user", "1,x"], "user id"),
        (&["--user", "1", "--users", "1-2"], "cannot be used with"),
        (&["--holder", "a b"], "without space"),
        (&["--plane-delay", "soon"], "--plane-delay"),
        (&["--bus", "memroy"], "did you mean memory"),
    ] {
        let refused = run(&[&["inbox", "--store", "file:/nowhere/at/all"], arguments].concat(), b"");
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(part), "{arguments:?}: {}", refused.stderr);
    }
}
