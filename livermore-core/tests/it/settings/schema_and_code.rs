//! What the published JSON Schema accepts is what the code accepts, except where a schema cannot say it.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use livermore_core::settings::{Document, Path, UserSettings, load};
use serde_json::{Value, json};

use super::{document, golden};

const SCHEMA: &str = include_str!("../../../../docs/schema/user-settings.v3.json");

/// Why the two may differ on `value` at `pointer`.
fn justified(pointer: &str, value: Option<&Value>) -> Option<&'static str> {
    let value = value?;
    let other_exchange = pointer.strip_prefix("/exchanges/").is_some_and(|name| !name.contains('/'));
    match value {
        Value::Null => Some("a member that is null counts as missing"),
        Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|number| number.fract() == 0.0) => {
            Some("to a schema 1.0 is a whole number")
        }
        Value::String(mode) if pointer == "/mode" && mode == "scalper-orderbook" => Some("known, and not there yet"),
        Value::Object(_) if other_exchange => Some("the name of an exchange has a form, and one spelling"),
        _ => None,
    }
}

/// Values of every kind, at the edges of every range and beyond them.
fn values() -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(false),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null]),
        json!([1, 1]),
        json!({ "theirs": [1, null] }),
        json!({ "paper": null }),
        json!({ "info": [] }),
        json!(["BTC-USD", "BTC-USD"]),
        json!(["BTC-USD", "ETH-USD"]),
        json!(["1m", "1m"]),
        json!(["1m", "1d"]),
        json!([150, 150.0]),
        json!([150, 0]),
        json!((0..501).map(|n| format!("S{n}")).collect::<Vec<_>>()),
        json!((0..500).map(|n| format!("S{n}")).collect::<Vec<_>>()),
        json!((1..=33).collect::<Vec<_>>()),
        json!((1..=32).collect::<Vec<_>>()),
    ];
    for edge in [0_i64, 1, 1_000, 10_000, 604_800_000, 1_000_000_000, 4_294_967_295, 9_007_199_254_740_991] {
        values.extend([json!(edge), json!(edge - 1), json!(-edge)]);
        values.extend(Some(edge + 1).filter(|next| *next < 1 << 53).map(Value::from));
        values.extend([0.5, 1e-9, -1e-9, 0.0].into_iter().filter(|_| edge < 1 << 50).map(|part| {
            let whole = u32::try_from(edge).unwrap_or(u32::MAX);
            json!(f64::from(whole) + part)
        }));
    }
    for text in
        ["", " ", "x", "1m", "7m", "BTC-USD", "btc-usd", "-", "paper", "live", "Live", "info", "fatal", "scalper-macdv"]
    {
        values.push(json!(text));
    }
    for text in [
        "scalper-orderbook",
        "position-monitor",
        "unknown",
        "LIVERMORE_7_KEY",
        "7KEY",
        "KEY=",
        "A\n",
        "ü",
        "\u{301}",
        "🦀",
    ] {
        values.push(json!(text));
    }
    for length in [32, 33, 100, 101, 128, 129, 1_000, 1_001] {
        values.extend(["A", "ü"].map(|letter| json!(letter.repeat(length))));
    }
    values
}

/// Every place of a document, and every known place that it does not have.
fn places(value: &Value, schema: &Value, at: &Path, found: &mut BTreeSet<Path>) {
    let names = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    if let Value::Array(items) = value {
        for (index, item) in items.iter().enumerate().take(2) {
            let inner = at.join(index.to_string());
            places(item, &schema["items"], &inner, found);
            found.insert(inner);
        }
        return;
    }
    let known = names(schema.get("properties"));
    for name in names(Some(value)).into_iter().chain(known) {
        let inner = at.join(name.as_str());
        let of = schema["properties"].get(&name).unwrap_or(&schema["additionalProperties"]);
        places(&value[&name], of, &inner, found);
        found.insert(inner);
    }
}

/// What the two say, and what is to be said about a difference.
#[derive(Default)]
struct Comparison {
    both_accept: u32,
    both_refuse: u32,
    reasons: BTreeMap<&'static str, u32>,
    unjustified: Vec<String>,
}

impl Comparison {
    fn compare(&mut self, validator: &Validator, changed: &Document, place: &Path) {
        let pointer = &place.to_string();
        let schema = validator.is_valid(&changed.to_value());
        let code = load::<UserSettings>(Some(changed)).is_ok();
        let value = changed.get(place);
        match (schema, code) {
            (true, true) => self.both_accept += 1,
            (false, false) => self.both_refuse += 1,
            _ => match justified(pointer, value).or_else(|| inside(value)) {
                Some(reason) => *self.reasons.entry(reason).or_default() += 1,
                None => self.unjustified.push(format!("schema {schema}, code {code}: {pointer} = {value:?}")),
            },
        }
    }
}

/// The same for what is deeper inside.
fn inside(value: Option<&Value>) -> Option<&'static str> {
    match value? {
        Value::Array(items) => items.iter().find_map(|item| justified("", Some(item))),
        Value::Object(members) => members.values().find_map(|member| justified("", Some(member))),
        _ => None,
    }
}

#[test]
fn schema_and_code_accept_the_same_documents() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut whole = Comparison::default();
    let mut mutated = Comparison::default();
    let mut documents: Vec<Document> = golden::current().into_iter().map(document).collect();
    documents.push(load::<UserSettings>(None).unwrap().document);
    let values = values();
    for document in documents {
        whole.compare(&validator, &document, &Path::root());
        let mut found = BTreeSet::new();
        places(&document.to_value(), &schema, &Path::root(), &mut found);
        // Another version is another document: an older one is brought up to date, a newer one only shown.
        for place in found.iter().filter(|place| place.to_string() != "/version") {
            let mut without = document.clone();
            without.remove(place).unwrap();
            mutated.compare(&validator, &without, place);
            for value in &values {
                let mut changed = document.clone();
                if changed.set(place, value.clone()).is_ok() {
                    mutated.compare(&validator, &changed, place);
                }
            }
        }
    }
    for name in ["kraken", "binance_us", "Binance", "a b", "", &"x".repeat(65)] {
        let place = Path::root().join("exchanges").join(name);
        let mut named = document(json!({ "version": 3 }));
        named.set(&place, json!({ "enabled": true })).unwrap();
        mutated.compare(&validator, &named, &place);
    }
    let Comparison { both_accept, both_refuse, reasons, unjustified } = mutated;
    assert_eq!(whole.unjustified, [""; 0]);
    assert_eq!(
        unjustified.len(),
        0,
        "{} differ, among them\n{}",
        unjustified.len(),
        unjustified[..unjustified.len().min(40)].join("\n")
    );
    // Otherwise nothing was compared, or a reason has outlived what it was for.
    assert!(both_accept > 1_000 && both_refuse > 10_000, "{both_accept} {both_refuse}");
    assert_eq!(reasons.len(), 4, "{reasons:?}");
}
