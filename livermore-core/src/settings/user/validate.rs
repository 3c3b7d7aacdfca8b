use serde_json::Value;

use super::{EnvName, LogLevel, Mode, ProfileSettings, ScannerSettings, UserSettings};
use crate::{
    alert::AlertRules,
    ids::{Exchange, Symbol, Timeframe, did_you_mean},
    settings::{Path, Problem, ProblemCode},
};

/// Everything wrong with the values.
pub(super) fn problems(settings: &UserSettings) -> Vec<Problem> {
    let UserSettings { mode, symbols, timeframes, exchanges, alerts, runtime, scanner, profile, extensions: _ } =
        settings;
    let mut found = Vec::new();
    if !mode.is_implemented() {
        let problem = Problem::new("/mode", ProblemCode::NotImplemented, format!("the mode {mode} is not there yet"));
        found.push(problem.with_hint(known_modes()));
    }
    if symbols.monitored.len() > UserSettings::MAX_SYMBOLS {
        let message =
            format!("has {} symbols; at most {} are allowed", symbols.monitored.len(), UserSettings::MAX_SYMBOLS);
        found.push(Problem::new("/symbols/monitored", ProblemCode::TooMany, message));
    }
    symbols_twice(&symbols.monitored, &mut found);
    if !(0.0..=1e9).contains(&symbols.min_position_value_usd) {
        out_of_range("/symbols/minPositionValueUsd", "0 to 1000000000", &mut found);
    }
    if timeframes.is_empty() {
        found.push(Problem::new("/timeframes", ProblemCode::Missing, "is empty").with_hint("at least one timeframe"));
    }
    twice(timeframes, "/timeframes", &mut found);
    for name in exchanges.others.keys() {
        check_exchange(name, &mut found);
    }
    check_levels(&alerts.levels, &mut found);
    if alerts.cooldowns.min_ms > 604_800_000 {
        out_of_range("/alerts/cooldowns/minMs", "0 to 604800000, which is a week", &mut found);
    }
    if alerts.cooldowns.bars > 1_000 {
        out_of_range("/alerts/cooldowns/bars", "0 to 1000", &mut found);
    }
    let ProfileSettings {
        public_name,
        description,
        subject,
        primary_exchange,
        trading_mode: _,
        currency,
        timezone,
        locale,
    } = profile;
    let ScannerSettings { exchange, symbols_last_update } = scanner;
    let texts = [
        ("/profile/publicName", public_name.as_deref(), 100),
        ("/profile/description", description.as_deref(), 1_000),
        ("/profile/subject", subject.as_deref(), 100),
        ("/profile/primaryExchange", primary_exchange.as_deref(), 100),
        ("/profile/currency", Some(currency.as_str()), 100),
        ("/profile/timezone", Some(timezone.as_str()), 100),
        ("/profile/locale", Some(locale.as_str()), 100),
        ("/runtime/logging/dataDirectory", runtime.logging.data_directory.as_deref(), 1_000),
        ("/runtime/logging/logDirectory", runtime.logging.log_directory.as_deref(), 1_000),
        ("/scanner/exchange", exchange.as_deref(), 100),
        ("/scanner/symbolsLastUpdate", symbols_last_update.as_deref(), 100),
    ];
    for (pointer, text, most) in texts {
        // Most texts are short in bytes already; only long ones are worth counting.
        if text.is_some_and(|text| text.len() > most && text.chars().count() > most) {
            out_of_range(pointer, &format!("at most {most} characters"), &mut found);
        }
    }
    found
}

/// What is wrong with a value that does not fit its type. Shows what was probably meant, never what was found.
pub(super) fn explain(path: &Path, value: &Value) -> Option<Problem> {
    let names: Vec<&str> = path.names().collect();
    let text = value.as_str()?;
    let unknown = |what: &str, meant: Option<&str>, known: String| {
        let problem = Problem::new(path.to_string(), ProblemCode::Unknown, format!("is not a known {what}"));
        problem.with_hint(meant.map_or(known, |meant| format!("did you mean {meant:?}?")))
    };
    match names.as_slice() {
        ["mode"] => Some(unknown("mode", did_you_mean(text, Mode::ALL.map(Mode::as_str)), known_modes())),
        ["timeframes", _] => {
            let error = text.parse::<Timeframe>().err()?;
            Some(unknown("timeframe", error.suggestion(), Timeframe::ALL.map(Timeframe::as_str).join(", ")))
        }
        ["runtime", "logging", "level"] => {
            let known = LogLevel::ALL.map(LogLevel::as_str);
            Some(unknown("level", did_you_mean(text, known), known.join(", ")))
        }
        ["profile", "tradingMode"] => {
            Some(unknown("trading mode", did_you_mean(text, ["paper", "live"]), "paper, live".to_owned()))
        }
        ["symbols", "monitored", _] => {
            let error = Symbol::new(text).err()?;
            let problem =
                Problem::new(path.to_string(), ProblemCode::Format, format!("is not a symbol: it {}", error.reason()));
            // A longer text may be a secret in the wrong place; a suggestion would show most of it.
            let meant = error.suggestion().filter(|meant| meant.len() <= 16);
            Some(match meant {
                Some(meant) => problem.with_hint(format!("did you mean {meant:?}?")),
                None => problem.with_hint("write it as the exchange does, for example BTC-USD"),
            })
        }
        [.., field] if field.ends_with("EnvVar") => {
            let error = EnvName::new(text).err()?;
            Some(
                Problem::new(path.to_string(), ProblemCode::Format, error.to_string())
                    .with_hint("write the name of the variable, never the secret itself"),
            )
        }
        _ => None,
    }
}

