//! How the payloads of commands look in JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::{Backfill, CacheScope, Command, CommandKind, PauseLevel};
use crate::{
    ids::{Revision, Symbol, Timeframe},
    settings::{Mode, Path, Problem, ProblemCode, UserSettings},
};

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pause {
    /// How much stops.
    #[serde(default)]
    #[schemars(schema_with = "level_schema")]
    level: PauseLevel,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reload {
    /// At least this revision; what is stored when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "revision_schema")]
    revision: Option<Revision>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchMode {
    /// The new mode.
    mode: Mode,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneSymbol {
    /// The symbol, as the exchange writes it.
    #[schemars(schema_with = "symbol_schema")]
    symbol: Symbol,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Symbols {
    /// The symbols, each once.
    #[schemars(schema_with = "symbols_schema")]
    symbols: Vec<Symbol>,
}

/// `symbol` is what the TypeScript system sends, `symbols` what it documents.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackfillPayload {
    /// One symbol; instead of `symbols`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "symbol_schema")]
    symbol: Option<Symbol>,
    /// The symbols, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "backfill_symbols_schema")]
    symbols: Vec<Symbol>,
    /// The timeframes, each once; every configured one when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "timeframes_schema")]
    timeframes: Vec<Timeframe>,
    /// So many days back; as many bars as the indicators need when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 365))]
    days: Option<u16>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClearCache {
    /// Which cached data is forgotten.
    scope: Scope,
    /// With the scope `symbol`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "symbol_schema")]
    symbol: Option<Symbol>,
    /// With the scope `timeframe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "timeframe_schema")]
    timeframe: Option<Timeframe>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Scope {
    All,
    Symbol,
    Timeframe,
}

/// Reads the payload of a command; limits that need no type are checked elsewhere.
pub(super) fn read(kind: CommandKind, payload: &Value) -> Result<Command, Vec<Problem>> {
    Ok(match kind {
        CommandKind::Pause => Command::Pause { level: typed::<Pause>(payload)?.level },
        CommandKind::Resume => {
            typed::<Nothing>(payload)?;
            Command::Resume
        }
        CommandKind::ReloadSettings => Command::ReloadSettings { revision: typed::<Reload>(payload)?.revision },
        CommandKind::SwitchMode => Command::SwitchMode { mode: typed::<SwitchMode>(payload)?.mode },
        CommandKind::AddSymbol => Command::AddSymbol { symbol: typed::<OneSymbol>(payload)?.symbol },
        CommandKind::RemoveSymbol => Command::RemoveSymbol { symbol: typed::<OneSymbol>(payload)?.symbol },
        CommandKind::BulkAddSymbols => Command::BulkAddSymbols { symbols: typed::<Symbols>(payload)?.symbols },
        CommandKind::ForceBackfill => Command::ForceBackfill(typed::<BackfillPayload>(payload)?.backfill()?),
        CommandKind::ClearCache => Command::ClearCache { scope: typed::<ClearCache>(payload)?.scope()? },
    })
}

pub(super) fn write(command: &Command) -> Value {
    let written = match command {
        Command::Pause { level } => serde_json::to_value(Pause { level: *level }),
        Command::Resume => serde_json::to_value(Nothing {}),
        Command::ReloadSettings { revision } => serde_json::to_value(Reload { revision: *revision }),
        Command::SwitchMode { mode } => serde_json::to_value(SwitchMode { mode: *mode }),
        Command::AddSymbol { symbol } | Command::RemoveSymbol { symbol } => {
            serde_json::to_value(OneSymbol { symbol: symbol.clone() })
        }
        Command::BulkAddSymbols { symbols } => serde_json::to_value(Symbols { symbols: symbols.clone() }),
        Command::ForceBackfill(backfill) => serde_json::to_value(backfill),
        Command::ClearCache { scope } => serde_json::to_value(scope),
    };
    // Plain data always has a JSON form.
    written.unwrap_or_default()
}

fn typed<T: DeserializeOwned>(payload: &Value) -> Result<T, Vec<Problem>> {
    let nothing = Value::Object(Map::new());
    let payload = if payload.is_null() { &nothing } else { payload };
    if !payload.is_object() {
        return Err(vec![Problem::new("/payload", ProblemCode::Type, "is not an object")]);
    }
    serde_path_to_error::deserialize(payload).map_err(|error| {
        let place = error.path().iter().fold(Path::root().join("payload"), |place, segment| match segment {
            Segment::Seq { index } => place.join(index.to_string()),
            Segment::Map { key } => place.join(key.as_str()),
            Segment::Enum { .. } | Segment::Unknown => place,
        });
        let message = error.into_inner().to_string();
        let code = if message.starts_with("missing field") {
            ProblemCode::Missing
        } else if message.starts_with("unknown field") || message.starts_with("unknown variant") {
            ProblemCode::Unknown
        } else if message.starts_with("invalid type") {
            ProblemCode::Type
        } else {
            ProblemCode::Format
        };
        let message = if message.len() > 300 { message.chars().take(300).collect() } else { message };
        vec![Problem::new(place.to_string(), code, message)]
    })
}

impl BackfillPayload {
    fn backfill(self) -> Result<Backfill, Vec<Problem>> {
        let Self { symbol, mut symbols, timeframes, days } = self;
        match symbol {
            Some(_) if !symbols.is_empty() => {
                let message = "is there together with symbols; give one of them";
                return Err(vec![Problem::new("/payload/symbol", ProblemCode::Duplicate, message)]);
            }
            symbol => symbols.extend(symbol),
        }
        Ok(Backfill { symbols, timeframes, days })
    }
}

impl ClearCache {
    fn scope(self) -> Result<CacheScope, Vec<Problem>> {
        match (self.scope, self.symbol, self.timeframe) {
            (Scope::All, None, None) => Ok(CacheScope::All),
            (Scope::Symbol, Some(symbol), None) => Ok(CacheScope::Symbol { symbol }),
            (Scope::Timeframe, None, Some(timeframe)) => Ok(CacheScope::Timeframe { timeframe }),
            _ => {
                let message = "does not fit the rest: all stands alone, symbol needs symbol, timeframe needs timeframe";
                Err(vec![Problem::new("/payload/scope", ProblemCode::Format, message)])
            }
        }
    }
}

mod schemas {
    use schemars::{Schema, SchemaGenerator, json_schema};
    use serde_json::json;

    use super::{Command, PauseLevel, Symbol, Timeframe, UserSettings};
    use crate::ids::MAX_JSON_INTEGER;

    pub(super) fn level_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": PauseLevel::ALL.map(PauseLevel::as_str), "default": "stop" })
    }

    pub(super) fn revision_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": MAX_JSON_INTEGER })
    }

    pub(super) fn symbol_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": Symbol::MAX_LEN, "pattern": "^[A-Z0-9]+([-._][A-Z0-9]+)*$" })
    }

    pub(super) fn symbols_schema(generator: &mut SchemaGenerator) -> Schema {
        symbols(generator, UserSettings::MAX_SYMBOLS)
    }

    pub(super) fn backfill_symbols_schema(generator: &mut SchemaGenerator) -> Schema {
        symbols(generator, Command::MAX_BACKFILL_SYMBOLS)
    }

    fn symbols(generator: &mut SchemaGenerator, most: usize) -> Schema {
        let items = symbol_schema(generator);
        json_schema!({ "type": "array", "items": items, "minItems": 1, "maxItems": most, "uniqueItems": true })
    }

    pub(super) fn timeframe_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Timeframe::ALL.map(Timeframe::as_str) })
    }

    pub(super) fn timeframes_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = json!(timeframe_schema(generator));
        json_schema!({ "type": "array", "items": items, "uniqueItems": true })
    }
}
use schemas::{
    backfill_symbols_schema, level_schema, revision_schema, symbol_schema, symbols_schema, timeframe_schema,
    timeframes_schema,
};
