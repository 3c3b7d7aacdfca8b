//! The JSON of the commands has the fields that docs/command-line.md lists, and no others.

use std::collections::BTreeMap;

use livermore_tests::{run, workspace};
use serde_json::Value;

use crate::stores::{Kind, on_every_store};

on_every_store!(every_command_prints_the_documented_fields, doctor_prints_the_documented_fields);

/// The fields in the table under a heading, and whether each may be absent.
pub(crate) fn documented(heading: &str) -> BTreeMap<String, bool> {
    let text = std::fs::read_to_string(workspace().join("docs/command-line.md")).unwrap();
    let (_, section) = text.split_once(&format!("\n### {heading}\n")).expect(heading);
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let fields = rows.flat_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let optional = cells.last().unwrap().trim().starts_with("optional:");
        let names: Vec<(String, bool)> =
            cells[0].split(',').map(|name| (name.trim().trim_matches('`').to_owned(), optional)).collect();
        names
    });
    fields.collect()
}

#[track_caller]
pub(crate) fn check(heading: &str, printed: &Value) {
    let (documented, printed) = (documented(heading), printed.as_object().expect(heading));
    for name in printed.keys() {
        assert!(documented.contains_key(name), "{heading}: {name} is printed and not documented");
    }
    for (name, optional) in documented {
        assert!(optional || printed.contains_key(&name), "{heading}: {name} is documented and not printed");
    }
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn every_command_prints_the_documented_fields(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    let exported = store.get(&["export", "--json"]);
    check("An export", &json(&exported));
    for arguments in [
        &["set", "mode", "scalper-macdv", "--json"][..],
        &["set", "extensions.x", "1", "--json"],
        &["unset", "extensions.x", "--json"],
        &["patch", r#"{"timeframes":["5m"]}"#, "--json"],
        &["rollback", "1", "--json"],
        &["reset", "--json"],
    ] {
        let saved = json(&store.get(arguments));
        check("A saved change", &saved);
        check("A change", &saved["changes"][0]);
    }
    check("A saved change", &json(&store.run(&["import", "-", "--json"], &exported).success()));
    if cfg!(unix) {
        let edited = store.run_with(&[("VISUAL", "true")], &["edit", "--json"]);
        check("A saved change", &json(&edited.success()));
    }
    check("A change", &json(&store.get(&["diff", "1", "2", "--json"]))[0]);
    check("A valid document", &json(&store.get(&["validate", "--json"])));
    check("An entry of the history", &json(&store.get(&["history", "--json"]))[0]);
    check("A migration of settings", &json(&store.get(&["migrate", "--all-users", "--json"])));
    assert_eq!(json(&store.get(&["get", "mode", "--json"])), "position-monitor");
    assert_eq!(json(&store.get(&["get", "--json"]))["version"], 3);
    assert!(json(&store.get(&["schema", "--json"]))["properties"].is_object());
    let noted = store.run(&["set", "exchanges.coinbase.apiKeyEnvVr", "1", "--json"], "");
    check("A note", &json(&noted.stderr));
    let discord = r#"{"enabled":true,"webhookEnvVar":"LIVERMORE_1_NOT_SET"}"#;
    let noted = store.run(&["set", "alerts.discord", discord, "--json"], "");
    check("A note", &json(noted.stderr.lines().last().unwrap()));
    let status = json(&run(&["store", "status", "--json", "--store", &store.url()], b"").success());
    check(if kind == Kind::Folder { "A folder" } else { "A server" }, &status);
    #[cfg(unix)]
    if let Some(database) = (kind == Kind::Postgres).then(crate::stores::database::empty).flatten() {
        let owner = database.url(crate::stores::database::OWNER);
        check("A migration of tables", &json(&run(&["store", "migrate", "--json", "--store", &owner], b"").success()));
    }
}

fn doctor_prints_the_documented_fields(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    store.get(&["set", "alerts.discord", r#"{"enabled":true,"webhookEnvVar":"LIVERMORE_1_NOT_SET"}"#]);
    let facts = documented("Facts of a check");
    for environment in [&[][..], &[("LIVERMORE_1_NOT_SET", "x")]] {
        let examined = json(&store.doctor(environment, &["--json"]).stdout);
        check("A diagnosis", &examined);
        for row in examined["checks"].as_array().unwrap() {
            check("A check", row);
            for fact in row["facts"].as_object().into_iter().flat_map(|facts| facts.keys()) {
                assert!(facts.contains_key(fact), "{fact} is printed and not documented: {row}");
            }
        }
        let failed = examined["checks"].as_array().unwrap().iter().filter(|row| row["status"] == "fail").count();
        assert_eq!(examined["failed"], failed);
        assert_eq!(failed == 0, !environment.is_empty());
    }
}
