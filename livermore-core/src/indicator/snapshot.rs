use serde::{Deserialize, Serialize};

use super::{IndicatorError, MacdVConfig, seed::Seed};
use crate::{
    exact,
    ids::{Symbol, Timeframe, Timestamp},
};

/// The state of a [`MacdV`](super::MacdV), for storing.
///
/// Numbers are written as text in their shortest exact form: not every JSON reader returns the bits that were written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MacdVSnapshot {
    pub(super) config: MacdVConfig,
    pub(super) bars: u64,
    #[serde(with = "exact::optional")]
    pub(super) previous_close: Option<f64>,
    pub(super) fast: SeedSnapshot,
    pub(super) slow: SeedSnapshot,
    pub(super) atr: SeedSnapshot,
    pub(super) signal: SeedSnapshot,
    #[serde(with = "exact::optional")]
    pub(super) macd_v: Option<f64>,
}

/// The state of one smoother.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SeedSnapshot {
    seen: u32,
    #[serde(with = "exact::optional")]
    sum: Option<f64>,
    #[serde(with = "exact::optional")]
    value: Option<f64>,
}

/// The state of a [`MacdVSeries`](super::MacdVSeries), for storing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeriesSnapshot {
    pub(super) timeframe: Timeframe,
    pub(super) last_time: Option<Timestamp>,
    pub(super) last_synthetic: bool,
    pub(super) macd_v: MacdVSnapshot,
}

/// The state of an [`IndicatorEngine`](super::IndicatorEngine), for storing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EngineSnapshot {
    pub(super) series: Vec<(Symbol, SeriesSnapshot)>,
}

impl SeedSnapshot {
    pub(super) fn of(seed: &Seed, value: f64) -> Self {
        let (seen, sum) = seed.progress();
        Self { seen, sum: Some(sum), value: seed.is_complete().then_some(value) }
    }

    pub(super) fn resume(&self, period: u32) -> Result<(Seed, f64), IndicatorError> {
        let seed = Seed::resumed(period, self.seen, self.sum.unwrap_or(f64::NAN))?;
        if seed.is_complete() == self.value.is_some() {
            Ok((seed, self.value.unwrap_or(f64::NAN)))
        } else {
            Err(IndicatorError::Snapshot {
                reason: "a smoother has a value before it is seeded, or none after".to_owned(),
            })
        }
    }
}

impl MacdVSnapshot {
    /// The parameters the snapshot was taken with.
    pub const fn config(&self) -> &MacdVConfig {
        &self.config
    }

    /// Refuses combinations that no series of bars leads to.
    pub(super) fn check(&self) -> Result<(), IndicatorError> {
        self.config.validate()?;
        let refuse = |reason: &str| Err(IndicatorError::Snapshot { reason: reason.to_owned() });
        let taken = |seed: &SeedSnapshot, limit: u32| u64::from(seed.seen) == self.bars.min(u64::from(limit));
        if self.previous_close.is_some() != (self.bars > 0) {
            refuse("the previous close does not fit the number of bars")
        } else if !taken(&self.fast, self.config.fast) || !taken(&self.slow, self.config.slow) {
            refuse("the averages have not seen as many bars as the series")
        } else if u64::from(self.atr.seen) > self.bars || u64::from(self.signal.seen) > self.bars {
            refuse("more values than bars")
        } else if self.macd_v.is_some() && (self.slow.value.is_none() || self.atr.value.is_none()) {
            refuse("a MACD-V before its averages")
        } else {
            Ok(())
        }
    }
}
