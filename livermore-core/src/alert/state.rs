use serde::{Deserialize, Serialize};

use super::{Alert, Direction};
use crate::ids::{Symbol, Timeframe, Timestamp};

/// Everything an [`Evaluator`](super::Evaluator) remembers, for storing across restarts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvaluatorState {
    /// One entry per series, ordered by symbol and timeframe.
    pub series: Vec<SeriesState>,
}

/// What is remembered of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeriesState {
    /// The product.
    pub symbol: Symbol,
    /// Length of its bars.
    pub timeframe: Timeframe,
    /// Start of the last evaluated bar; older bars are not evaluated again.
    pub last_time: Timestamp,
    /// MACD-V of the last evaluated bar.
    #[serde(with = "crate::exact")]
    pub last_macd_v: f64,
    /// Signed levels that were crossed and not yet left by the hysteresis.
    pub latched_levels: Vec<f64>,
    /// Directions in which the current extreme has already reversed.
    pub latched_reversals: Vec<Direction>,
    /// Rules that are silent, and since when.
    pub fired: Vec<Fired>,
    /// Alerts kept back until the data is fresh again, oldest first.
    pub held: Vec<Alert>,
}

/// When a rule last alerted. `level` is `None` for reversals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fired {
    /// The signed level, or `None` for a reversal.
    pub level: Option<f64>,
    /// Direction of the alert.
    pub direction: Direction,
    /// Start of the bar that alerted.
    pub time: Timestamp,
}
