//! What a document is to the program: current, migrated, newer, wrong.

use std::sync::LazyLock;

use livermore_core::settings::{
    Migrations, Mode, Problem, ProblemCode, Settings, SettingsError, Status, UserSettings, change, load, reset,
    three_way,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{document, path, places, problems, read};

#[test]
fn case_56_a_newer_document_is_shown_and_never_written() {
    let newer = json!({ "version": 4, "mode": "scalper-macdv", "hologram": { "on": true } });
    let loaded = read(newer.clone()).unwrap();
    assert_eq!((loaded.status, loaded.from), (Status::Newer, 4));
    assert_eq!(loaded.settings.mode, Mode::ScalperMacdv);
    assert_eq!(loaded.original.to_value(), newer);
    assert!(matches!(reset::<UserSettings>(&loaded.original), Err(SettingsError::Newer { found: 4, max: 3 })));
    // What this program cannot even show is refused as newer, not as wrong.
    let strange = read(json!({ "version": 4, "mode": { "name": "scalper-macdv" } }));
    assert!(matches!(strange, Err(SettingsError::Newer { found: 4, max: 3 })));
}

#[test]
fn case_57_unknown_members_survive_a_typed_change() {
    let stored = document(json!({
        "version": 3,
        "symbols": { "monitored": ["BTC-USD"], "theirs": [{ "deep": [null, 1.50] }] },
        "alerts": { "levels": [150, 200], "theirs": null },
        "theirs": "x",
    }));
    let loaded = load::<UserSettings>(Some(&stored)).unwrap();
    let mut wanted = loaded.settings.clone();
    wanted.alerts.enabled = false;
    let changed = change(&loaded.document, &loaded.settings, &wanted).unwrap();
    let mut expected = stored.clone();
    expected.set(&path("alerts.enabled"), json!(false)).unwrap();
    assert_eq!(changed, expected);
}

#[test]
fn case_57_unknown_members_survive_inside_arrays() {
    let stored =
        document(json!({ "version": 1, "items": [{ "n": 0, "x": 1 }, { "n": 2, "x": 2 }, { "n": 4, "x": 3 }] }));
    let before = load::<Listed>(Some(&stored)).unwrap().settings;
    let mut after = before.clone();
    after.items[1].n = 20;
    let changed = change(&stored, &before, &after).unwrap();
    assert_eq!(
        changed.get(&path("items")),
        Some(&json!([{ "n": 0, "x": 1 }, { "n": 20, "x": 2 }, { "n": 4, "x": 3 }]))
    );
    after = before.clone();
    after.items.insert(1, Item { n: 8 });
    let changed = change(&stored, &before, &after).unwrap();
    let items = json!([{ "n": 0, "x": 1 }, { "n": 8 }, { "n": 2, "x": 2 }, { "n": 4, "x": 3 }]);
    assert_eq!(changed.get(&path("items")), Some(&items));
    after = before.clone();
    after.items.remove(0);
    let changed = change(&stored, &before, &after).unwrap();
    assert_eq!(changed.get(&path("items")), Some(&json!([{ "n": 2, "x": 2 }, { "n": 4, "x": 3 }])));
}

#[test]
fn case_59_missing_null_and_empty_give_the_same_defaults() {
    let defaults = UserSettings::default();
    assert_eq!(load::<UserSettings>(None).unwrap().settings, defaults);
    assert_eq!(read(json!({})).unwrap().settings, defaults);
    assert_eq!(read(json!({ "version": 3 })).unwrap().settings, defaults);
    // Every member of every depth, once as null and once missing.
    let full = load::<UserSettings>(None).unwrap().document;
    let mut all = Vec::new();
    members(&full.to_value(), "", &mut all);
    assert!(all.len() >= 30, "{all:?}");
    for pointer in all.iter().filter(|pointer| *pointer != "/version") {
        let mut missing = full.clone();
        missing.remove(&path(pointer)).unwrap();
        let mut null = full.clone();
        null.set(&path(pointer), Value::Null).unwrap();
        let mut empty = full.clone();
        if empty.get(&path(pointer)).is_some_and(Value::is_object) {
            empty.set(&path(pointer), json!({})).unwrap();
        }
        for (how, changed) in [("missing", missing), ("null", null), ("empty", empty)] {
            let settings = load::<UserSettings>(Some(&changed)).unwrap().settings;
            assert_eq!(settings, defaults, "{pointer} {how}");
        }
    }
}

fn members(value: &Value, at: &str, all: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let pointer = format!("{at}/{name}");
        members(member, &pointer, all);
        all.push(pointer);
    }
}

