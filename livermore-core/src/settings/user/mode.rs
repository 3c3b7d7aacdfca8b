use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the monitor does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Watches every configured timeframe of the monitored symbols.
    #[default]
    PositionMonitor,
    /// Watches the short timeframes with MACD-V.
    ScalperMacdv,
    /// Watches the order book. Not there yet: settings with this mode are refused.
    ScalperOrderbook,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::PositionMonitor, Self::ScalperMacdv, Self::ScalperOrderbook];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PositionMonitor => "position-monitor",
            Self::ScalperMacdv => "scalper-macdv",
            Self::ScalperOrderbook => "scalper-orderbook",
        }
    }

    /// Whether this program can do it.
    pub const fn is_implemented(self) -> bool {
        !matches!(self, Self::ScalperOrderbook)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
