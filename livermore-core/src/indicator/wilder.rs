use super::{IndicatorError, smoother::Smoother};

/// Wilder's smoothing: W = (W · (n−1) + x) / n, seeded by the mean of the first n inputs.
///
/// J. W. Wilder, *New Concepts in Technical Trading Systems* (1978). Computed as TA-Lib does in its `ATR`,
/// W · (n−1)/n + x · (1 − (n−1)/n) with the first product fused, and equal to it to the last bit.
#[derive(Debug, Clone, PartialEq)]
pub struct Wilder {
    smoother: Smoother,
    keep: f64,
}

impl Wilder {
    /// A smoothing over `period` inputs, 1 to 10,000.
    pub fn new(period: u32) -> Result<Self, IndicatorError> {
        Ok(Self { smoother: Smoother::new(period)?, keep: wilder_keep(period) })
    }

    /// Takes the next input. `None` until `period` inputs were taken; an input that is not a finite number is not
    /// taken, and answered by `None`.
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let keep = self.keep;
        self.smoother.update(x, |value| wilder_step(value, keep, x))
    }

    /// What [`update`](Self::update) would return, without taking the input.
    pub fn peek(&self, x: f64) -> Option<f64> {
        self.clone().update(x)
    }

    /// The last value; `None` before the first.
    pub fn value(&self) -> Option<f64> {
        self.smoother.value()
    }
}

pub(super) fn wilder_keep(period: u32) -> f64 {
    (f64::from(period) - 1.0) / f64::from(period)
}

#[inline(always)]
pub(super) fn wilder_step(value: f64, keep: f64, x: f64) -> f64 {
    value.mul_add(keep, x * (1.0 - keep))
}
