//! Reading text straight into the type gives the answer of the long way.

use livermore_core::settings::{Document, Status, UserSettings, load, load_text};

fn same(text: &str) {
    let straight = load_text::<UserSettings>(text.as_bytes());
    let long = Document::parse(text.as_bytes()).map_err(Into::into).and_then(|document| load(Some(&document)));
    match (straight, long) {
        (Ok(straight), Ok(long)) => {
            assert_eq!(straight.settings, long.settings, "{text}");
            assert_eq!((straight.from, straight.status), (long.from, long.status), "{text}");
            assert_eq!(straight.applied, long.applied, "{text}");
        }
        (Err(straight), Err(long)) => assert_eq!(straight.to_string(), long.to_string(), "{text}"),
        (straight, long) => panic!("{text}: {straight:?} {long:?}"),
    }
}

#[test]
fn text_and_document_agree() {
    let golden = [
        include_str!("../../golden/settings/v1-typescript.json"),
        include_str!("../../golden/settings/v1-strangers.json"),
        include_str!("../../golden/settings/v2-mode.json"),
        include_str!("../../golden/settings/v3-full.json"),
    ];
    golden.iter().for_each(|text| same(text));
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "{\"version\":3} x",
        r#"{"version":3}"#,
        r#"{"version":3.0}"#,
        r#"{"version":"3"}"#,
        r#"{"version":null}"#,
        r#"{"version":4,"mode":"scalper-macdv"}"#,
        r#"{"version":4,"mode":7}"#,
        r#"{"version":3,"mode":"scalper-orderbook"}"#,
        r#"{"version":3,"mode":null,"symbols":null}"#,
        r#"{"version":3,"extensions":{"a":null,"version":9}}"#,
        r#"{"extensions":{"version":3}}"#,
        r#"{"version":2,"version":3,"mode":"scalper-macdv","mode":"position-monitor"}"#,
        r#"{"version":3,"mode":"scalper-macdv","version":2}"#,
        r#"{"version":3,"theirs":"\u0000"}"#,
        r#"{"version":3,"theirs":12345678901234567890}"#,
        r#"{"version":3,"theirs":1e17}"#,
        r#"{"version":3,"mod\u0065":"scalper-macdv"}"#,
        r#"{"version":3,"exchanges":{"coinbase":{"enabled":true},"coinbase":{}}}"#,
        r#"{"version":3,"exchanges":{"kraken":{"enabled":1}}}"#,
        r#"{"version":3,"symbols":["BTC-USD"]}"#,
        r#"{"version":3,"symbols":{"monitored":["BTC-USD","BTC-USD"]}}"#,
        r#"{"version":3,"symbols":[["BTC-USD"],2]}"#,
        r#"{"version":3,"profile":["a name"]}"#,
        r#"{"version":3,"exchanges":{"kraken":[true]}}"#,
        r#"{"version":3,"exchanges":{"coinbase":[]}}"#,
    ] {
        same(text);
    }
    let deep = format!(r#"{{"version":3,"theirs":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    same(&deep);
    same(&format!(r#"{{"version":3,"theirs":"{}"}}"#, "x".repeat(40_000)));
    same(&format!(r#"{{"version":3,"theirs":"{}"}}"#, "x".repeat(70_000)));
}

#[test]
fn the_text_of_the_defaults_is_current() {
    let text = load::<UserSettings>(None).unwrap().document.to_json_pretty();
    let read = load_text::<UserSettings>(text.as_bytes()).unwrap();
    assert_eq!(read.settings, UserSettings::default());
    assert_eq!(read.status, Status::Current);
}
