use livermore_core::{
    control::{CommandKind, Submission},
    ids::CommandId,
    settings::{Actor, Problem, ProblemCode},
};
use serde_json::{Map, Value, json};

/// A command in its wire form, before anybody has looked at it.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) kind: String,
    pub(crate) payload: Value,
}

impl Order {
    pub(crate) fn new(kind: &str, payload: Value) -> Self {
        Self { kind: kind.to_owned(), payload }
    }

    pub(super) fn reload(revision: Option<u64>) -> Self {
        Self::new("reload-settings", revision.map_or_else(|| json!({}), |revision| json!({ "revision": revision })))
    }

    pub(super) fn add(symbols: &[String]) -> Self {
        match symbols {
            [symbol] => Self::new("add-symbol", json!({ "symbol": symbol })),
            symbols => Self::new("bulk-add-symbols", json!({ "symbols": symbols })),
        }
    }

    pub(super) fn remove(symbol: &str) -> Self {
        Self::new("remove-symbol", json!({ "symbol": symbol }))
    }

    pub(super) fn backfill(symbols: &[String], timeframes: &[String], days: Option<u64>) -> Self {
        let mut payload = Map::new();
        payload.insert("symbols".to_owned(), json!(symbols));
        if !timeframes.is_empty() {
            payload.insert("timeframes".to_owned(), json!(timeframes));
        }
        if let Some(days) = days {
            payload.insert("days".to_owned(), json!(days));
        }
        Self::new("force-backfill", Value::Object(payload))
    }

    pub(super) fn clear_cache(symbol: Option<&str>, timeframe: Option<&str>) -> Self {
        let payload = match (symbol, timeframe) {
            (Some(symbol), _) => json!({ "scope": "symbol", "symbol": symbol }),
            (None, Some(timeframe)) => json!({ "scope": "timeframe", "timeframe": timeframe }),
            (None, None) => json!({ "scope": "all" }),
        };
        Self::new("clear-cache", payload)
    }

    /// The command under this id, or everything that is wrong with it.
    pub(crate) fn submission(&self, id: CommandId, sender: Actor) -> Result<Submission, Vec<Problem>> {
        Submission::parse(id, &self.kind, &self.payload, sender)
    }
}

/// A command in a line of words: its kind, and then its payload as JSON or as words.
pub(crate) fn spoken(line: &str) -> Result<Order, Vec<Problem>> {
    let line = line.trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let kind = CommandKind::from_name(name).map_err(|problem| vec![problem])?;
    if rest.starts_with('{') {
        let payload = serde_json::from_str(rest)
            .map_err(|_| vec![Problem::new("/payload", ProblemCode::NotJson, "is not JSON")])?;
        return Ok(Order::new(name, payload));
    }
    let words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    let order = match (kind, words.as_slice()) {
        (CommandKind::Pause, [level]) => Order::new(name, json!({ "level": level })),
        (CommandKind::Pause | CommandKind::Resume | CommandKind::ReloadSettings, []) => Order::new(name, json!({})),
        // What is not a number is refused with its place.
        (CommandKind::ReloadSettings, [revision]) => {
            let revision = revision.parse::<u64>().map_or_else(|_| json!(revision), |number| json!(number));
            Order::new(name, json!({ "revision": revision }))
        }
        (CommandKind::SwitchMode, [mode]) => Order::new(name, json!({ "mode": mode })),
        (CommandKind::AddSymbol, [symbol]) => Order::new(name, json!({ "symbol": symbol })),
        (CommandKind::RemoveSymbol, [symbol]) => Order::remove(symbol),
        (CommandKind::BulkAddSymbols, symbols) => Order::new(name, json!({ "symbols": symbols })),
        (CommandKind::ForceBackfill, symbols) => Order::backfill(symbols, &[], None),
        (CommandKind::ClearCache, []) => Order::clear_cache(None, None),
        (CommandKind::ClearCache, [scope, symbol]) if scope == "symbol" => Order::clear_cache(Some(symbol), None),
        (CommandKind::ClearCache, [scope, frame]) if scope == "timeframe" => Order::clear_cache(None, Some(frame)),
        _ => {
            let problem = Problem::new("/payload", ProblemCode::Format, format!("{name} does not take these words"));
            return Err(vec![problem.with_hint("or write the payload as a JSON object after the name")]);
        }
    };
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoken_commands_are_the_same_as_written_ones() {
        for (line, payload) in [
            ("pause", json!({})),
            ("pause hold", json!({ "level": "hold" })),
            (" resume ", json!({})),
            ("reload-settings 7", json!({ "revision": 7 })),
            ("switch-mode scalper-macdv", json!({ "mode": "scalper-macdv" })),
            ("add-symbol BTC-USD", json!({ "symbol": "BTC-USD" })),
            ("remove-symbol BTC-USD", json!({ "symbol": "BTC-USD" })),
            ("bulk-add-symbols BTC-USD ETH-USD", json!({ "symbols": ["BTC-USD", "ETH-USD"] })),
            ("force-backfill BTC-USD", json!({ "symbols": ["BTC-USD"] })),
            (r#"force-backfill {"symbols":["BTC-USD"],"days":3}"#, json!({ "symbols": ["BTC-USD"], "days": 3 })),
            ("clear-cache", json!({ "scope": "all" })),
            ("clear-cache symbol BTC-USD", json!({ "scope": "symbol", "symbol": "BTC-USD" })),
            ("clear-cache timeframe 5m", json!({ "scope": "timeframe", "timeframe": "5m" })),
        ] {
            let order = spoken(line).unwrap();
            assert_eq!(order.payload, payload, "{line}");
            let id = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
            assert!(order.submission(id, Actor::new("test").unwrap()).is_ok(), "{line}");
        }
        for wrong in ["", "paus", "pause now please", "resume {", "clear-cache everything", "reload-settings 1 2"] {
            assert!(spoken(wrong).is_err(), "{wrong}");
        }
    }
}
