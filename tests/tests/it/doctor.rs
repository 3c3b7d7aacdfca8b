//! `livermore doctor` on folders in every state, none of which it changes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use livermore_tests::{Finished, run};
use tempfile::TempDir;

use crate::stores::{Kind, on_every_store};

on_every_store!(a_store_in_order_has_no_failed_row, settings_that_are_wrong_are_told_by_place);

fn doctor(folder: &Path, arguments: &[&str]) -> Finished {
    let before = content(folder);
    let url = format!("file:{}", folder.display());
    let examined = run(&[&["doctor", "--store", &url], arguments].concat(), b"");
    assert_eq!(content(folder), before, "the doctor changed something");
    examined
}

/// Every file in and under a folder.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(content(&path));
            found.insert(path, Vec::new());
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

fn a_store_in_order_has_no_failed_row(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    let nothing = store.doctor(&[], &["--user", "7"]).success();
    assert!(nothing.contains("user 7 has saved nothing; the defaults hold"), "{nothing}");
    store.get(&["set", "mode", "scalper-macdv", "--user", "7"]);
    let examined = store.doctor(&[], &["--user", "7"]).success();
    assert!(examined.contains("ok    settings     user 7, revision 1, version 3"), "{examined}");
    assert!(!examined.contains("FAIL") && !examined.contains("warn"), "{examined}");
}

fn settings_that_are_wrong_are_told_by_place(kind: Kind) {
    let Some(store) = kind.fresh() else { return };
    #[cfg(unix)]
    if let crate::stores::Store::Postgres(database) = &store {
        let save = |user: u32, document: &str| {
            database.run(&format!("SELECT livermore.settings_save({user}, NULL, '{document}', 'x', NULL, NULL, 0)"));
        };
        save(2, r#"{"version":3,"mode":"fast","timeframes":["60m"]}"#);
        save(3, r#"{"version":1,"symbols":["BTC-USD"]}"#);
        save(4, r#"{"version":99}"#);
        for (user, code, parts) in [
            ("2", 2, &["/mode", "/timeframes/0", "livermore settings edit --user 2"][..]),
            ("3", 0, &["warn  settings", "livermore settings migrate --user 3"]),
            ("4", 2, &["newer than this program", "update livermore"]),
        ] {
            let examined = store.doctor(&[], &["--user", user]);
            assert_eq!(examined.code, Some(code), "{}", examined.stdout);
            assert!(parts.iter().all(|part| examined.stdout.contains(part)), "{}", examined.stdout);
        }
    }
    store.get(&["set", "exchanges.coinbase.apiKeyEnvVr", "1"]);
    let examined = store.doctor(&[], &[]).success();
    assert!(examined.contains("apiKeyEnvVr: is not a known setting (did you mean \"apiKeyEnvVar\"?)"), "{examined}");
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let outer = TempDir::new().unwrap();
    let folder = outer.path().join("store");
    let examined = doctor(&folder, &[]);
    assert_eq!(examined.code, Some(0), "{}", examined.stdout);
    assert!(examined.stdout.contains("is not there"), "{}", examined.stdout);
    assert!(!folder.exists());
    fs::write(&folder, "").unwrap();
    let examined = doctor(&folder, &[]);
    assert_eq!(examined.code, Some(2));
    assert!(examined.stdout.contains("is not a folder"), "{}", examined.stdout);
}

#[test]
fn an_interrupted_or_damaged_save_is_told_and_left_to_be_mended() {
    let folder = TempDir::new().unwrap();
    let url = format!("file:{}", folder.path().display());
    let set = |mode: &str| run(&["settings", "--store", &url, "set", "mode", mode], b"").success();
    set("scalper-macdv");
    let current = folder.path().join("users/1.json");
    let first = fs::read(&current).unwrap();
    set("position-monitor");
    // As after a crash between the two files: the history is ahead.
    fs::write(&current, &first).unwrap();
    let examined = doctor(folder.path(), &[]);
    assert!(examined.stdout.contains("is completed: revision 2"), "{}", examined.stdout);
    assert!(examined.stdout.contains("user 1, revision 2"), "what counts is shown: {}", examined.stdout);
    fs::write(&current, "nonsense").unwrap();
    let examined = doctor(folder.path(), &[]);
    assert_eq!(examined.code, Some(0), "{}", examined.stdout);
    assert!(examined.stdout.contains("warn  files"), "{}", examined.stdout);
    fs::remove_file(folder.path().join("users/1.history.jsonl")).unwrap();
    let examined = doctor(folder.path(), &[]);
    assert_eq!(examined.code, Some(2), "{}", examined.stdout);
    assert!(examined.stdout.contains("FAIL  settings"), "{}", examined.stdout);
}

#[test]
fn a_history_longer_than_what_is_read_of_it_is_no_finding() {
    let folder = TempDir::new().unwrap();
    let url = format!("file:{}", folder.path().display());
    let long = "x".repeat(50_000);
    for round in 0..30 {
        let value = format!("{{\"round\":{round},\"text\":\"{long}\"}}");
        run(&["settings", "--store", &url, "set", "extensions.large", &value], b"").success();
    }
    assert!(fs::metadata(folder.path().join("users/1.history.jsonl")).unwrap().len() > 1 << 20);
    let examined = doctor(folder.path(), &[]).success();
    assert!(examined.contains("ok    files") && examined.contains("revision 30"), "{examined}");
}
