//! The rules of a user's settings.

use livermore_core::{
    alert::{AlertRules, Cooldown},
    ids::Exchange,
    settings::{ProblemCode, UserSettings, warnings},
};
use serde_json::{Value, json};

use super::{document, places, problems, read};

fn told(value: Value) -> Vec<String> {
    problems(value).iter().map(ToString::to_string).collect()
}

#[test]
fn the_order_book_scalper_is_not_there_yet() {
    let found = problems(json!({ "version": 3, "mode": "scalper-orderbook" }));
    assert_eq!(places(&found), [("/mode", ProblemCode::NotImplemented)]);
    assert_eq!(serde_json::to_value(found[0].code).unwrap(), "not_implemented");
    let found = problems(json!({ "version": 2, "runtimeMode": "scalper-orderbook" }));
    assert_eq!(places(&found), [("/mode", ProblemCode::NotImplemented)]);
}

#[test]
fn what_was_probably_meant() {
    let with = |name: &str, value: Value| json!({ "version": 3, name: value });
    for (value, expected) in [
        (with("mode", json!("scalper-macd")), "/mode: is not a known mode (did you mean \"scalper-macdv\"?)"),
        (with("mode", json!("zzz")), "/mode: is not a known mode (position-monitor, scalper-macdv)"),
        (with("timeframes", json!(["60m"])), "/timeframes/0: is not a known timeframe (did you mean \"1h\"?)"),
        (
            with("runtime", json!({ "logging": { "level": "warning" } })),
            "/runtime/logging/level: is not a known level (error, warn, info, debug, trace)",
        ),
        (
            with("exchanges", json!({ "Kraken": {} })),
            "/exchanges/Kraken: is not the name of an exchange: it is 1 to 20 characters a-z, 0-9 or '_', beginning with \
             a letter (did you mean \"kraken\"?)",
        ),
        (
            with("exchanges", json!({ "binance_us": {} })),
            "/exchanges/binance_us: is not how settings write this exchange (did you mean \"binanceUs\"?)",
        ),
        (
            with("symbols", json!({ "monitored": ["btc/usd"] })),
            "/symbols/monitored/0: is not a symbol: it may hold only A-Z, 0-9 and the separators '-', '.', '_' (did you \
             mean \"BTC-USD\"?)",
        ),
    ] {
        assert_eq!(told(value), [expected]);
    }
}

#[test]
fn limits() {
    let symbols = |count: usize| (0..count).map(|n| json!(format!("S{n}-USD"))).collect::<Vec<_>>();
    let monitored = |count: usize| json!({ "version": 3, "symbols": { "monitored": symbols(count) } });
    assert!(read(monitored(500)).is_ok());
    assert_eq!(places(&problems(monitored(501))), [("/symbols/monitored", ProblemCode::TooMany)]);
    let levels = |count: u32| json!({ "version": 3, "alerts": { "levels": (1..=count).collect::<Vec<_>>() } });
    assert!(read(levels(32)).is_ok());
    assert_eq!(places(&problems(levels(33))), [("/alerts/levels", ProblemCode::TooMany)]);
    assert_eq!(places(&problems(levels(0))), [("/alerts/levels", ProblemCode::Missing)]);
    let range = |pointer: &'static str| vec![(pointer, ProblemCode::Range)];
    for (value, expected) in [
        (json!({ "symbols": { "minPositionValueUsd": -0.01 } }), range("/symbols/minPositionValueUsd")),
        (json!({ "symbols": { "minPositionValueUsd": 1_000_000_001 } }), range("/symbols/minPositionValueUsd")),
        (json!({ "alerts": { "levels": [0] } }), range("/alerts/levels/0")),
        (json!({ "alerts": { "levels": [10_000.5] } }), range("/alerts/levels/0")),
        (json!({ "alerts": { "cooldowns": { "minMs": 604_800_001 } } }), range("/alerts/cooldowns/minMs")),
        (json!({ "alerts": { "cooldowns": { "bars": 1_001 } } }), range("/alerts/cooldowns/bars")),
        (json!({ "alerts": { "cooldowns": { "bars": -1 } } }), vec![("/alerts/cooldowns/bars", ProblemCode::Type)]),
        (json!({ "timeframes": [] }), vec![("/timeframes", ProblemCode::Missing)]),
        (json!({ "timeframes": ["1m", "1m"] }), vec![("/timeframes/1", ProblemCode::Duplicate)]),
        (json!({ "profile": { "currency": "x".repeat(101) } }), range("/profile/currency")),
    ] {
        let mut value = value;
        value["version"] = json!(3);
        assert_eq!(places(&problems(value.clone())), expected, "{value}");
    }
    assert!(read(json!({ "version": 3, "profile": { "currency": "ü".repeat(100) } })).is_ok());
}

#[test]
fn a_typing_error_in_a_name_is_a_warning() {
    let stored = document(json!({
        "version": 3,
        "mod": "scalper-macdv",
        "timeframe": ["1m"],
        "dashboard": 1,
        "alerts": { "level": [150], "levels": [200] },
        "exchanges": { "coinbase": { "enabeld": true }, "kraken": { "apiKeyEnvVr": "X" } },
        "extensions": { "mod": 1 },
    }));
    let found = warnings::<UserSettings>(&stored);
    let mut at: Vec<&str> = found.iter().map(|problem| problem.pointer.as_str()).collect();
    at.sort_unstable();
    // `level` stands beside `levels`, so it is something else.
    assert_eq!(at, ["/exchanges/coinbase/enabeld", "/exchanges/kraken/apiKeyEnvVr", "/mod", "/timeframe"]);
    assert_eq!(found[0].hint.as_deref(), Some("did you mean \"enabled\"?"));
    assert!(read(stored.to_value()).is_ok());
}

#[test]
fn settings_become_rules_and_exchanges() {
    let settings = UserSettings::default();
    assert_eq!(settings.alerts.rules(), AlertRules::default());
    assert_eq!(settings.exchanges.enabled(), []);
    let settings = read(json!({
        "version": 3,
        "alerts": { "levels": [100, 300], "cooldowns": { "bars": 7 } },
        "exchanges": { "coinbase": { "enabled": true }, "binanceUs": { "enabled": true }, "kraken": { "enabled": true } },
    }));
    let settings = settings.unwrap().settings;
    let rules = AlertRules::default().with_levels([100.0, 300.0]).with_cooldown(Cooldown { min_ms: 300_000, bars: 7 });
    assert_eq!(settings.alerts.rules(), rules);
    let used: Vec<Exchange> = ["coinbase", "binance_us", "kraken"].map(|name| Exchange::new(name).unwrap()).into();
    assert_eq!(settings.exchanges.enabled(), used);
}
