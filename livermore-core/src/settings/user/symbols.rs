use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wire;
use crate::ids::Symbol;

/// Which products are watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct SymbolSettings {
    /// The symbols, each once, at most 500.
    #[schemars(schema_with = "wire::symbols_schema")]
    #[schemars(extend("x-livermore-apply" = "hot", "x-livermore-order" = 10, "x-livermore-widget" = "symbols"))]
    pub monitored: Vec<Symbol>,
    /// A position is monitored from this value on, in US dollars. 0 to 1,000,000,000.
    #[serde(serialize_with = "wire::number")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    #[schemars(extend("x-livermore-apply" = "hot", "x-livermore-order" = 20, "x-livermore-widget" = "usd"))]
    pub min_position_value_usd: f64,
}
