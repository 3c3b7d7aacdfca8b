//! What the doctor says of command logs.

use super::buses::{Kind, on_every_log};
use crate::settings_json::check;

on_every_log!(a_log_in_order_has_no_failed_row, the_monitor_that_runs_is_shown);

fn a_log_in_order_has_no_failed_row(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let folder = tempfile::TempDir::new().unwrap();
    let store = format!("file:{}", folder.path().display());
    let rows = |name: &str| -> Vec<serde_json::Value> {
        let examined = bus.json(&["doctor", "--store", &store]);
        let rows = examined["checks"].as_array().unwrap().iter().filter(|row| row["check"] == name);
        rows.inspect(|row| check("A check", row)).cloned().collect()
    };
    if kind == Kind::Folder {
        assert_eq!(rows("bus")[0]["status"], "skip");
        bus.get(&["command", "cancel", &bus.recorded(&["pause"])]);
    }
    let log = rows("bus");
    assert_eq!((&log[0]["status"], &log[0]["facts"]["durable"]), (&"ok".into(), &true.into()), "{log:?}");
    assert_eq!(rows("commands")[0]["found"], "no command waits");
    bus.recorded(&["pause"]);
    let commands = rows("commands");
    assert_eq!(commands[0]["facts"]["undecided"], 1, "{commands:?}");
    assert_eq!(rows("commands")[0]["status"], "ok", "it has only just been sent");
}

fn the_monitor_that_runs_is_shown(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let row = || {
        let examined = bus.json(&["doctor"]);
        let rows = examined["checks"].as_array().unwrap();
        let row = rows.iter().find(|row| row["check"] == "monitor").cloned().unwrap();
        check("A check", &row);
        row
    };
    bus.recorded(&["pause"]);
    assert_eq!(row()["found"], "no monitor of user 1 runs");
    assert_eq!(row()["facts"]["holder"], serde_json::Value::Null);
    if kind != Kind::Folder {
        // Only one process at a time uses a folder.
        let inbox = bus.inbox(&[]);
        inbox.told("leading");
        bus.get(&["resume"]);
        let shown = row();
        assert_eq!(shown["status"], "ok", "{shown}");
        assert_eq!(shown["facts"]["desiredGeneration"], shown["facts"]["observedGeneration"], "{shown}");
        assert!(shown["facts"]["holder"].is_string() && shown["facts"]["epoch"].is_u64(), "{shown}");
    }
    let answer = bus.json(&["command", "rebase"]);
    check("A rebased log", &answer);
    assert_eq!(answer["rebased"], false, "nothing was lost: {answer}");
}
