//! A log in a folder, which one process uses at a time.

use std::{io::Write, process::Stdio, time::Duration};

use livermore_tests::run;
use tempfile::TempDir;
use tokio::time::Instant;

use super::buses::{Inbox, Kind};

const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

#[test]
fn what_is_recorded_first_is_decided_when_an_inbox_starts() {
    let Some(bus) = Kind::Folder.fresh() else { return };
    let sent = bus.run(&["pause", "--id", ID, "--timeout", "100ms"]);
    assert_eq!(sent.code, Some(4), "{}", sent.stderr);
    assert!(sent.stderr.contains(&format!("livermore command show {ID} --bus file:")), "{}", sent.stderr);
    assert_eq!(bus.run(&["resume", "--id", ID]).code, Some(6));
    let other = bus.recorded(&["resume"]);
    bus.get(&["command", "cancel", &other]);
    let mut inbox = bus.inbox(&["--plane-delay", "1ms"]);
    inbox.told_that("decided", |event| event["id"] == ID);
    inbox.told_that("converged", |event| event["phase"] == "stopped");
    let refused = bus.run(&["resume"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    for part in ["another process uses the command log", "--bus redis://…", "this call has recorded nothing"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    inbox.signal("TERM");
    assert_eq!(inbox.ended(), Some(0));
    let shown = bus.get(&["command", "show", ID]);
    assert!(shown.contains("pause: applied and effective (changed, seq 1"), "{shown}");
    assert_eq!(bus.run(&["pause", "--id", ID]).code, Some(0), "sent again");
}

#[test]
fn another_inbox_takes_over_from_a_killed_one() {
    let Some(bus) = Kind::Folder.fresh() else { return };
    bus.recorded(&["pause"]);
    let mut first = bus.inbox(&["--decide-delay", "30s"]);
    first.told("deciding");
    first.signal("KILL");
    let killed = Instant::now();
    first.ended();
    let second = bus.inbox(&["--plane-delay", "1ms"]);
    second.told("decided");
    assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
}

#[test]
fn commands_can_be_typed_and_are_there_the_next_time() {
    let folder = TempDir::new().unwrap();
    let url = format!("file:{}", folder.path().join("log").display());
    let arguments = ["--bus", &url, "--store", &url, "--plane-delay", "1ms"];
    let mut inbox = Inbox::start(&arguments, folder, Stdio::piped());
    inbox.told("leading");
    inbox.process.stdin.as_mut().unwrap().write_all(b"pause mute\n").unwrap();
    inbox.told_that("converged", |event| event["phase"] == "muted");
    inbox.signal("INT");
    assert_eq!(inbox.ended(), Some(0));
    let listed = run(&["command", "list", "--bus", &url], b"").success();
    assert!(listed.contains("effective"), "{listed}");
}

#[test]
fn schemas_need_no_log() {
    let one = crate::settings_json::json(&run(&["command", "schema", "pause"], b"").success());
    assert_eq!(one["title"], "pause");
    let all = crate::settings_json::json(&run(&["command", "schema"], b"").success());
    assert!(all["pause"].is_object() && all["record"].is_object());
    let refused = run(&["command", "schema", "paus"], b"");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("did you mean \"pause\"?"), "{}", refused.stderr);
}
