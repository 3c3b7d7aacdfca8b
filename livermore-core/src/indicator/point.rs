use std::fmt;

use super::{NotReady, Stage};

/// The values of MACD-V after one bar. Each is `None` until it is valid; none is ever NaN.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct MacdVPoint {
    // Inside, NaN stands for "none": one word a value instead of two, in the hottest struct of the crate.
    pub(super) fast: f64,
    pub(super) slow: f64,
    pub(super) atr: f64,
    pub(super) macd_v: f64,
    pub(super) signal: f64,
    pub(super) not_ready: Option<NotReady>,
}

impl MacdVPoint {
    pub(super) const EMPTY: Self =
        Self { fast: f64::NAN, slow: f64::NAN, atr: f64::NAN, macd_v: f64::NAN, signal: f64::NAN, not_ready: None };

    /// MACD-V: distance of the EMAs, in percent of the ATR.
    #[inline]
    pub fn macd_v(&self) -> Option<f64> {
        some(self.macd_v)
    }

    /// EMA of MACD-V.
    #[inline]
    pub fn signal(&self) -> Option<f64> {
        some(self.signal)
    }

    /// MACD-V minus signal.
    #[inline]
    pub fn histogram(&self) -> Option<f64> {
        some(self.macd_v - self.signal)
    }

    /// Informative ATR, in quote currency.
    #[inline]
    pub fn atr(&self) -> Option<f64> {
        some(self.atr)
    }

    /// Fast EMA of the close, in quote currency.
    #[inline]
    pub fn fast_ema(&self) -> Option<f64> {
        some(self.fast)
    }

    /// Slow EMA of the close, in quote currency.
    #[inline]
    pub fn slow_ema(&self) -> Option<f64> {
        some(self.slow)
    }

    /// The stage; there as soon as the signal is.
    #[inline]
    pub fn stage(&self) -> Option<Stage> {
        Stage::of(self.macd_v, self.signal)
    }

    /// Why MACD-V or its signal is missing; `None` when both are there.
    #[inline]
    pub const fn not_ready(&self) -> Option<NotReady> {
        self.not_ready
    }

    /// Whether MACD-V and its signal are there.
    #[inline]
    pub const fn is_ready(&self) -> bool {
        self.not_ready.is_none()
    }
}

#[inline(always)]
fn some(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

impl PartialEq for MacdVPoint {
    /// Equal when every value is there in both or missing in both, and equal.
    fn eq(&self, other: &Self) -> bool {
        let values = |point: &Self| [point.fast_ema(), point.slow_ema(), point.atr(), point.macd_v(), point.signal()];
        values(self) == values(other) && self.not_ready == other.not_ready
    }
}

#[allow(clippy::missing_fields_in_debug, reason = "the values are shown through their public form")]
impl fmt::Debug for MacdVPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacdVPoint")
            .field("macd_v", &self.macd_v())
            .field("signal", &self.signal())
            .field("atr", &self.atr())
            .field("fast_ema", &self.fast_ema())
            .field("slow_ema", &self.slow_ema())
            .field("not_ready", &self.not_ready)
            .finish()
    }
}
