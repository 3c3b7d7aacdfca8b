//! Documents: limits, versions, changes by path, envelopes.

use livermore_core::{
    ids::Timestamp,
    settings::{Document, NotADocument, ProblemCode, diff, export, import},
};
use serde_json::{Value, json};

use super::{document, path};

fn codes(result: Result<Document, NotADocument>) -> Vec<(String, ProblemCode)> {
    result.unwrap_err().0.into_iter().map(|problem| (problem.pointer, problem.code)).collect()
}

fn one(pointer: &str, code: ProblemCode) -> Vec<(String, ProblemCode)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn case_51_nul_in_any_text_is_refused_with_its_place() {
    let nul = Document::parse(br#"{"version":3,"a":["x",{"b":"1\u00002"}]}"#);
    assert_eq!(codes(nul), one("/a/1/b", ProblemCode::Nul));
    assert_eq!(codes(Document::parse(br#"{"a\u0000":1}"#)), one("/a\0", ProblemCode::Nul));
    assert_eq!(codes(Document::parse(br#"{"a":"\ud800"}"#)), one("", ProblemCode::NotJson));
    let mut stored = document(json!({ "version": 3 }));
    let refused = stored.set(&path("a.b"), json!("\0")).unwrap_err();
    assert_eq!((refused.0[0].pointer.as_str(), refused.0[0].code), ("/a/b", ProblemCode::Nul));
    assert_eq!(stored, document(json!({ "version": 3 })));
}

#[test]
fn case_52_numbers_that_do_not_survive_are_refused_with_their_place() {
    for number in [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740992.0",
        "1e16",
        "-1e17",
        "-1e300",
        "12345678901234567890",
    ] {
        let text = format!(r#"{{"alerts":{{"levels":[150,{number}]}}}}"#);
        assert_eq!(codes(Document::parse(text.as_bytes())), one("/alerts/levels/1", ProblemCode::Number), "{number}");
    }
    assert_eq!(codes(Document::parse(br#"{"a":1e400}"#)), one("", ProblemCode::Number));
    let most = Document::parse(br#"{"a":[9007199254740991,-9007199254740991,1.5,9007199254740991.0,1e15,5e-324]}"#);
    // Nothing but numbers next to zero is written with an exponent: text that keeps decimals keeps all of them.
    let written = r#"{"a":[9007199254740991,-9007199254740991,1.5,9007199254740991.0,1000000000000000.0,5e-324]}"#;
    assert_eq!(most.unwrap().to_json(), written);
}

#[test]
fn case_52_a_negative_zero_is_a_zero() {
    let text = r#"{"a":[-0.0,-0,{"b":-0e9}],"c":-1e-400,"d":-0.5}"#;
    assert_eq!(Document::parse(text.as_bytes()).unwrap().to_json(), r#"{"a":[0.0,0.0,{"b":0.0}],"c":0.0,"d":-0.5}"#);
    let mut changed = document(json!({ "version": 3 }));
    changed.set(&path("a"), json!(-0.0)).unwrap();
    assert_eq!(changed.to_json(), r#"{"a":0.0,"version":3}"#);
}

#[test]
fn case_53_nesting_is_limited() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(Document::parse(nested(32).as_bytes()).is_ok());
    let place = "/a".to_owned() + &"/0".repeat(31);
    assert_eq!(codes(Document::parse(nested(33).as_bytes())), one(&place, ProblemCode::TooDeep));
    assert_eq!(codes(Document::parse(nested(128).as_bytes())), one("", ProblemCode::TooDeep));
    assert_eq!(codes(Document::parse(nested(20_000).as_bytes())), one("", ProblemCode::TooDeep));
}

#[test]
fn case_54_size_is_limited() {
    let sized = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(Document::parse(sized(65_536).as_bytes()).unwrap().to_json().len(), 65_536);
    assert_eq!(codes(Document::parse(sized(65_537).as_bytes())), one("", ProblemCode::TooLarge));
    assert_eq!(codes(Document::parse(sized(1 << 20).as_bytes())), one("", ProblemCode::TooLarge));
    let mut full = Document::parse(sized(65_536).as_bytes()).unwrap();
    assert_eq!(full.set(&path("b"), json!(1)).unwrap_err().0[0].code, ProblemCode::TooLarge);
    assert_eq!(full.to_json().len(), 65_536);
    // A number counts as it is where there are no exponents: 302 bytes and a comma.
    let tiny = |count: usize| json!({ "a": vec![1e-300; count] });
    assert!(document(tiny(65_529 / 303)).to_json().len() < 2_000);
    let NotADocument(refused) = Document::new(tiny(65_529 / 303 + 1)).unwrap_err();
    assert_eq!((refused[0].code, refused[0].message.contains("has 65758 bytes")), (ProblemCode::TooLarge, true));
}

#[test]
fn case_55_versions_that_are_not() {
    for (value, code) in [
        (json!({}), ProblemCode::VersionMissing),
        (json!({ "mode": "position-monitor" }), ProblemCode::VersionMissing),
        (json!({ "version": null }), ProblemCode::VersionInvalid),
        (json!({ "version": "1" }), ProblemCode::VersionInvalid),
        (json!({ "version": 1.5 }), ProblemCode::VersionInvalid),
        (json!({ "version": 1.0 }), ProblemCode::VersionInvalid),
        (json!({ "version": -1 }), ProblemCode::VersionInvalid),
        (json!({ "version": 0 }), ProblemCode::VersionInvalid),
        (json!({ "version": 4_294_967_296_u64 }), ProblemCode::VersionInvalid),
    ] {
        let problem = document(value.clone()).version().unwrap_err();
        assert_eq!((problem.pointer.as_str(), problem.code), ("/version", code), "{value}");
    }
    assert_eq!(codes(Document::new(json!({ "version": 1_u64 << 63 }))), one("/version", ProblemCode::Number));
    for value in [json!([]), json!(1), json!("x"), Value::Null] {
        assert_eq!(codes(Document::new(value.clone())), one("", ProblemCode::NotAnObject), "{value}");
    }
    for text in ["", "{", "{} x", "{\"a\":01}", "nul"] {
        assert_eq!(codes(Document::parse(text.as_bytes())), one("", ProblemCode::NotJson), "{text:?}");
    }
}

#[test]
fn case_67_a_change_below_a_missing_parent_makes_the_parent() {
    let mut stored = document(json!({ "version": 3, "alerts": null, "other": { "keep": [1] } }));
    stored.set(&path("alerts.discord.enabled"), json!(true)).unwrap();
    stored.set(&path("symbols.monitored"), json!([])).unwrap();
    let expected = json!({
        "version": 3,
        "alerts": { "discord": { "enabled": true } },
        "symbols": { "monitored": [] },
        "other": { "keep": [1] },
    });
    assert_eq!(stored.to_value(), expected);
    // Setting null sets null; it never takes the document away.
    stored.set(&path("alerts"), Value::Null).unwrap();
    assert_eq!(stored.get(&path("alerts")), Some(&Value::Null));
}

#[test]
fn a_change_never_replaces_a_value_on_its_way() {
    let before = document(json!({ "version": 3, "mode": "x", "list": [{ "a": 1 }, 2], "on": true }));
    for (place, refused_at, code) in [
        ("mode.sub", "/mode", ProblemCode::Type),
        ("on.sub.deep", "/on", ProblemCode::Type),
        ("list.1.sub", "/list/1", ProblemCode::Type),
        ("list.3", "/list/3", ProblemCode::Range),
        ("list.01", "/list/01", ProblemCode::Range),
        ("list.first", "/list/first", ProblemCode::Range),
        ("version", "/version", ProblemCode::VersionInvalid),
    ] {
        let mut changed = before.clone();
        let NotADocument(problems) = changed.set(&path(place), json!(7)).unwrap_err();
        assert_eq!((problems[0].pointer.as_str(), problems[0].code), (refused_at, code), "{place}");
        assert_eq!(changed, before);
    }
    assert!(before.clone().remove(&path("version")).is_err());
    assert!(before.clone().merge_patch(&json!({ "version": null })).is_err());
    assert!(before.clone().merge_patch(&json!([1])).is_err());
}

#[test]
fn positions_in_arrays() {
    let mut changed = document(json!({ "version": 3, "list": [{ "a": 1, "theirs": true }, 2] }));
    changed.set(&path("list.0.a"), json!(9)).unwrap();
    changed.set(&path("list.2"), json!(3)).unwrap();
    changed.set(&path("list.-"), json!(4)).unwrap();
    changed.set(&path("list.4.deep.er"), json!(5)).unwrap();
    let list = json!([{ "a": 9, "theirs": true }, 2, 3, 4, { "deep": { "er": 5 } }]);
    assert_eq!(changed.get(&path("list")), Some(&list));
    assert_eq!(changed.remove(&path("list.1")), Ok(Some(json!(2))));
    assert_eq!(changed.remove(&path("list.9")), Ok(None));
    assert_eq!(changed.remove(&path("list.-")), Ok(None));
    assert_eq!(changed.remove(&path("nothing.here")), Ok(None));
    assert_eq!(changed.remove(&path("version.x")), Ok(None));
    assert_eq!(changed.get(&path("list.1")), Some(&json!(3)));
}

/// RFC 7396, Appendix A, as far as source and result are objects: a document is always one.
#[test]
fn merge_patch_as_in_the_examples_of_the_rfc() {
    for (before, patch, after) in [
        (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
        (json!({ "a": "b" }), json!({ "a": null }), json!({})),
        (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
        (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
        (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
        (json!({ "a": { "b": "c" } }), json!({ "a": { "b": "d", "c": null } }), json!({ "a": { "b": "d" } })),
        (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
        (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
        (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
    ] {
        let mut changed = document(before.clone());
        changed.merge_patch(&patch).unwrap();
        assert_eq!(changed.to_value(), after, "{before} + {patch}");
    }
    // The examples whose result is no object are refused.
    for patch in [json!(["c"]), Value::Null, json!("bar")] {
        let mut same = document(json!({ "a": "foo" }));
        assert_eq!(same.merge_patch(&patch).unwrap_err().0[0].code, ProblemCode::NotAnObject);
        assert_eq!(same.to_value(), json!({ "a": "foo" }));
    }
}

#[test]
fn a_patch_applies_whole_or_not_at_all() {
    let before = document(json!({ "version": 3, "a": { "b": [1, 2] } }));
    let apply = |operations: Value| {
        let mut changed = before.clone();
        changed.apply_patch(&operations).map(|()| changed.to_value())
    };
    let done = apply(json!([{ "op": "test", "path": "/a/b/0", "value": 1 }, { "op": "remove", "path": "/a/b/0" }]));
    assert_eq!(done, Ok(json!({ "version": 3, "a": { "b": [2] } })));
    for (operations, place) in [
        (json!([{ "op": "remove", "path": "/a/b" }, { "op": "test", "path": "/version", "value": 4 }]), "/version"),
        (json!([{ "op": "remove", "path": "/c" }]), "/c"),
        (json!([{ "op": "move", "from": "/c", "path": "/d" }]), "/d"),
        (json!({ "a": 1 }), ""),
        (json!([{ "op": "frobnicate", "path": "/a" }]), ""),
    ] {
        let NotADocument(problems) = apply(operations).unwrap_err();
        assert_eq!((problems[0].pointer.as_str(), problems[0].code), (place, ProblemCode::Patch));
    }
    // Copies of copies are stopped at the limit, not at the end of memory.
    let copies: Vec<Value> = (0..100).map(|n| json!({ "op": "copy", "from": "", "path": format!("/c{n}") })).collect();
    assert_eq!(apply(Value::Array(copies)).unwrap_err().0[0].code, ProblemCode::TooLarge);
}

#[test]
fn differences_are_for_people_too() {
    let before = document(json!({ "version": 3, "a": { "b": 1, "c": [1] }, "gone": true }));
    let after = document(json!({ "version": 3, "a": { "b": 2, "c": [1] }, "new/one": null }));
    let told: Vec<String> = diff(&before, &after).into_iter().map(|change| change.pointer).collect();
    assert_eq!(told, ["/a/b", "/gone", "/new~1one"]);
}

#[test]
fn an_export_is_imported_as_it_was() {
    let settings = document(json!({ "version": 1, "symbols": ["BTC-USD"], "theirs": [{ "x": null }] }));
    let envelope = export(&settings, Timestamp::from_secs(1_769_860_800).unwrap());
    assert_eq!(envelope["exportedAt"], "2026-01-31T12:00:00Z");
    assert_eq!(envelope["exportVersion"], "1.0");
    assert_eq!(import(envelope.to_string().as_bytes()), Ok(settings.clone()));
    assert_eq!(import(settings.to_json().as_bytes()), Ok(settings));
}

#[test]
fn the_envelope_of_the_typescript_system_is_read() {
    let text =
        br#"{"exportedAt":"2026-01-31T12:00:00.000Z","exportVersion":"1.0","settings":{"version":1,"symbols":[]}}"#;
    assert_eq!(import(text), Ok(document(json!({ "version": 1, "symbols": [] }))));
    for (text, place, code) in [
        (r#"{"exportVersion":"2.0","settings":{}}"#, "/exportVersion", ProblemCode::Unknown),
        (r#"{"exportVersion":"1.0"}"#, "/settings", ProblemCode::Missing),
        (r#"{"exportVersion":"1.0","settings":{"a":"\u0000"}}"#, "/settings/a", ProblemCode::Nul),
        (r#"{"exportVersion":"1.0","settings":[]}"#, "/settings", ProblemCode::NotAnObject),
        (r#"{"settings":{"version":1}}"#, "/exportVersion", ProblemCode::Missing),
        ("[]", "", ProblemCode::NotAnObject),
        ("{", "", ProblemCode::NotJson),
    ] {
        assert_eq!(codes(import(text.as_bytes())), one(place, code), "{text}");
    }
}