fn known_modes() -> String {
    let known = Mode::ALL.into_iter().filter(|mode| mode.is_implemented()).map(Mode::as_str);
    known.collect::<Vec<_>>().join(", ")
}

fn check_exchange(name: &str, found: &mut Vec<Problem>) {
    let pointer = Path::root().join("exchanges").join(name).to_string();
    match Exchange::new(name) {
        Ok(_) if matches!(name, "binance_us" | "binanceus") => {
            let problem = Problem::new(pointer, ProblemCode::Unknown, "is not how settings write this exchange");
            found.push(problem.with_hint("did you mean \"binanceUs\"?"));
        }
        Ok(_) => {}
        Err(error) => {
            let message = format!("is not the name of an exchange: it {}", error.reason());
            let problem = Problem::new(pointer, ProblemCode::Format, message);
            let known = ["coinbase", "binanceUs", "binance", "kraken", "kucoin", "mexc"];
            found.push(match did_you_mean(name, known) {
                Some(meant) => problem.with_hint(format!("did you mean {meant:?}?")),
                None => problem,
            });
        }
    }
}

/// The limits are those of [`AlertRules`]; here each level is judged by itself, so that each is named.
fn check_levels(levels: &[f64], found: &mut Vec<Problem>) {
    let rules = AlertRules::default;
    if rules().with_levels(levels).validate().is_ok() {
        return;
    }
    if levels.is_empty() || levels.len() > 32 {
        let code = if levels.is_empty() { ProblemCode::Missing } else { ProblemCode::TooMany };
        let message = format!("has {} levels", levels.len());
        found.push(Problem::new("/alerts/levels", code, message).with_hint("1 to 32 different levels"));
    }
    for (index, level) in levels.iter().enumerate() {
        if rules().with_levels([*level]).validate().is_err() {
            out_of_range(&format!("/alerts/levels/{index}"), "over 0 and at most 10000", found);
        }
    }
    twice(levels, "/alerts/levels", found);
}

/// Compares a symbol only with the ones before it when one of them fell into the same of 8,192 slots, so that hundreds
/// of symbols cost no more than a look at each.
fn symbols_twice(symbols: &[Symbol], found: &mut Vec<Problem>) {
    let mut slots = [0_u64; 128];
    let slot = |symbol: &Symbol| {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = symbol.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, mix);
        hash ^ (hash >> 32)
    };
    for (index, symbol) in symbols.iter().enumerate() {
        let [low, high, ..] = slot(symbol).to_le_bytes();
        let (word, bit) = (usize::from(low >> 1), 1_u64 << (u32::from(low & 1) * 32 + u32::from(high & 31)));
        if slots[word] & bit != 0 {
            twice_at(symbols, index, "/symbols/monitored", found);
        }
        slots[word] |= bit;
    }
}

/// Every item that is also there earlier.
fn twice<T: PartialEq>(items: &[T], pointer: &str, found: &mut Vec<Problem>) {
    (0..items.len()).for_each(|index| twice_at(items, index, pointer, found));
}

fn twice_at<T: PartialEq>(items: &[T], index: usize, pointer: &str, found: &mut Vec<Problem>) {
    if let Some(first) = items[..index].iter().position(|earlier| *earlier == items[index]) {
        let problem = Problem::new(format!("{pointer}/{index}"), ProblemCode::Duplicate, "is there twice");
        found.push(problem.with_hint(format!("the first is {pointer}/{first}")));
    }
}

fn out_of_range(pointer: &str, range: &str, found: &mut Vec<Problem>) {
    found.push(Problem::new(pointer, ProblemCode::Range, "is out of range").with_hint(range));
}
