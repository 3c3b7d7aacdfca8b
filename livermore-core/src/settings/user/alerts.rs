use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EnvName, wire};
use crate::alert::{AlertRules, Cooldown};

/// When to alert, and whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AlertSettings {
    /// Whether alerts are made at all.
    #[schemars(extend("x-livermore-apply" = "hot", "x-livermore-order" = 10))]
    pub enabled: bool,
    /// Distances from zero at which a crossing of MACD-V alerts, on both sides: 1 to 32 different values over 0 to
    /// 10,000.
    #[serde(serialize_with = "wire::numbers")]
    #[schemars(schema_with = "wire::levels_schema")]
    #[schemars(extend("x-livermore-apply" = "hot", "x-livermore-order" = 20, "x-livermore-widget" = "numbers"))]
    pub levels: Vec<f64>,
    /// How long one rule stays silent after it alerted: at least `minMs` milliseconds and `bars` bars.
    #[schemars(extend("x-livermore-order" = 30))]
    #[serde(deserialize_with = "wire::object")]
    pub cooldowns: Cooldowns,
    /// Alerts to a Discord channel.
    #[schemars(extend("x-livermore-order" = 40))]
    #[serde(deserialize_with = "wire::object")]
    pub discord: DiscordSettings,
}

/// How long one rule stays silent after it alerted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Cooldowns {
    /// At least this long, in milliseconds. 0 to 604,800,000 (a week).
    #[schemars(range(max = 604_800_000))]
    #[schemars(extend("x-livermore-apply" = "hot", "x-livermore-order" = 10, "x-livermore-widget" = "duration"))]
    pub min_ms: u64,
    /// And at least this many bars of the timeframe. 0 to 1,000.
    #[schemars(range(max = 1_000))]
    #[schemars(extend("x-livermore-apply" = "hot", "x-livermore-order" = 20))]
    pub bars: u32,
}

/// Alerts to a Discord channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct DiscordSettings {
    /// Whether they are sent.
    #[schemars(extend("x-livermore-apply" = "hot", "x-livermore-order" = 10))]
    pub enabled: bool,
    /// The name of the environment variable that holds the webhook's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::env_name_schema")]
    #[schemars(extend("x-livermore-apply" = "restart", "x-livermore-order" = 20, "x-livermore-widget" = "env"))]
    pub webhook_env_var: Option<EnvName>,
}

impl AlertSettings {
    /// The rules for the evaluator.
    pub fn rules(&self) -> AlertRules {
        let Cooldowns { min_ms, bars } = self.cooldowns;
        AlertRules::default().with_levels(self.levels.clone()).with_cooldown(Cooldown { min_ms, bars })
    }
}
