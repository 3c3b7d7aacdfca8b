//! The JSON of commands and inboxes has the fields that docs/command-line.md lists, and no others.

use std::collections::{BTreeMap, BTreeSet};

use livermore_tests::workspace;
use serde_json::Value;

use super::buses::{Kind, on_every_bus};
use crate::settings_json::{check, json};

on_every_bus!(an_inbox_prints_the_documented_events);

mod alone {
    use super::commands_print_the_documented_fields;
    use crate::commands::buses::on_every_log;

    on_every_log!(commands_print_the_documented_fields);
}

const COMMAND: &str = "A command";

fn commands_print_the_documented_fields(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let recorded = bus.json(&["pause", "--wait", "none"]);
    check(COMMAND, &recorded);
    let id = recorded["id"].as_str().unwrap();
    check(COMMAND, &json(&bus.run(&["pause", "--timeout", "100ms", "--json"]).stdout));
    let shown = bus.json(&["command", "show", id]);
    check(COMMAND, &shown);
    assert_eq!(shown["payload"], serde_json::json!({ "level": "stop" }));
    check(COMMAND, &bus.json(&["command", "list"])[0]);
    check(COMMAND, &bus.json(&["command", "cancel", id]));
    let watched = bus.run(&["command", "watch", id, "--json"]);
    assert_eq!(watched.code, Some(5), "it was cancelled");
    check(COMMAND, &json(watched.stdout.lines().next().unwrap()));
    let removed = bus.json(&["symbols", "remove", "BTC-USD", "ETH-USD", "--wait", "none"]);
    assert_eq!(removed.as_array().unwrap().len(), 2);
    check(COMMAND, &removed[0]);
}

/// The names in the table of events, each with its fields.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(workspace().join("docs/command-line.md")).unwrap();
    let (_, section) = text.split_once("\n## livermore inbox\n").unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("| `event` |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let events = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        (names(cells[0]).remove(0), names(cells[1]).into_iter().collect())
    });
    events.collect()
}

fn an_inbox_prints_the_documented_events(kind: Kind) {
    let Some(bus) = kind.fresh() else { return };
    let mut inbox = bus.inbox(&["--plane-delay", "1ms", "--plane-fails", "1", "--user", "1,2"]);
    for user in ["1", "2"] {
        let sent = bus.run(&["cache", "clear", "--user", user, "--timeout", "30s"]);
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    }
    inbox.signal("TERM");
    assert_eq!(inbox.ended(), Some(0));
    inbox.told("end");
    let documented = documented();
    let mut seen = BTreeSet::new();
    for event in inbox.events() {
        let Value::Object(members) = &event else { panic!("{event}") };
        let name = event["event"].as_str().unwrap();
        let fields = members.keys().filter(|name| *name != "event").cloned().collect::<BTreeSet<_>>();
        assert_eq!(documented.get(name), Some(&fields), "{event}");
        seen.insert(name.to_owned());
    }
    for name in ["start", "leading", "deciding", "decided", "converged", "degraded", "job", "stopped", "end"] {
        assert!(seen.contains(name), "{name}");
    }
}
