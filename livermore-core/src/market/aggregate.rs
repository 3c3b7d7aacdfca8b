use super::{Candle, CandleSource, Ohlcv, SequenceError, sequence::Order};
use crate::{
    ErrorKind,
    ids::{Timeframe, Timestamp},
};

/// Builds longer candles from shorter ones, from complete groups only.
///
/// A group is complete when every bucket of it was given. A group with a missing member (at the start or end of the
/// data, or at a hole) is dropped and counted, never guessed. Put no-trade bars in first
/// ([`NoTradeFill`](super::NoTradeFill)) where a hole is known to be quiet.
///
/// Open, high, low and volume come from the members that were traded, as the exchange itself computes its longer
/// candles; the close is the last member's. The result is a no-trade bar only if *no* member was traded.
///
/// ```
/// # use livermore_core::{ids::*, market::*};
/// let mut to_5m = Aggregator::new(Timeframe::M1, Timeframe::M5)?;
/// let mut out = Vec::new();
/// for minute in 0..12_u32 {
///     let price = f64::from(100 + minute);
///     let ohlcv = Ohlcv { open: price, high: price + 1.0, low: price - 1.0, close: price, volume: 2.0 };
///     let time = Timestamp::from_secs(i64::from(minute) * 60)?;
///     out.extend(to_5m.push(&Candle::new(Timeframe::M1, time, ohlcv, Finality::Closed, CandleSource::Rest)?)?);
/// }
/// assert_eq!(out.len(), 2);
/// assert_eq!(out[1].ohlcv(), Ohlcv { open: 105.0, high: 110.0, low: 104.0, close: 109.0, volume: 10.0 });
/// assert_eq!(to_5m.finish(), 1); // minutes 10 and 11 are not a whole group
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Aggregator {
    order: Order,
    to: Timeframe,
    ratio: u32,
    group: Option<Group>,
    dropped: u64,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    open_time: Timestamp,
    members: u32,
    /// Traded members so far, combined; `None` while there was none.
    traded: Option<Ohlcv>,
    close: f64,
}

impl Aggregator {
    /// An aggregator of `from` candles into `to` candles; `to` must be a whole multiple.
    pub fn new(from: Timeframe, to: Timeframe) -> Result<Self, NotAMultiple> {
        let ratio = from.ratio_to(to).ok_or(NotAMultiple { from, to })?;
        Ok(Self { order: Order::new(from), to, ratio, group: None, dropped: 0 })
    }

    /// Takes the next final candle; returns the longer candle it completes, if it does.
    ///
    /// Holes are accepted (the groups they touch are dropped); anything out of order is refused and changes nothing.
    pub fn push(&mut self, candle: &Candle) -> Result<Option<Candle>, SequenceError> {
        self.order.missing_before(candle)?;
        self.order.take(candle);
        let open_time = self.to.floor(candle.open_time());
        let mut group = match self.group.take() {
            Some(group) if group.open_time == open_time => group,
            other => {
                self.dropped += u64::from(other.is_some());
                Group { open_time, members: 0, traded: None, close: candle.close() }
            }
        };
        group.add(candle);
        // The members of one group are distinct buckets inside it, so the right number means all of them.
        if group.members == self.ratio {
            return Ok(Some(group.candle(self.to)));
        }
        // The last bucket has passed: what is missing now stays missing.
        if candle.close_time().as_millis() == open_time.as_millis() + self.to.millis() {
            self.dropped += 1;
        } else {
            self.group = Some(group);
        }
        Ok(None)
    }

    /// Ends the series and returns how many incomplete groups were dropped in all.
    pub fn finish(mut self) -> u64 {
        self.dropped += u64::from(self.group.take().is_some());
        self.dropped
    }

    /// Incomplete groups dropped so far; the group under construction is not counted.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Group {
    fn add(&mut self, candle: &Candle) {
        self.members += 1;
        self.close = candle.close();
        if candle.is_synthetic() {
            return;
        }
        let new = candle.ohlcv();
        self.traded = Some(match self.traded {
            None => new,
            Some(so_far) => Ohlcv {
                open: so_far.open,
                high: so_far.high.max(new.high),
                low: so_far.low.min(new.low),
                close: new.close,
                volume: so_far.volume + new.volume,
            },
        });
    }

