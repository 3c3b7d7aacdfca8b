use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the scanner for new symbols remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-livermore-apply" = "hot"))]
#[non_exhaustive]
pub struct ScannerSettings {
    /// The exchange it looks at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 100), extend("x-livermore-order" = 10))]
    pub exchange: Option<String>,
    /// When the symbols were last taken over from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 100), extend("x-livermore-order" = 20, "x-livermore-widget" = "time"))]
    pub symbols_last_update: Option<String>,
}
