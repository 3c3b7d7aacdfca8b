use std::fmt;

use serde::{Deserialize, Serialize};

/// How far the data behind a value can be trusted; it travels with every point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Quality {
    /// Complete and current.
    #[default]
    Fresh,
    /// Complete as far as it goes, but the feed has gone silent.
    Stale,
    /// Candles are missing and no repair is under way.
    Gapped,
    /// Candles are missing and being fetched.
    Repairing,
}

impl Quality {
    /// Whether a value of this quality can be acted on without a warning.
    pub const fn is_fresh(self) -> bool {
        matches!(self, Self::Fresh)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Gapped => "gapped",
            Self::Repairing => "repairing",
        })
    }
}
