use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who the user is. For people; nothing is computed from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-livermore-apply" = "hot"))]
#[non_exhaustive]
pub struct ProfileSettings {
    /// The name shown to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 100), extend("x-livermore-order" = 10))]
    pub public_name: Option<String>,
    /// A few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 1_000), extend("x-livermore-order" = 20, "x-livermore-widget" = "text"))]
    pub description: Option<String>,
    /// Who the user is at the identity provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 100), extend("x-livermore-order" = 30))]
    pub subject: Option<String>,
    /// The exchange the user mostly trades on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 100), extend("x-livermore-order" = 40))]
    pub primary_exchange: Option<String>,
    /// Whether the user trades with real money. This program never trades.
    #[schemars(extend("x-livermore-order" = 50))]
    pub trading_mode: TradingMode,
    /// The currency amounts are shown in.
    #[schemars(length(max = 100), extend("x-livermore-order" = 60))]
    pub currency: String,
    /// The time zone times are shown in.
    #[schemars(length(max = 100), extend("x-livermore-order" = 70))]
    pub timezone: String,
    /// The language and region of the user.
    #[schemars(length(max = 100), extend("x-livermore-order" = 80))]
    pub locale: String,
}

/// Whether a user trades with real money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum TradingMode {
    #[default]
    Paper,
    Live,
}
