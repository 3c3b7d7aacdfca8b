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
        let (what, count, unit) = match self {
            Self::WarmingUp { bars_needed } => ("warming up", bars_needed, "bar"),
            Self::LowTradingActivity { traded_bars_needed } => {
                ("low trading activity", traded_bars_needed, "traded bar")
            }
            Self::SignalWarmingUp { bars_needed } => ("signal warming up", bars_needed, "bar"),
            Self::ZeroRange => return f.write_str("the price has not moved"),
        };
        write!(f, "{what}: {count} more {unit}{} needed", if *count == 1 { "" } else { "s" })
    }
}
