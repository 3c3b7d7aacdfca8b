//! Laws that hold for every document.

use livermore_core::settings::{Document, UserSettings, change, load};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::path;

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        (-1e6..1e6).prop_map(Value::from),
        "[ -~äß]{0,6}".prop_map(Value::from),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[abc]", "[a-c0-2/~. ]{1,3}"].prop_map(String::from)
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_document() -> impl Strategy<Value = Document> {
    prop::collection::btree_map(name(), value(), 0..5).prop_map(|members| {
        let mut map: Map<String, Value> = members.into_iter().collect();
        map.insert("version".to_owned(), json!(3));
        Document::new(Value::Object(map)).unwrap()
    })
}

/// Known members changed in every way the type allows.
fn settings() -> impl Strategy<Value = UserSettings> {
    (
        any::<bool>(),
        any::<bool>(),
        0_u8..100,
        prop::option::of("[a-z]{1,5}"),
        prop::collection::btree_set(1_u16..9_999, 1..5),
    )
        .prop_map(|(auto_start, alerts, usd, name, levels)| {
            let mut settings = UserSettings::default();
            settings.runtime.auto_start = auto_start;
            settings.alerts.enabled = alerts;
            settings.symbols.min_position_value_usd = f64::from(usd) / 2.0;
            settings.profile.public_name = name;
            settings.alerts.levels = levels.into_iter().map(f64::from).collect();
            settings
        })
}

proptest! {
    #[test]
    fn what_was_set_is_there(mut document in any_document(), names in prop::collection::vec(name(), 1..4), new in value()) {
        let place = names.iter().fold(livermore_core::settings::Path::root(), |place, name| place.join(name.as_str()));
        let before = document.clone();
        if document.set(&place, new.clone()).is_ok() {
                prop_assert_eq!(document.get(&place), Some(&new));
                // Everything else is as it was.
                let touched = before.patch_to(&document);
                prop_assert!(touched.as_array().unwrap().iter().all(|operation| {
                    let at = operation["path"].as_str().unwrap();
                    place.to_string().starts_with(at) || at.starts_with(&place.to_string())
                }), "{touched}");
        } else {
            prop_assert_eq!(&document, &before);
        }
    }

    #[test]
    fn a_patch_makes_one_document_of_another(before in any_document(), after in any_document()) {
        let mut patched = before.clone();
        patched.apply_patch(&before.patch_to(&after)).unwrap();
        prop_assert_eq!(patched, after);
    }

    #[test]
    fn merging_twice_is_merging_once(document in any_document(), patch in any_document()) {
        let mut once = document;
        once.merge_patch(&patch.to_value()).unwrap();
        let mut twice = once.clone();
        twice.merge_patch(&patch.to_value()).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn a_path_has_two_spellings(names in prop::collection::vec("[a-z/~]{1,4}", 1..4)) {
        let place = names.iter().fold(livermore_core::settings::Path::root(), |place, name| place.join(name.as_str()));
        prop_assert_eq!(path(&place.to_string()), place);
    }

    #[test]
    fn a_typed_change_changes_what_it_says_and_nothing_else(
        theirs in any_document(), first in settings(), second in settings(),
    ) {
        let stored = change(&Document::new(json!({ "version": 3 })).unwrap(), &UserSettings::default(), &first).unwrap();
        let mut stored = stored.to_value();
        for (name, value) in theirs.as_map() {
            stored[format!("x-{name}")] = value.clone();
            stored["alerts"][format!("x-{name}")] = value.clone();
        }
        let stored = Document::new(stored).unwrap();
        let loaded = load::<UserSettings>(Some(&stored)).unwrap();
        prop_assert_eq!(&loaded.settings, &first);
        let changed = change(&stored, &first, &second).unwrap();
        prop_assert_eq!(&load::<UserSettings>(Some(&changed)).unwrap().settings, &second);
        for (name, value) in theirs.as_map() {
            prop_assert_eq!(&changed.as_map()[&format!("x-{name}")], value);
            prop_assert_eq!(&changed.as_map()["alerts"][format!("x-{name}")], value);
        }
        prop_assert_eq!(change(&changed, &second, &first).unwrap().as_map().len(), changed.as_map().len());
    }

    #[test]
    fn any_text_is_answered(text in "[ -~]{0,40}") {
        let _ = livermore_core::settings::load_text::<UserSettings>(text.as_bytes());
        let _ = livermore_core::settings::import(text.as_bytes());
    }

    #[test]
    fn any_old_document_is_answered(document in any_document(), version in 1_u32..=3) {
        let mut value = document.to_value();
        value["version"] = version.into();
        for (from, to) in [("a", "symbols"), ("b", "exchanges"), ("c", "perseus_profile"), ("0", "livermore_runtime")] {
            if let Some(moved) = value.as_object_mut().unwrap().remove(from) {
                value[to] = moved;
            }
        }
        let _ = load::<UserSettings>(Some(&Document::new(value).unwrap()));
    }
}
