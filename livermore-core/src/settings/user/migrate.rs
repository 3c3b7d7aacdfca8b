use serde_json::{Map, Value, json};

use super::{
    LogLevel, Mode,
    v1::{ExchangeV1, LoggingV1, ProfileV1, RuntimeV1, V1},
    v2::V2,
};
use crate::{
    ids::Exchange,
    settings::{Migrations, Problem},
};

/// The way from every version to the current one.
///
/// A step writes what the old document had and no defaults: what is missing before is missing after. Members that a
/// version did not define stay in the object they were in, under its new name. Where that cannot be, because the name
/// now means something else, and for values that have no equivalent, they are kept under `/extensions/v1` at their old
/// place.
pub(super) fn migrations() -> Migrations {
    Migrations::in_order([
        ("add runtimeMode", add_mode),
        ("group symbols, exchanges, alerts, runtime, scanner and profile", group),
    ])
}

#[allow(clippy::unnecessary_wraps, reason = "the form of a step")]
fn add_mode(map: &mut Map<String, Value>) -> Result<(), Problem> {
    // Version 1 did nothing but monitor positions.
    if map.get("runtimeMode").is_none_or(Value::is_null) {
        map.insert("runtimeMode".to_owned(), Mode::PositionMonitor.as_str().into());
    }
    Ok(())
}

fn group(map: &mut Map<String, Value>) -> Result<(), Problem> {
    // The document of a step that fails is thrown away, so it may be taken apart.
    *map = to_v3(V2::read(std::mem::take(map))?);
    Ok(())
}

/// The top-level names of version 3.
const NAMES: [&str; 9] =
    ["mode", "symbols", "timeframes", "exchanges", "alerts", "runtime", "scanner", "profile", "extensions"];

fn to_v3(old: V2) -> Map<String, Value> {
    let V2 { v1, runtime_mode } = old;
    let V1 {
        sub,
        perseus_profile,
        livermore_runtime,
        exchanges,
        symbols,
        scanner_symbols_last_update,
        scanner_exchange,
        alerts_enabled,
        rest,
    } = v1;
    let mut kept = Map::new();
    let mut extensions = Map::new();
    let mut new = Map::new();
    for (name, value) in rest {
        match value {
            Value::Object(map) if name == "extensions" => extensions = map,
            value if NAMES.contains(&name.as_str()) => drop(kept.insert(name, value)),
            value => drop(new.insert(name, value)),
        }
    }
    put(&mut new, "mode", runtime_mode);
    put(&mut new, "symbols", symbols.map(|monitored| json!({ "monitored": monitored })));
    put(&mut new, "alerts", alerts_enabled.map(|enabled| json!({ "enabled": enabled })));
    put(&mut new, "exchanges", exchanges.map(|all| exchanges_to_v3(all, &mut kept)));
    put(&mut new, "runtime", livermore_runtime.map(|runtime| runtime_to_v3(runtime, &mut kept)));
    let mut profile = perseus_profile.map(|profile| profile_to_v3(profile, &mut kept)).unwrap_or_default();
    put(&mut profile, "subject", sub);
    put(&mut new, "profile", (!profile.is_empty()).then_some(Value::Object(profile)));
    let mut scanner = Map::new();
    put(&mut scanner, "exchange", scanner_exchange);
    put(&mut scanner, "symbolsLastUpdate", scanner_symbols_last_update);
    put(&mut new, "scanner", (!scanner.is_empty()).then_some(Value::Object(scanner)));
    if !kept.is_empty() {
        let mut name = "v1".to_owned();
        while extensions.contains_key(&name) {
            name.push('_');
        }
        extensions.insert(name, Value::Object(kept));
    }
    put(&mut new, "extensions", (!extensions.is_empty()).then_some(Value::Object(extensions)));
    new
}

fn profile_to_v3(profile: ProfileV1, kept: &mut Map<String, Value>) -> Map<String, Value> {
    let ProfileV1 { public_name, description, primary_exchange, trading_mode, currency, timezone, locale, rest } =
        profile;
    let mut lost = Map::new();
    let mode = trading_mode.as_ref().and_then(Value::as_str).map(str::to_lowercase);
    let known = mode.filter(|mode| matches!(mode.as_str(), "paper" | "live"));
    if known.is_none() {
        put(&mut lost, "trading_mode", trading_mode);
    }
    let members = [
        ("publicName", public_name),
        ("description", description),
        ("primaryExchange", primary_exchange),
        ("tradingMode", known.map(Value::from)),
        ("currency", currency),
        ("timezone", timezone),
        ("locale", locale),
        ("subject", None),
    ];
    let new = section(members, rest, &mut lost);
    keep(kept, "perseus_profile", lost);
    new
}

