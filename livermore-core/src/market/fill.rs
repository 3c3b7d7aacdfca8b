use super::{Candle, CandleSource, Ohlcv, SequenceError, sequence::Order};
use crate::ids::{Timeframe, Timestamp};

/// Most no-trade bars put into one hole unless the caller says otherwise: a week of minutes.
pub const DEFAULT_MAX_FILL: u64 = 10_080;

/// Puts a no-trade bar into every empty bucket of a series whose holes are *known* to be quiet, not lost.
///
/// Use it on history that leaves out buckets without trades (exchange REST, candle files). A hole in a live feed is an
/// outage until proven otherwise and must be repaired, not filled.
///
/// A filled bar is flat at the previous close with volume zero and source
/// [`Synthetic`](super::CandleSource::Synthetic). Nothing is put before the first candle or after the last.
///
/// ```
/// # use livermore_core::{ids::*, market::*};
/// let mut fill = NoTradeFill::new(Timeframe::M1, DEFAULT_MAX_FILL);
/// let candle = |minute: i64, close| {
///     let flat = Ohlcv { open: close, high: close, low: close, close, volume: 1.0 };
///     Candle::new(Timeframe::M1, Timestamp::from_secs(minute * 60)?, flat, Finality::Closed, CandleSource::Rest)
///         .map_err(Box::<dyn std::error::Error>::from)
/// };
/// assert_eq!(fill.push(&candle(10, 5.0)?)?.count(), 1);
/// let run: Vec<Candle> = fill.push(&candle(13, 6.0)?)?.collect();
/// assert_eq!(run.iter().map(Candle::close).collect::<Vec<_>>(), [5.0, 5.0, 6.0]);
/// assert!(run[0].is_synthetic() && run[1].is_synthetic() && !run[2].is_synthetic());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct NoTradeFill {
    order: Order,
    max_fill: u64,
    last_close: f64,
    filled: u64,
}

impl NoTradeFill {
    /// A filler for candles of `timeframe` that accepts holes of up to `max_fill` buckets.
    pub const fn new(timeframe: Timeframe, max_fill: u64) -> Self {
        Self { order: Order::new(timeframe), max_fill, last_close: 0.0, filled: 0 }
    }

    /// Takes the next candle; the answer yields the no-trade bars before it, then the candle itself.
    ///
    /// On an error nothing changes: the same filler accepts the right candle afterwards.
    #[inline]
    pub fn push<'a>(&mut self, candle: &'a Candle) -> Result<Filled<'a>, SequenceError> {
        let missing = self.order.missing_before(candle)?;
        if missing > 0 {
            self.count(missing, candle.open_time())?;
        }
        let run = Filled { missing, close: self.last_close, candle: Some(candle) };
        self.order.take(candle);
        self.last_close = candle.close();
        Ok(run)
    }

    #[cold]
    fn count(&mut self, missing: u64, open_time: Timestamp) -> Result<(), SequenceError> {
        if missing > self.max_fill {
            let last = self.order.last().unwrap_or(open_time);
            return Err(SequenceError::HoleTooLong { last, open_time, missing, max: self.max_fill });
        }
        self.filled += missing;
        Ok(())
    }

    /// Start of the bucket after the last candle; `None` before the first.
    pub fn next_time(&self) -> Option<Timestamp> {
        self.order.last().and_then(|last| last.checked_add_millis(self.order.timeframe().millis()))
    }

    /// No-trade bars put in so far.
    pub const fn filled(&self) -> u64 {
        self.filled
    }
}

/// The bars of one [`NoTradeFill::push`], in order.
#[derive(Debug, Clone)]
pub struct Filled<'a> {
    missing: u64,
    close: f64,
    candle: Option<&'a Candle>,
}

impl Iterator for Filled<'_> {
    type Item = Candle;

    #[inline]
    fn next(&mut self) -> Option<Candle> {
        if self.missing == 0 {
            return self.candle.take().copied();
        }
        let candle = self.candle?;
        let before = self.missing.cast_signed() * candle.timeframe().millis();
        let open_time = Timestamp::from_millis_in_range(candle.open_time().as_millis() - before);
        self.missing -= 1;
        let flat = Ohlcv { open: self.close, high: self.close, low: self.close, close: self.close, volume: 0.0 };
        Some(Candle::derived(candle.timeframe(), open_time, flat, CandleSource::Synthetic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Finality;

    fn at(minute: i64, finality: Finality) -> Candle {
        let time = Timestamp::from_secs(minute * 60).unwrap();
        let flat = Ohlcv { open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 1.0 };
        Candle::new(Timeframe::M1, time, flat, finality, CandleSource::Rest).unwrap()
    }

    #[test]
    fn refusals_leave_the_filler_as_it_was() {
        let mut fill = NoTradeFill::new(Timeframe::M1, 2);
        fill.push(&at(10, Finality::Closed)).unwrap();
        for (candle, expected) in [
            (at(11, Finality::Forming), "still forming"),
            (at(10, Finality::Closed), "given twice"),
            (at(9, Finality::Closed), "ascending order"),
            (at(14, Finality::Closed), "3 candles are missing"),
            (Candle::no_trade(Timeframe::M5, Timestamp::from_secs(900).unwrap(), 1.0).unwrap(), "expected 1m candles"),
        ] {
            let message = fill.push(&candle).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert_eq!(fill.push(&at(13, Finality::Verified)).unwrap().count(), 3);
        assert_eq!(fill.filled(), 2);
    }
}
