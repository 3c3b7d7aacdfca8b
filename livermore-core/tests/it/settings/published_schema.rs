//! The JSON Schema in `docs/schema` is the one of the code.

use std::{env, fs, path::Path};

use livermore_core::settings::{Settings, UserSettings, schema};
use serde_json::Value;

#[test]
fn the_published_schema_is_current() {
    let name = format!("../docs/schema/user-settings.v{}.json", UserSettings::VERSION);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let current = serde_json::to_string_pretty(&schema::<UserSettings>()).unwrap() + "\n";
    if env::var_os("UPDATE_SCHEMA").is_some_and(|update| update == "1") {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &current).unwrap();
    }
    let published = fs::read_to_string(&file).unwrap_or_default();
    // A checkout may have other line ends.
    assert!(
        published.replace('\r', "") == current,
        "{} is not the schema of the code; look at the change and run\n    \
         UPDATE_SCHEMA=1 scripts/test -p livermore-core published_schema",
        file.display()
    );
}

#[test]
fn every_leaf_says_when_it_takes_effect() {
    fn leaves(schema: &Value, applies: Option<&str>, at: &str) {
        let applies = schema.get("x-livermore-apply").and_then(Value::as_str).or(applies);
        match schema.get("properties").and_then(Value::as_object) {
            Some(properties) => {
                properties.iter().for_each(|(name, schema)| leaves(schema, applies, &format!("{at}/{name}")));
                let others = schema.get("additionalProperties").filter(|others| others.is_object());
                others.into_iter().for_each(|schema| leaves(schema, applies, &format!("{at}/*")));
            }
            None => assert!(matches!(applies, Some("hot" | "restart")) || at == "/version", "{at}: {applies:?}"),
        }
        if at != "/version" && !at.ends_with('*') && !at.is_empty() {
            assert!(schema.get("x-livermore-order").is_some_and(Value::is_u64), "{at} has no order");
            assert!(schema.get("description").is_some_and(Value::is_string), "{at} has no description");
        }
    }
    leaves(&schema::<UserSettings>(), None, "");
}

#[test]
fn the_schema_holds_the_defaults_of_the_code() {
    let schema = schema::<UserSettings>();
    let defaults = serde_json::to_value(UserSettings::default()).unwrap();
    for (name, default) in defaults.as_object().unwrap() {
        assert_eq!(schema["properties"][name]["default"], *default, "{name}");
    }
    assert_eq!(schema["properties"]["version"]["const"], UserSettings::migrations().current());
    assert!(!schema.to_string().contains("$ref"));
}
