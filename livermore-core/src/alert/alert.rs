use serde::{Deserialize, Serialize};

use crate::{
    ids::{Symbol, Timeframe, Timestamp},
    indicator::Stage,
    market::Quality,
};

/// Something worth telling a person, with the values that caused it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Start of the bar that caused the alert; the bar had ended when the alert was made.
    pub time: Timestamp,
    /// The product.
    pub symbol: Symbol,
    /// Length of the bar.
    pub timeframe: Timeframe,
    /// What happened.
    #[serde(flatten)]
    pub kind: AlertKind,
    /// Which way MACD-V moved.
    pub direction: Direction,
    /// Close of the bar, in quote currency.
    pub price: f64,
    /// MACD-V at the close of the bar.
    pub macd_v: f64,
    /// MACD-V one evaluated bar earlier: together with `macd_v` it shows the crossing.
    pub previous_macd_v: f64,
    /// Signal at the close of the bar.
    pub signal: f64,
    /// MACD-V minus signal.
    pub histogram: f64,
    /// Stage at the close of the bar.
    pub stage: Stage,
    /// Quality of the data behind the values.
    pub quality: Quality,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
#[non_exhaustive]
pub enum AlertKind {
    /// MACD-V crossed a level away from zero: upwards over a positive one, downwards under a negative one.
    Level {
        /// The level, signed. When one bar crosses several, the one furthest from zero.
        level: f64,
    },
    /// MACD-V is beyond the extreme zone and has turned back by a share of its value.
    Reversal,
}

impl AlertKind {
    /// The wire name: `level` or `reversal`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Level { .. } => "level",
            Self::Reversal => "reversal",
        }
    }

    /// The level crossed, if this is a crossing.
    pub const fn level(self) -> Option<f64> {
        match self {
            Self::Level { level } => Some(level),
            Self::Reversal => None,
        }
    }
}

/// Which way MACD-V moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Direction {
    Up,
    Down,
}

impl Direction {
    /// The wire name: `up` or `down`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// 1 for up, -1 for down.
    pub(super) const fn sign(self) -> f64 {
        match self {
            Self::Up => 1.0,
            Self::Down => -1.0,
        }
    }
}
