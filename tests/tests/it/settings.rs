//! `livermore settings`, the same on every store.

use livermore_tests::{Finished, run};
use serde_json::Value;

use crate::stores::{Kind, on_every_store};

on_every_store!(
    a_change_is_saved_with_its_reason_and_can_be_taken_back,
    every_problem_is_told_and_nothing_is_saved,
    an_old_document_is_taken_over_whole,
    users_do_not_see_each_other,
    everybody_is_migrated,
    an_import_says_what_it_changed,
    an_editor_that_comes_back_with_nonsense_loses_nothing,
);

fn a_change_is_saved_with_its_reason_and_can_be_taken_back(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    assert_eq!(store.get(&["get", "mode"]), "position-monitor");
    let changed = store.get(&["set", "mode", "scalper-macdv", "--reason", "hunting"]);
    assert_eq!(changed, "~ /mode \"position-monitor\" -> \"scalper-macdv\"\nrevision 1");
    store.get(&["set", "symbols.monitored", r#"["BTC-USD","ETH-USD"]"#]);
    assert_eq!(store.get(&["get", "symbols.monitored.1"]), "ETH-USD");
    assert!(store.get(&["history"]).lines().last().unwrap().contains("hunting"));
    assert!(store.get(&["diff", "1"]).contains("/symbols/monitored"));
    store.get(&["rollback", "1"]);
    assert_eq!(store.get(&["get", "symbols.monitored"]), "[]");
    assert_eq!(store.get(&["get", "mode"]), "scalper-macdv");
    store.get(&["reset"]);
    assert_eq!(store.get(&["get", "mode"]), "position-monitor");
}

fn every_problem_is_told_and_nothing_is_saved(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    let patch = r#"{"mode":"fast","symbols":{"monitored":["btc-usd"]},"timeframes":["60m"]}"#;
    let refused = store.run(&["patch", patch], "");
    assert_eq!(refused.code, Some(2));
    for expected in ["/mode", "/symbols/monitored/0", "BTC-USD", "/timeframes/0", "1h"] {
        assert!(refused.stderr.contains(expected), "{expected}: {}", refused.stderr);
    }
    assert_eq!(store.get(&["history"]), "");
    for wrong in [&["get", "nothing.here"][..], &["set", "a..b", "1"], &["rollback", "9"], &["patch", "{"]] {
        assert_eq!(store.run(wrong, "").code, Some(2), "{wrong:?}");
    }
    assert_eq!(run(&["settings", "--store", "nonsense", "get"], b"").code, Some(2));
}

fn an_old_document_is_taken_over_whole(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    let old = r#"{"version":1,"symbols":["BTC-USD"],"alertsEnabled":true,"tool":{"x":1}}"#;
    store.run(&["import", "-"], old).success();
    assert_eq!(store.get(&["get", "symbols.monitored.0"]), "BTC-USD");
    let whole: Value = serde_json::from_str(&store.get(&["get"])).unwrap();
    assert_eq!(whole["version"], 3);
    assert!(whole.to_string().contains(r#""tool":{"x":1}"#), "{whole}");
    assert!(store.get(&["migrate", "--dry-run", "--all-users"]).contains("0 would be migrated, 0 failed"));
    // What was exported is what can be imported.
    let exported = store.get(&["export"]);
    let Some(other) = kind.fresh() else { return };
    other.run(&["import", "-"], &exported).success();
    assert_eq!(other.get(&["get"]), store.get(&["get"]));
}

fn users_do_not_see_each_other(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    store.get(&["set", "mode", "scalper-macdv", "--user", "7"]);
    assert_eq!(store.get(&["get", "mode", "--user", "70"]), "position-monitor");
    assert_eq!(store.get(&["get", "mode", "--user", "7"]), "scalper-macdv");
}

fn an_editor_that_comes_back_with_nonsense_loses_nothing(kind: Kind) {
    if !cfg!(unix) {
        return; // the editor is a shell script
    }
    let Some(store) = kind.fresh() else { return };
    let (url, folder) = (store.url(), tempfile::TempDir::new().unwrap());
    let edit = |editor: &str| {
        let mut command = livermore_tests::livermore(&["settings", "--store", &url, "edit"]);
        Finished::of(&command.env("VISUAL", editor).output().unwrap())
    };
    let script = folder.path().join("nonsense.sh");
    std::fs::write(&script, "echo '{\"version\":3,\"mode\":\"fast\"}' > \"$1\"\n").unwrap();
    let refused = edit(&format!("sh {}", script.display()));
    assert_eq!(refused.code, Some(2));
    let kept = refused.stderr.lines().find_map(|line| line.strip_prefix("what you wrote is kept in ")).unwrap();
    assert!(std::fs::read_to_string(kept).unwrap().contains("fast"));
    std::fs::remove_file(kept).unwrap();
    assert_eq!(edit("true").code, Some(0));
}

fn everybody_is_migrated(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    for user in ["1", "7", "70"] {
        store.get(&["set", "mode", "scalper-macdv", "--user", user]);
    }
    let told = store.get(&["migrate", "--all-users"]);
    assert_eq!(told, "version 3: 3\n0 migrated, 0 failed");
}

fn an_import_says_what_it_changed(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    let told = store.run(&["import", "-"], r#"{"version":3,"mode":"scalper-macdv"}"#).success();
    assert!(told.contains("~ /mode \"position-monitor\" -> \"scalper-macdv\"\n"), "{told}");
    assert!(told.ends_with("revision 1\n"), "{told}");
    assert_eq!(store.run(&["import", "no-such-file"], "").code, Some(2));
}
