use crate::ids::{Timeframe, Timestamp};
use crate::market::{Candle, CandleError, CandleSource, Finality, Ohlcv};

/// What an indicator needs of a candle: three prices, and whether anything was traded.
///
/// The prices are finite, not negative, at most [`Candle::MAX_VALUE`], and `low <= close <= high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    pub(super) high: f64,
    pub(super) low: f64,
    pub(super) close: f64,
    pub(super) traded: bool,
}

impl Bar {
    /// A bar in which something was traded.
    pub fn new(high: f64, low: f64, close: f64) -> Result<Self, CandleError> {
        let ohlcv = Ohlcv { open: close, high, low, close, volume: 0.0 };
        Candle::new(Timeframe::M1, Timestamp::EPOCH, ohlcv, Finality::Closed, CandleSource::Derived)
            .map(|candle| Self::from(&candle))
    }

    /// A bar in which nothing was traded, flat at the previous close.
    pub fn no_trade(close: f64) -> Result<Self, CandleError> {
        Self::new(close, close, close).map(|bar| Self { traded: false, ..bar })
    }

    /// Highest price.
    pub const fn high(&self) -> f64 {
        self.high
    }

    /// Lowest price.
    pub const fn low(&self) -> f64 {
        self.low
    }

    /// Last price.
    pub const fn close(&self) -> f64 {
        self.close
    }

    /// Whether anything was traded.
    pub const fn is_traded(&self) -> bool {
        self.traded
    }
}

impl From<&Candle> for Bar {
    #[inline]
    fn from(candle: &Candle) -> Self {
        Self { high: candle.high(), low: candle.low(), close: candle.close(), traded: !candle.is_synthetic() }
    }
}
