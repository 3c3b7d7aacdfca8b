use super::{Ema, IndicatorError, MacdVConfig};

/// Plain MACD: the difference of two EMAs of the close, in quote currency, and its signal EMA.
///
/// Each EMA is seeded by its own first bars. TA-Lib's `MACD` differs for some hundred bars: it seeds the fast EMA late,
/// on the bars just before the slow one is ready.
#[derive(Debug, Clone, PartialEq)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
}

/// One value of [`Macd`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacdPoint {
    /// Fast EMA minus slow EMA.
    pub macd: f64,
    /// EMA of `macd`; `None` while it warms up.
    pub signal: Option<f64>,
}

impl MacdPoint {
    /// `macd` minus `signal`.
    pub fn histogram(&self) -> Option<f64> {
        self.signal.map(|signal| self.macd - signal)
    }
}

impl Macd {
    /// A MACD of these periods; 12, 26, 9 are usual.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Result<Self, IndicatorError> {
        MacdVConfig::default().with_emas(fast, slow).with_signal(signal).validate()?;
        Ok(Self { fast: Ema::new(fast)?, slow: Ema::new(slow)?, signal: Ema::new(signal)? })
    }

    /// Takes the next close. `None` until the slow EMA is there.
    pub fn update(&mut self, close: f64) -> Option<MacdPoint> {
        let (fast, slow) = (self.fast.update(close), self.slow.update(close));
        let macd = fast? - slow?;
        Some(MacdPoint { macd, signal: self.signal.update(macd) })
    }

    /// What [`update`](Self::update) would return, without taking the close.
    pub fn peek(&self, close: f64) -> Option<MacdPoint> {
        self.clone().update(close)
    }
}
