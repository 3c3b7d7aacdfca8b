use super::{IndicatorError, smoother::Smoother};

/// Exponential moving average: EMA += (x − EMA) · 2/(n+1), seeded by the mean of the first n inputs.
///
/// Equal to TA-Lib's `EMA`, to the last bit.
///
/// ```
/// use livermore_core::indicator::Ema;
/// let mut ema = Ema::new(3)?;
/// assert_eq!([10.0, 11.0, 12.0, 13.0].map(|x| ema.update(x)), [None, None, Some(11.0), Some(12.0)]);
/// assert_eq!(ema.peek(14.0), Some(13.0));
/// assert_eq!(ema.value(), Some(12.0));
/// # Ok::<(), livermore_core::indicator::IndicatorError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Ema {
    smoother: Smoother,
    gain: f64,
}

impl Ema {
    /// An average over `period` inputs, 1 to 10,000.
    pub fn new(period: u32) -> Result<Self, IndicatorError> {
        Ok(Self { smoother: Smoother::new(period)?, gain: ema_gain(period) })
    }

    /// Takes the next input. `None` until `period` inputs were taken; an input that is not a finite number is not
    /// taken, and answered by `None`.
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let gain = self.gain;
        self.smoother.update(x, |value| ema_step(value, gain, x))
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

pub(super) fn ema_gain(period: u32) -> f64 {
    2.0 / (f64::from(period) + 1.0)
}

#[inline(always)]
pub(super) fn ema_step(value: f64, gain: f64, x: f64) -> f64 {
    (x - value).mul_add(gain, value)
}
