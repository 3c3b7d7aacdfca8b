use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a value is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
#[non_exhaustive]
pub enum NotReady {
    /// Too few bars so far for MACD-V.
    WarmingUp {
        /// More bars needed at least (exactly so many if each is traded).
        bars_needed: u32,
    },
    /// Enough bars, but too few of them were traded to know the volatility.
    LowTradingActivity {
        /// More traded bars needed.
        traded_bars_needed: u32,
    },
    /// MACD-V is there, its signal is not yet.
    SignalWarmingUp {
        /// More bars needed.
        bars_needed: u32,
    },
    /// The price has not moved at all, so there is no volatility to divide by.
    ZeroRange,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WarmingUp { bars_needed } => write!(f, "warming up: {bars_needed} more bars needed"),
            Self::LowTradingActivity { traded_bars_needed } => {
                write!(f, "low trading activity: {traded_bars_needed} more traded bars needed")
            }
            Self::SignalWarmingUp { bars_needed } => write!(f, "signal warming up: {bars_needed} more bars needed"),
            Self::ZeroRange => f.write_str("the price has not moved"),
        }
    }
}
