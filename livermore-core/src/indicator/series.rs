use super::{Bar, IndicatorError, MacdV, MacdVConfig, MacdVPoint, SeriesSnapshot};
use crate::{
    ids::{Timeframe, Timestamp},
    market::{Candle, SequenceError, sequence::Order},
};

/// MACD-V of a series of candles, which it insists on being complete: every bucket in order, each final.
///
/// A forming candle, a repeated one, one out of order or one after a hole is refused and changes nothing. After a hole,
/// fill or repair it and go on, or start anew.
#[derive(Debug, Clone)]
pub struct MacdVSeries {
    order: Order,
    last_synthetic: bool,
    macd_v: MacdV,
}

/// The values of a series after one candle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Start of the candle.
    pub time: Timestamp,
    /// Length of the candle.
    pub timeframe: Timeframe,
    /// Close of the candle, in quote currency.
    pub close: f64,
    /// Whether nothing was traded in the candle.
    pub synthetic: bool,
    /// The values.
    pub point: MacdVPoint,
}

impl Reading {
    /// Values beside the facts of the candle they belong to.
    pub fn of(candle: &Candle, point: MacdVPoint) -> Self {
        Self {
            time: candle.open_time(),
            timeframe: candle.timeframe(),
            close: candle.close(),
            synthetic: candle.is_synthetic(),
            point,
        }
    }
}

impl MacdVSeries {
    /// A series of `timeframe` candles that has seen nothing.
    pub fn new(timeframe: Timeframe, config: MacdVConfig) -> Result<Self, IndicatorError> {
        Ok(Self { order: Order::new(timeframe), last_synthetic: false, macd_v: MacdV::new(config)? })
    }

    /// Takes the next final candle.
    // Out of line it would read back, in one piece, a candle just written in several: a wait longer than all the rest.
    #[inline(always)]
    pub fn update(&mut self, candle: &Candle) -> Result<&MacdVPoint, IndicatorError> {
        let missing = self.order.missing_before(candle)?;
        self.refuse_gap(missing, candle)?;
        self.order.take(candle);
        // A bar is bound by its stores; this one is rarely needed.
        if self.last_synthetic != candle.is_synthetic() {
            self.last_synthetic = candle.is_synthetic();
        }
        Ok(self.macd_v.update(&Bar::from(candle)))
    }

    /// The values after `candle` if it were final as it stands; changes nothing.
    #[inline]
    pub fn peek(&self, candle: &Candle) -> Result<MacdVPoint, IndicatorError> {
        let missing = self.order.missing_before_any(candle)?;
        self.refuse_gap(missing, candle)?;
        Ok(self.macd_v.peek(&Bar::from(candle)))
    }

    /// The values after the last candle; `None` before the first.
    pub fn latest(&self) -> Option<Reading> {
        self.order.last().map(|time| Reading {
            time,
            timeframe: self.order.timeframe(),
            close: self.macd_v.previous_close(),
            synthetic: self.last_synthetic,
            point: *self.macd_v.latest(),
        })
    }

    /// Start of the last candle taken.
    pub const fn last_time(&self) -> Option<Timestamp> {
        self.order.last()
    }

    /// The parameters.
    pub const fn config(&self) -> &MacdVConfig {
        self.macd_v.config()
    }

    /// Length of the candles.
    pub const fn timeframe(&self) -> Timeframe {
        self.order.timeframe()
    }

    /// The whole state.
    pub fn snapshot(&self) -> SeriesSnapshot {
        SeriesSnapshot {
            timeframe: self.order.timeframe(),
            last_time: self.order.last(),
            last_synthetic: self.last_synthetic,
            macd_v: self.macd_v.snapshot(),
        }
    }

    /// Goes on from a snapshot, bit for bit; refuses one that this code could not have made.
    pub fn restore(snapshot: &SeriesSnapshot) -> Result<Self, IndicatorError> {
        let SeriesSnapshot { timeframe, last_time, last_synthetic, macd_v } = snapshot;
        let restored = MacdV::restore(macd_v)?;
        let refuse = |reason: &str| Err(IndicatorError::Snapshot { reason: reason.to_owned() });
        if last_time.is_some() != (restored.bars() > 0) {
            return refuse("the last time does not fit the number of bars");
        }
        if last_time.is_some_and(|last| !timeframe.is_aligned(last)) {
            return refuse("the last time is not the start of a bucket");
        }
        let order = Order::after(*timeframe, *last_time);
        Ok(Self { order, last_synthetic: *last_synthetic, macd_v: restored })
    }

    #[inline]
    fn refuse_gap(&self, missing: u64, candle: &Candle) -> Result<(), SequenceError> {
        if missing == 0 {
            return Ok(());
        }
        let last = self.order.last().unwrap_or(candle.open_time());
        Err(SequenceError::Gap { last, open_time: candle.open_time(), missing })
    }
}
