//! Messages that are not quite as documented, and messages that are rubbish.

use livermore_coinbase::wire::{Body, Decoder, Flaw, Frame, Kind, Malformed, rest};
use livermore_core::{
    exchange::ExchangeError,
    ids::{Timeframe, Timestamp},
    market::Finality,
};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::samples;

/// What a frame says, as text that can be compared.
fn said(text: &str) -> String {
    let mut decoder = Decoder::new();
    match decoder.decode(text) {
        Ok(Frame { channel, time, seq, body, problems, .. }) => {
            format!("{channel:?} {time:?} {seq:?} {body:?} {problems:?}")
        }
        Err(error) => error.to_string(),
    }
}

fn problems(text: &str) -> (usize, Vec<String>) {
    let mut decoder = Decoder::new();
    let frame = decoder.decode(text).unwrap();
    let items = match frame.body {
        Body::Candles(items) => items.len(),
        Body::Tickers(items) => items.len(),
        Body::Trades(items) => items.len(),
        Body::Book(items) => items.len(),
        _ => 0,
    };
    (items, frame.problems.iter().map(Malformed::to_string).collect())
}

#[test]
fn case_88_new_and_null_fields_and_other_key_orders_change_nothing() {
    for sample in samples::FRAMES {
        let expected = said(sample);
        let noisy = sample.replacen('{', r#"{"new":{"deep":[null,1e3,"x"]},"#, 1);
        assert_eq!(said(&noisy), expected);
        let noisy = sample.replace(r#""events":[{"#, r#""events":[{"novel":[{}],"none":null,"#);
        assert_eq!(said(&noisy), expected);
        let noisy = sample.replace(r#""product_id":"#, r#""fresh":null,"product_id":"#);
        assert_eq!(said(&noisy), expected);
        let spaced = sample.replace("\",\"", "\" ,\n\t\"").replace("\":", "\" : ");
        assert_eq!(said(&spaced), expected);
    }
}

#[test]
fn case_88_unknown_channels_types_and_rubbish() {
    let mut decoder = Decoder::new();
    let frame = decoder
        .decode(r#"{"channel":"tomorrow","timestamp":"2026-05-04T03:02:01Z","sequence_num":5,"events":[{}]}"#)
        .unwrap();
    assert_eq!((frame.body, frame.seq), (Body::Unknown { name: "tomorrow" }, Some(5)));
    assert_eq!(decoder.decode(r#"{"type":"news"}"#).unwrap().body, Body::Unknown { name: "news" });
    assert_eq!(decoder.decode("{}").unwrap().body, Body::Unknown { name: "" });
    let other_type = samples::CANDLE.replace(r#""type":"update""#, r#""type":"correction""#);
    let Body::Candles([candle]) = decoder.decode(&other_type).unwrap().body else { panic!() };
    assert_eq!(candle.kind, Kind::Update);
    for rubbish in ["", " ", "null", "[]", "7", "PING", "<html>", "{", r#"{"channel":"candles""#, "\u{feff}{}"] {
        let error = decoder.decode(rubbish).unwrap_err();
        assert_eq!((error.place(), error.flaw()), ("frame", Flaw::NotJson), "{rubbish:?}");
    }
    for end in 0..samples::CANDLE.len() {
        assert!(decoder.decode(&samples::CANDLE[..end]).is_err(), "cut at {end}");
    }
    assert!(decoder.decode(&format!("{}x", samples::CANDLE)).is_err());
    let mut bytes = samples::TICKER.as_bytes().to_vec();
    assert!(decoder.decode_bytes(&bytes).is_ok());
    bytes[30] = 0xff;
    assert_eq!(decoder.decode_bytes(&bytes).unwrap_err().flaw(), Flaw::NotJson);
}

#[test]
fn case_88_values_of_other_types_are_told_and_the_frame_counts() {
    for (text, expected) in [
        (samples::CANDLE.replace(r#""sequence_num":8"#, r#""sequence_num":null"#), "sequence_num: is not a number"),
        (
            samples::CANDLE.replace(r#""2026-05-04T03:02:01.12Z""#, "5"),
            "timestamp: is not a time between 1970 and 9999",
        ),
        (samples::CANDLE.replace(r#""101.5""#, "[]"), "candles[0].high of BTC-USD: is of the wrong type"),
        (samples::CANDLE.replace(r#""BTC-USD""#, "null"), "candles[0].product_id: is missing"),
        (
            samples::CANDLE.replace("BTC-USD", "btc/usd"),
            "candles[0].product_id of btc/usd: is not the name of a product",
        ),
        (
            r#"{"channel":"candles","timestamp":"2026-05-04T03:02:01Z","sequence_num":1,"events":7}"#.to_owned(),
            "events: is of the wrong type",
        ),
    ] {
        assert_eq!(problems(&text).1, [expected], "{text}");
    }
    let null = r#"{"channel":"candles","timestamp":"2026-05-04T03:02:01Z","sequence_num":1,"events":null}"#;
    assert_eq!(problems(null), (0, vec![]));
}

#[test]
fn a_bad_item_does_not_lose_the_good_ones() {
    let good = &samples::SNAPSHOT[..samples::SNAPSHOT.len() - 4];
    let text = format!(r#"{good},7,{{"start":"1777863300","high":"1","low":"-1","product_id":"ETH-USD"}}]}}]}}"#);
    let (candles, told) = problems(&text);
    assert_eq!(candles, 2);
    assert_eq!(told, ["candles[2].item: is of the wrong type", "candles[3].open of ETH-USD: is missing"]);

    let row = r#"{"side":"bid","price_level":"x","new_quantity":"1"},"#.repeat(5_000);
    let text = samples::BOOK.replace(r#""updates":["#, &format!(r#""updates":[{row}"#));
    let mut decoder = Decoder::new();
    let frame = decoder.decode(&text).unwrap();
    assert_eq!((frame.problems.len(), frame.flaws), (Frame::MAX_PROBLEMS, 5_000));
    assert!(matches!(frame.body, Body::Book([_, _])));
}

#[test]
fn case_92_the_numbers_of_a_frame_are_exact_or_named() {
    let with = |value: &str| samples::CANDLE.replace(r#""volume":"12.5""#, &format!(r#""volume":{value}"#));
    for (value, volume) in [("\"1e-8\"", 1e-8), ("12.5", 12.5), ("\"12.50\"", 12.5), ("3", 3.0), ("1e-8", 1e-8)] {
        let mut decoder = Decoder::new();
        let text = with(value);
        let Body::Candles([candle]) = decoder.decode(&text).unwrap().body else { panic!("{value}") };
        assert_eq!(candle.value.volume(), volume);
    }
    for (value, reason) in [
        ("\"NaN\"", "is not a number"),
        ("\"-1\"", "is negative"),
        ("-1", "is negative"),
        ("\"\"", "is missing"),
        ("null", "is missing"),
        ("\"123456789012345678901234567890\"", "has more than 28 digits"),
        ("\"1e19\"", "is too large or too small"),
        ("true", "is of the wrong type"),
    ] {
        let expected = (0, vec![format!("candles[0].volume of BTC-USD: {reason}")]);
        assert_eq!(problems(&with(value)), expected, "{value}");
    }
    // What an item can do without is told, and the item stays.
    let ticker = samples::TICKER.replace("\"100.99\"", "\"-5\"");
    assert_eq!(problems(&ticker), (1, vec!["tickers[0].best_bid of BTC-USD: is negative".to_owned()]));
    let error = ExchangeError::from(Decoder::new().decode("x").unwrap_err());
    assert!(matches!(error, ExchangeError::Malformed { ref place, .. } if place == "frame"), "{error}");
}

#[test]
fn case_93_a_bucket_starts_in_seconds_at_a_multiple_of_its_length() {
    let with = |start: &str| samples::CANDLE.replace("1777863600", start);
    for (start, reason) in [
        ("1777863600000", "looks like milliseconds; seconds are expected"),
        ("1777863601", "is not the start of a candle's bucket"),
        ("1777863660", "is not the start of a candle's bucket"),
        ("-300", "is negative"),
        ("99999999999999999999", "is too large or too small"),
        ("999999999999999999", "is not a time between 1970 and 9999"),
    ] {
        let expected = (0, vec![format!("candles[0].start of BTC-USD: {reason}")]);
        assert_eq!(problems(&with(start)), expected, "{start}");
    }
    // The hour that local clocks skip or repeat, and the second after a leap second, are buckets like any other.
    for start in [1_710_037_800_i64, 1_730_613_600, 1_483_228_800] {
        assert_eq!(problems(&with(&start.to_string())), (1, vec![]));
        let body = format!(
            r#"{{"candles":[{{"start":"{start}","high":"1","low":"1","open":"1","close":"1","volume":"0"}}]}}"#
        );
        let end = Timestamp::from_secs(start + 300).unwrap();
        for (now, finality) in [(end, Finality::Closed), (end.checked_add_millis(-1).unwrap(), Finality::Forming)] {
            let candles = rest::candles(body.as_bytes(), Timeframe::M5, now).unwrap();
            assert_eq!(candles[0].finality(), finality);
        }
    }
}

fn json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "channel",
        "candles",
        "events",
        "type",
        "snapshot",
        "trades",
        "tickers",
        "updates",
        "l2_data",
        "ticker",
        "market_trades",
        "user",
        "orders",
        "positions",
        "subscriptions",
        "heartbeats",
        "status",
        "products",
        "start",
        "price",
        "product_id",
        "BTC-USD",
        "1777863600",
        "1",
        "-1",
        "timestamp",
        "2026-05-04T03:02:01Z",
        "sequence_num",
        "futures_balance_summary",
        "fcm_balance_summary",
        "error",
        "message",
        "errors",
        "pricebook",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..6).prop_map(|entries| Value::Object(
                entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>()
            )),
        ]
    })
}

/// The same JSON with the keys of every object in another order, and with its texts escaped.
fn shuffled(value: &Value, turn: usize, escape: bool) -> String {
    let text = |text: &str| {
        if escape {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
            format!("\"{units}\"")
        } else {
            serde_json::to_string(text).unwrap()
        }
    };
    match value {
        Value::Object(map) => {
            let mut entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}:{}", text(key), shuffled(value, turn, escape))).collect();
            let len = entries.len().max(1);
            entries.rotate_left(turn % len);
            if turn / len % 2 == 1 {
                entries.reverse();
            }
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shuffled(item, turn, escape)).collect();
            format!("[{}]", items.join(","))
        }
        Value::String(value) => text(value),
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        livermore_coinbase::wire::fuzz_one(&bytes);
    }

    #[test]
    fn no_json_panics(value in json()) {
        livermore_coinbase::wire::fuzz_one(value.to_string().as_bytes());
    }

    #[test]
    fn key_order_and_escapes_change_nothing(sample in prop::sample::select(samples::FRAMES.to_vec()), turn in 0_usize..64, escape: bool) {
        let value: Value = serde_json::from_str(sample).unwrap();
        prop_assert_eq!(said(&shuffled(&value, turn, escape)), said(sample));
    }

    /// The quick way and the general way agree on candles of any numbers.
    #[test]
    fn both_ways_mean_the_same(numbers in prop::collection::vec("[0-9]{1,6}(\\.[0-9]{1,12})?|-1||1e-3|\\\\u0031|NaN", 5), start in prop::sample::select(vec!["1777863600", "7", "", "1777863600000"]), product in prop::sample::select(vec!["BTC-USD", "btc", "", "BTC\\u002dUSD"])) {
        let [open, high, low, close, volume] = numbers.try_into().unwrap();
        let text = format!(
            r#"{{"channel":"candles","timestamp":"2026-05-04T03:02:01.12Z","sequence_num":8,"events":[{{"type":"snapshot","candles":[{{"start":"{start}","high":"{high}","low":"{low}","open":"{open}","close":"{close}","volume":"{volume}","product_id":"{product}"}}]}}]}}"#
        );
        prop_assert_eq!(said(&text.replacen('{', r#"{"new":0,"#, 1)), said(&text));
    }
}
