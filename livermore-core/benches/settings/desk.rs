//! Settings that nobody but this benchmark has: version 4, three steps from version 1.

use std::{collections::BTreeMap, sync::LazyLock};

use livermore_core::settings::{Migrations, Problem, ProblemCode, Settings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Desk {
    name: String,
    watched: Vec<Watched>,
    alerts: Alerts,
    accounts: BTreeMap<String, Account>,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Watched {
    symbol: String,
    enabled: bool,
    levels: Vec<f64>,
    cooldown_ms: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Alerts {
    enabled: bool,
    channel: String,
    digest_ms: u64,
    quiet_hours: Vec<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Account {
    exchange: String,
    enabled: bool,
    key_env_var: Option<String>,
}

impl Settings for Desk {
    fn migrations() -> &'static Migrations {
        static MIGRATIONS: LazyLock<Migrations> = LazyLock::new(|| {
            Migrations::in_order([
                ("watch is called watched", rename),
                ("alerts have a section", group),
                ("the pause between digests is in milliseconds", milliseconds),
            ])
        });
        &MIGRATIONS
    }

    fn validate(&self) -> Vec<Problem> {
        let too_long = |pointer| Problem::new(pointer, ProblemCode::Range, "is out of range");
        let digest = (self.alerts.digest_ms > 604_800_000).then(|| too_long("/alerts/digestMs"));
        let cooldowns = self.watched.iter().filter(|watched| watched.cooldown_ms > 604_800_000);
        digest.into_iter().chain(cooldowns.map(|_| too_long("/watched"))).collect()
    }
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a step")]
fn rename(map: &mut Map<String, Value>) -> Result<(), Problem> {
    if let Some(watched) = map.remove("watch") {
        map.insert("watched".to_owned(), watched);
    }
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a step")]
fn group(map: &mut Map<String, Value>) -> Result<(), Problem> {
    let mut alerts = Map::new();
    let names = [
        ("alertsEnabled", "enabled"),
        ("alertsChannel", "channel"),
        ("digestSeconds", "digestSeconds"),
        ("quietHours", "quietHours"),
    ];
    for (old, new) in names {
        if let Some(value) = map.remove(old) {
            alerts.insert(new.to_owned(), value);
        }
    }
    map.insert("alerts".to_owned(), Value::Object(alerts));
    Ok(())
}

fn milliseconds(map: &mut Map<String, Value>) -> Result<(), Problem> {
    let Some(alerts) = map.get_mut("alerts").and_then(Value::as_object_mut) else { return Ok(()) };
    if let Some(seconds) = alerts.remove("digestSeconds") {
        let millis = seconds.as_u64().and_then(|seconds| seconds.checked_mul(1_000)).ok_or_else(|| {
            Problem::new("/alerts/digestSeconds", ProblemCode::Type, "is not a whole number of seconds")
        })?;
        alerts.insert("digestMs".to_owned(), millis.into());
    }
    Ok(())
}

/// Two kilobytes of version 1.
pub(crate) fn version_1() -> String {
    let watch: Vec<Value> = (0..17)
        .map(|number| {
            let level = f64::from(number) + 150.5;
            json!({ "symbol": format!("COIN{number}-USD"), "enabled": true, "levels": [150, level], "cooldownMs": 300_000 })
        })
        .collect();
    json!({
        "version": 1,
        "name": "Jesse",
        "watch": watch,
        "alertsEnabled": true,
        "alertsChannel": "discord",
        "digestSeconds": 900,
        "quietHours": [22, 23, 0, 1, 2, 3, 4, 5],
        "accounts": {
            "main": { "exchange": "coinbase", "enabled": true, "keyEnvVar": "COINBASE_API_KEY_ID" },
            "spare": { "exchange": "kraken", "enabled": false }
        },
        "labels": labels()
    })
    .to_string()
}

/// The same settings in the current version.
pub(crate) fn version_4() -> String {
    let mut map: Map<String, Value> = serde_json::from_str(&version_1()).expect("an object");
    [rename, group, milliseconds].iter().try_for_each(|step| step(&mut map)).expect("steps that fit");
    map.insert("version".to_owned(), 4.into());
    Value::Object(map).to_string()
}

fn labels() -> Map<String, Value> {
    (0..12).map(|number| (format!("group{number}"), format!("the label of group {number}").into())).collect()
}
