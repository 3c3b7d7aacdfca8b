//! Settings of a user in two kilobytes, as version 1 wrote them and as they are written now.

use livermore_core::settings::{Document, UserSettings, load};
use serde_json::{Value, json};

/// The text of version 1.
pub(crate) fn version_1() -> String {
    let symbols: Vec<String> = (0..108).map(|number| format!("COIN{number}-USD")).collect();
    document(json!({
        "version": 1,
        "sub": "user_2abcdefghijklmnop",
        "perseus_profile": {
            "public_name": "Jesse",
            "description": "Reads the tape, waits for the pivotal point and sits tight.",
            "primary_exchange": "coinbase",
            "trading_mode": "paper",
            "currency": "USD",
            "timezone": "America/New_York",
            "locale": "en-US"
        },
        "livermore_runtime": {
            "auto_start": true,
            "logging": { "data_directory": "./data", "log_directory": "./logs", "verbosity_level": "warning" }
        },
        "exchanges": {
            "coinbase": {
                "enabled": true,
                "ApiKeyEnvironmentVariableName": "COINBASE_API_KEY_ID",
                "SecretEnvironmentVariableName": "COINBASE_EC_PRIVATE_KEY_PEM"
            },
            "binance_us": { "enabled": false, "ApiKeyEnvironmentVariableName": "BINANCE_US_CLIENT_ID" },
            "kucoin": { "enabled": false, "PasswordEnvironmentVariableName": "KUCOIN_PASSPHRASE" }
        },
        "symbols": symbols,
        "scanner_symbols_last_update": "2026-01-31T12:00:00.000Z",
        "scanner_exchange": "coinbase"
    }))
    .to_json()
}

/// The same settings as the current version writes them, alerts included.
pub(crate) fn current() -> String {
    let old = Document::parse(version_1().as_bytes()).expect("a document");
    let mut value = load::<UserSettings>(Some(&old)).expect("settings of version 1").document.into_value();
    value["alerts"] = json!({
        "enabled": true,
        "levels": [150, 200, 250.5, 300, 350, 400],
        "cooldowns": { "minMs": 300_000, "bars": 1 },
        "discord": { "enabled": true, "webhookEnvVar": "DISCORD_WEBHOOK" }
    });
    value["timeframes"] = json!(["1m", "5m", "15m", "1h", "4h", "1d"]);
    document(value).to_json()
}

fn document(value: Value) -> Document {
    Document::new(value).expect("a document")
}