#[test]
fn a_failing_step_names_itself_and_the_place() {
    let error = read(json!({ "version": 1, "livermore_runtime": { "logging": { "log_directory": ["CANARY"] } } }));
    let SettingsError::Migration(error) = error.unwrap_err() else { panic!() };
    assert_eq!((error.from, error.name), (2, "group symbols, exchanges, alerts, runtime, scanner and profile"));
    assert_eq!(places(&error.problems), [("/livermore_runtime/logging/log_directory", ProblemCode::Type)]);
    assert!(!format!("{error} {error:?}").contains("CANARY"));
}

#[test]
fn all_problems_at_once_and_at_their_places() {
    let found = problems(json!({
        "version": 3,
        "mode": "scalper",
        "symbols": { "monitored": ["BTC-USD", 7, "eth-usd", "BTC-USD", "", "SOL-USD", "SOL-USD"] },
        "timeframes": ["1m", "60m", "5m"],
        "alerts": { "enabled": "yes", "levels": [150, -1, 150] },
        "runtime": "fast",
    }));
    let mut found = places(&found);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("/alerts/enabled", ProblemCode::Type),
            ("/alerts/levels/1", ProblemCode::Range),
            ("/alerts/levels/2", ProblemCode::Duplicate),
            ("/mode", ProblemCode::Unknown),
            ("/runtime", ProblemCode::Type),
            ("/symbols/monitored/1", ProblemCode::Type),
            ("/symbols/monitored/2", ProblemCode::Format),
            ("/symbols/monitored/3", ProblemCode::Duplicate),
            ("/symbols/monitored/4", ProblemCode::Format),
            ("/symbols/monitored/6", ProblemCode::Duplicate),
            ("/timeframes/1", ProblemCode::Unknown),
        ]
    );
}

#[test]
fn an_array_is_no_object() {
    for place in [
        "symbols",
        "exchanges",
        "alerts",
        "runtime",
        "scanner",
        "profile",
        "alerts.cooldowns",
        "alerts.discord",
        "runtime.logging",
        "exchanges.coinbase",
        "exchanges.kraken",
    ] {
        let mut stored = document(json!({ "version": 3 }));
        let place = path(place);
        stored.set(&place, json!([])).unwrap();
        assert_eq!(places(&problems(stored.into_value())), [(place.to_string().as_str(), ProblemCode::Type)]);
    }
}

#[test]
fn a_document_full_of_mistakes_ends() {
    let symbols: Vec<Value> = (0..5_000).map(|n| json!(n)).collect();
    assert_eq!(problems(json!({ "version": 3, "symbols": { "monitored": symbols } })).len(), 100);
}

