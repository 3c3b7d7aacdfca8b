//! Every document that was ever stored can be read by this program. See `tests/golden/settings/README.md`.

use std::{fs, path::PathBuf};

use livermore_core::settings::{Settings, Status, UserSettings};
use serde_json::Value;

use super::{document, read};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/settings")
}

fn json(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Name and version of every stored document.
fn stored() -> Vec<(String, u32)> {
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names =
        names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).filter(|name| !name.contains(".to-"));
    let mut all: Vec<(String, u32)> = names
        .map(|name| {
            let version = name[1..].split('-').next().unwrap().parse().unwrap();
            (name, version)
        })
        .collect();
    all.sort();
    all
}

/// What every stored document is today.
pub(super) fn current() -> Vec<Value> {
    let current = |(name, _): (String, u32)| json(&format!("{name}.to-v{}.json", UserSettings::VERSION));
    stored().into_iter().map(current).collect()
}

#[test]
fn case_58_golden_documents_of_every_version_become_current_ones() {
    let all = stored();
    for version in 1..=UserSettings::VERSION {
        assert!(all.iter().any(|(_, of)| *of == version), "there is no golden document of version {version}");
    }
    for (name, version) in all {
        let old = json(&format!("{name}.json"));
        let loaded = read(old.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let golden = json(&format!("{name}.to-v{}.json", UserSettings::VERSION));
        assert_eq!(loaded.document.to_value(), golden, "{name}");
        assert_eq!(loaded.original.to_value(), old, "{name}: the stored document is kept");
        assert_eq!(loaded.from, version, "{name}");
        let steps: Vec<u32> = loaded.applied.iter().map(|step| step.from).collect();
        assert_eq!(steps, (version..UserSettings::VERSION).collect::<Vec<_>>(), "{name}");
        let status = if version == UserSettings::VERSION { Status::Current } else { Status::Migrated };
        assert_eq!(loaded.status, status, "{name}");
    }
}

#[test]
fn case_58_migrating_twice_is_migrating_once() {
    for (name, _) in stored() {
        let once = read(json(&format!("{name}.json"))).unwrap();
        let twice = read(once.document.to_value()).unwrap();
        assert_eq!(once.document, twice.document, "{name}");
        assert_eq!(once.settings, twice.settings, "{name}");
        assert_eq!(twice.status, Status::Current, "{name}");
    }
}

#[test]
fn the_chain_ends_at_the_version_of_the_type() {
    assert_eq!(UserSettings::migrations().current(), UserSettings::VERSION);
}

#[test]
fn the_full_document_is_understood_to_the_last_member() {
    let full = json("v3-full.json");
    let settings = read(full.clone()).unwrap().settings;
    let mut known = serde_json::to_value(&settings).unwrap();
    known["version"] = UserSettings::VERSION.into();
    // What the type shows is the document without the strangers in it.
    let mut expected = document(full);
    for stranger in ["symbols.colour", "exchanges.coinbase.label", "alerts.discord.thread", "dashboard"] {
        assert!(expected.remove(&super::path(stranger)).unwrap().is_some(), "{stranger}");
    }
    // The typed view does not show a null, whoever it belongs to.
    expected.remove(&super::path("extensions.notes.0.pinned")).unwrap();
    assert_eq!(known, expected.to_value());
}