    fn candle(self, timeframe: Timeframe) -> Candle {
        let flat = Ohlcv { open: self.close, high: self.close, low: self.close, close: self.close, volume: 0.0 };
        match self.traded {
            None => Candle::derived(timeframe, self.open_time, flat, CandleSource::Synthetic),
            Some(ohlcv) => Candle::derived(timeframe, self.open_time, ohlcv, CandleSource::Derived),
        }
    }
}

/// A timeframe that cannot be built from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{to} candles cannot be built from {from} candles: the target must be a whole multiple, at least two")]
pub struct NotAMultiple {
    /// The shorter timeframe.
    pub from: Timeframe,
    /// The timeframe asked for.
    pub to: Timeframe,
}

impl NotAMultiple {
    /// Always [`ErrorKind::InvalidInput`].
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Finality;

    fn minute(minute: i64, price: f64) -> Candle {
        let ohlcv = Ohlcv { open: price, high: price + 1.0, low: price - 1.0, close: price, volume: 1.0 };
        let time = Timestamp::from_secs(minute * 60).unwrap();
        Candle::new(Timeframe::M1, time, ohlcv, Finality::Closed, CandleSource::Rest).unwrap()
    }

    fn quiet(minute: i64, price: f64) -> Candle {
        Candle::no_trade(Timeframe::M1, Timestamp::from_secs(minute * 60).unwrap(), price).unwrap()
    }

    #[test]
    fn incomplete_groups_are_dropped_and_counted() {
        let mut aggregator = Aggregator::new(Timeframe::M1, Timeframe::M5).unwrap();
        // Starts in the middle of a group, misses one member of the next, then a whole one, then ends early.
        let minutes = [3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 20, 21];
        let out: Vec<_> = minutes.iter().filter_map(|m| aggregator.push(&minute(*m, 10.0)).unwrap()).collect();
        assert_eq!(out.iter().map(|c| c.open_time().as_secs()).collect::<Vec<_>>(), [600]);
        assert_eq!(aggregator.dropped(), 2);
        assert_eq!(aggregator.finish(), 3);
    }

    #[test]
    fn quiet_members_add_nothing_but_their_time() {
        let mut aggregator = Aggregator::new(Timeframe::M1, Timeframe::M5).unwrap();
        let members = [quiet(0, 50.0), quiet(1, 50.0), minute(2, 60.0), minute(3, 61.0), quiet(4, 61.0)];
        let bar = members.iter().find_map(|c| aggregator.push(c).unwrap()).unwrap();
        assert_eq!(bar.ohlcv(), Ohlcv { open: 60.0, high: 62.0, low: 59.0, close: 61.0, volume: 2.0 });
        assert_eq!(bar.source(), CandleSource::Derived);
    }

    #[test]
    fn a_group_without_trades_is_a_no_trade_bar() {
        let mut aggregator = Aggregator::new(Timeframe::M1, Timeframe::M5).unwrap();
        let bar = (0..5).find_map(|m| aggregator.push(&quiet(m, 50.0)).unwrap()).unwrap();
        assert!(bar.is_synthetic());
        assert_eq!(bar, Candle::no_trade(Timeframe::M5, Timestamp::EPOCH, 50.0).unwrap());
    }

    #[test]
    fn disorder_is_refused_and_changes_nothing() {
        let mut aggregator = Aggregator::new(Timeframe::M1, Timeframe::M5).unwrap();
        aggregator.push(&minute(0, 10.0)).unwrap();
        assert!(aggregator.push(&minute(0, 10.0)).is_err());
        assert!(aggregator.push(&minute(1, 10.0).with_finality(Finality::Forming)).is_err());
        let done = (1..5).find_map(|m| aggregator.push(&minute(m, 10.0)).unwrap());
        assert!(done.is_some());
        assert!(Aggregator::new(Timeframe::H4, Timeframe::H6).is_err());
        assert!(Aggregator::new(Timeframe::M5, Timeframe::M5).is_err());
    }
}
