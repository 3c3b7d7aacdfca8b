use super::{AtrSeed, Bar, IndicatorError, Wilder};

/// Informative average true range: Wilder's ATR over traded bars only.
///
/// A bar without trades says nothing about volatility: it leaves the value as it is, where the plain ATR would sink
/// towards zero and blow up whatever is divided by it. With every bar traded this is Wilder's ATR; with
/// [`AtrSeed::TaLib`] it equals TA-Lib's, to the last bit.
#[derive(Debug, Clone, PartialEq)]
pub struct Atr {
    wilder: Wilder,
    seed: AtrSeed,
    previous_close: Option<f64>,
}

impl Atr {
    /// An ATR over `period` traded bars, 1 to 10,000.
    pub fn new(period: u32, seed: AtrSeed) -> Result<Self, IndicatorError> {
        Ok(Self { wilder: Wilder::new(period)?, seed, previous_close: None })
    }

    /// Takes the next bar. `None` until enough bars were traded.
    pub fn update(&mut self, bar: &Bar) -> Option<f64> {
        let previous = self.previous_close.replace(bar.close);
        if bar.traded && (previous.is_some() || self.seed == AtrSeed::FirstRange) {
            self.wilder.update(true_range(bar, previous.unwrap_or(f64::NAN)));
        }
        self.value()
    }

    /// What [`update`](Self::update) would return, without taking the bar.
    pub fn peek(&self, bar: &Bar) -> Option<f64> {
        self.clone().update(bar)
    }

    /// The last value; `None` before the first.
    pub fn value(&self) -> Option<f64> {
        self.wilder.value()
    }
}

/// The largest of high − low, |high − previous close| and |low − previous close|.
///
/// Without a previous close pass NaN: the result is high − low.
#[inline(always)]
pub fn true_range(bar: &Bar, previous_close: f64) -> f64 {
    // The largest of the three differences is the one between the outermost prices, and rounds to the same bits.
    // Plain comparisons are one instruction each, and false for NaN.
    let top = if previous_close > bar.high { previous_close } else { bar.high };
    let bottom = if previous_close < bar.low { previous_close } else { bar.low };
    top - bottom
}