#[test]
fn no_debug_and_no_message_shows_content() {
    let canary = "CANARY-7f3a";
    let mut wrong = json!({
        "version": 3,
        "mode": canary,
        "symbols": { "monitored": [canary, { "x": canary }], "minPositionValueUsd": canary },
        "timeframes": [canary],
        "exchanges": { "coinbase": { "apiKeyEnvVar": canary, "enabled": canary }, "kraken": canary },
        "alerts": { "levels": [canary], "discord": { "webhookEnvVar": format!("https://{canary}") } },
        "profile": { "publicName": [canary], "tradingMode": canary },
        "runtime": { "logging": { "level": canary } },
        "extensions": canary,
    });
    let stored = document(wrong.clone());
    let error = load::<UserSettings>(Some(&stored)).unwrap_err();
    assert!(problems(wrong.clone()).len() >= 14, "{error}");
    // A short text that is almost a symbol is worth a suggestion; everything else stays unseen.
    let shown = format!("{stored:?} {error} {error:?}").replace("did you mean \\\"CANARY-7F3A\\\"", "");
    assert!(!shown.contains(canary), "{shown}");
    wrong = json!({ "version": 3, "extensions": { "x": canary }, "exchanges": { "coinbase": { "apiKeyEnvVar": "CANARY" } } });
    let loaded = read(wrong).unwrap();
    let shown = format!("{loaded:?} {:?} {:?}", loaded.settings, loaded.settings.exchanges);
    assert!(!shown.contains("CANARY"), "{shown}");
}

#[test]
fn a_reset_keeps_what_is_not_ours() {
    let stored = document(json!({
        "version": 3,
        "mode": "scalper-macdv",
        "symbols": { "monitored": ["BTC-USD"], "theirs": 1 },
        "extensions": { "notes": [1] },
        "theirs": { "deep": true },
    }));
    let fresh = reset::<UserSettings>(&stored).unwrap();
    let loaded = load::<UserSettings>(Some(&fresh)).unwrap();
    assert_eq!(loaded.status, Status::Current);
    assert_eq!(loaded.settings.extensions["notes"], json!([1]));
    assert_eq!(UserSettings::default(), {
        let mut settings = loaded.settings;
        settings.extensions.clear();
        settings
    });
    assert_eq!(fresh.get(&path("theirs.deep")), Some(&json!(true)));
    assert_eq!(fresh.get(&path("symbols.theirs")), None);
}

#[test]
fn three_views_of_one_document() {
    let base = document(json!({ "version": 3, "mode": "a", "symbols": { "monitored": ["X"] }, "same": 1 }));
    let with = |place: &str, value: Value| {
        let mut changed = base.clone();
        changed.set(&path(place), value).unwrap();
        changed
    };
    let mine = with("mode", json!("b"));
    let mut theirs = with("mode", json!("c"));
    theirs.set(&path("symbols.monitored"), json!(["Y"])).unwrap();
    let view: Vec<(String, bool)> =
        three_way(&base, &mine, &theirs).into_iter().map(|at| (at.pointer, at.conflict)).collect();
    assert_eq!(view, [("/mode".to_owned(), true), ("/symbols/monitored".to_owned(), false)]);
}

/// Another app's settings: a list of objects, and a member that must be there.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Listed {
    items: Vec<Item>,
}

#[derive(Clone, Serialize, Deserialize, PartialEq)]
struct Item {
    n: i64,
}

impl Settings for Listed {
    fn migrations() -> &'static Migrations {
        static MIGRATIONS: LazyLock<Migrations> = LazyLock::new(|| Migrations::in_order([]));
        &MIGRATIONS
    }

    fn validate(&self) -> Vec<Problem> {
        let odd = |index: usize| Problem::new(format!("/items/{index}/n"), ProblemCode::Range, "is odd");
        self.items.iter().enumerate().filter(|(_, item)| item.n % 2 != 0).map(|(index, _)| odd(index)).collect()
    }
}

#[test]
fn places_stay_right_when_items_before_them_are_wrong() {
    let stored = document(
        json!({ "version": 1, "items": [{ "n": 2 }, {}, { "n": "x" }, 5, { "n": 3 }, { "n": true }, { "n": 7 }] }),
    );
    let Err(SettingsError::Invalid { problems }) = load::<Listed>(Some(&stored)) else { panic!() };
    let mut found = places(&problems);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("/items/1", ProblemCode::Missing),
            ("/items/2/n", ProblemCode::Type),
            ("/items/3", ProblemCode::Type),
            ("/items/4/n", ProblemCode::Range),
            ("/items/5/n", ProblemCode::Type),
            ("/items/6/n", ProblemCode::Range),
        ]
    );
}
