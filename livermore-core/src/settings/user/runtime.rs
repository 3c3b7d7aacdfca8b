use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wire;

/// How the monitor starts and logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct RuntimeSettings {
    /// Whether monitoring begins as soon as the program runs.
    #[schemars(extend("x-livermore-apply" = "restart", "x-livermore-order" = 10))]
    pub auto_start: bool,
    /// Where files go and how much is logged.
    #[schemars(extend("x-livermore-order" = 20))]
    #[serde(deserialize_with = "wire::object")]
    pub logging: LoggingSettings,
}

/// Where files go and how much is logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct LoggingSettings {
    /// How much is logged.
    #[schemars(extend("x-livermore-apply" = "hot", "x-livermore-order" = 10))]
    pub level: LogLevel,
    /// The folder for data files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 1_000), extend("x-livermore-apply" = "restart", "x-livermore-order" = 20))]
    pub data_directory: Option<String>,
    /// The folder for log files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 1_000), extend("x-livermore-apply" = "restart", "x-livermore-order" = 30))]
    pub log_directory: Option<String>,
}

/// How much is logged, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// Every level, least first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
