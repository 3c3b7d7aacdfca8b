use super::{IndicatorError, config::check_period, seed::Seed};

/// Wilder's smoothing: W = (W · (n−1) + x) / n, seeded by the mean of the first n inputs.
///
/// J. W. Wilder, *New Concepts in Technical Trading Systems* (1978). Computed as TA-Lib does in its `ATR`,
/// W · (n−1)/n + x · (1 − (n−1)/n) with the first product fused, and equal to it to the last bit.
#[derive(Debug, Clone, PartialEq)]
pub struct Wilder {
    seed: Seed,
    keep: f64,
    value: f64,
}

impl Wilder {
    /// A smoothing over `period` inputs, 1 to 10,000.
    pub fn new(period: u32) -> Result<Self, IndicatorError> {
        check_period("period", period)?;
        Ok(Self { seed: Seed::new(period), keep: wilder_keep(period), value: 0.0 })
    }

    /// Takes the next input. `None` until `period` inputs were taken; an input that is not a finite number is not
    /// taken, and answered by `None`.
    pub fn update(&mut self, x: f64) -> Option<f64> {
        if !x.is_finite() {
            return None;
        }
        self.value = if self.seed.is_complete() { wilder_step(self.value, self.keep, x) } else { self.seed.add(x)? };
        Some(self.value)
    }

    /// What [`update`](Self::update) would return, without taking the input.
    pub fn peek(&self, x: f64) -> Option<f64> {
        self.clone().update(x)
    }

    /// The last value; `None` before the first.
    pub fn value(&self) -> Option<f64> {
        self.seed.is_complete().then_some(self.value)
    }
}

pub(super) fn wilder_keep(period: u32) -> f64 {
    (f64::from(period) - 1.0) / f64::from(period)
}

#[inline(always)]
pub(super) fn wilder_step(value: f64, keep: f64, x: f64) -> f64 {
    value.mul_add(keep, x * (1.0 - keep))
}