fn runtime_to_v3(runtime: RuntimeV1, kept: &mut Map<String, Value>) -> Value {
    let RuntimeV1 { auto_start, logging, rest } = runtime;
    let mut lost = Map::new();
    let logging = logging.map(|logging| {
        let LoggingV1 { data_directory, log_directory, verbosity_level, rest } = logging;
        let mut lost_here = Map::new();
        let level = verbosity_level.as_ref().and_then(Value::as_str).and_then(level);
        if level.is_none() {
            put(&mut lost_here, "verbosity_level", verbosity_level);
        }
        let level = level.map(|level| Value::from(level.as_str()));
        let members = [("level", level), ("dataDirectory", data_directory), ("logDirectory", log_directory)];
        let new = section(members, rest, &mut lost_here);
        keep(&mut lost, "logging", lost_here);
        Value::Object(new)
    });
    let new = section([("autoStart", auto_start), ("logging", logging)], rest, &mut lost);
    keep(kept, "livermore_runtime", lost);
    Value::Object(new)
}

/// Version 1 took any text; these are the words logging libraries use.
fn level(text: &str) -> Option<LogLevel> {
    Some(match text.trim().to_lowercase().as_str() {
        "fatal" | "critical" | "error" => LogLevel::Error,
        "warn" | "warning" => LogLevel::Warn,
        "info" | "information" | "notice" => LogLevel::Info,
        "debug" | "verbose" => LogLevel::Debug,
        "trace" | "silly" => LogLevel::Trace,
        _ => return None,
    })
}

fn exchanges_to_v3(all: Vec<(String, ExchangeV1)>, kept: &mut Map<String, Value>) -> Value {
    let (mut new, mut lost) = (Map::new(), Map::new());
    for (old_name, exchange) in all {
        let name = exchange_name(&old_name).filter(|name| !new.contains_key(name));
        let ExchangeV1 {
            enabled,
            api_key_environment_variable_name,
            secret_environment_variable_name,
            password_environment_variable_name,
            rest,
        } = exchange;
        let secret = if name.as_deref() == Some("coinbase") { "privateKeyEnvVar" } else { "secretKeyEnvVar" };
        let members = [
            ("enabled", enabled),
            ("apiKeyEnvVar", env_name(api_key_environment_variable_name)),
            (secret, env_name(secret_environment_variable_name)),
            ("passphraseEnvVar", env_name(password_environment_variable_name)),
        ];
        let mut lost_here = Map::new();
        let settings = section(members, rest, &mut lost_here);
        match name {
            Some(name) => drop(new.insert(name, Value::Object(settings))),
            // A name that no exchange can have, or two spellings of one: kept, but not used.
            None => lost_here.extend(settings),
        }
        keep(&mut lost, &old_name, lost_here);
    }
    keep(kept, "exchanges", lost);
    Value::Object(new)
}

/// How version 3 writes an exchange's name; version 1 took any text.
fn exchange_name(old: &str) -> Option<String> {
    let letters: String = old.chars().filter(char::is_ascii_alphanumeric).collect();
    match letters.to_lowercase().as_str() {
        "coinbase" => Some("coinbase".to_owned()),
        "binanceus" => Some("binanceUs".to_owned()),
        _ => {
            let name = old.trim().to_lowercase().replace(['-', ' ', '.'], "_");
            Exchange::new(&name).is_ok().then_some(name)
        }
    }
}

/// Forms store an empty text where nothing was entered.
fn env_name(name: Option<Value>) -> Option<Value> {
    name.filter(|name| name.as_str() != Some(""))
}

/// One object of version 3: its members, then those of the old object that have no meaning there.
fn section<const N: usize>(
    members: [(&'static str, Option<Value>); N],
    rest: Map<String, Value>,
    lost: &mut Map<String, Value>,
) -> Map<String, Value> {
    let (mut new, taken) =
        rest.into_iter().partition::<Map<_, _>, _>(|(name, _)| members.iter().all(|(known, _)| name != known));
    lost.extend(taken);
    for (name, value) in members {
        put(&mut new, name, value);
    }
    new
}

fn keep(kept: &mut Map<String, Value>, name: &str, lost: Map<String, Value>) {
    put(kept, name, (!lost.is_empty()).then_some(Value::Object(lost)));
}

fn put(map: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value);
    }
}
