use std::collections::VecDeque;

use livermore_core::{
    ids::{Symbol, Timeframe, Timestamp},
    market::{Ohlcv, Side},
};

use super::source::{Listed, Print, prints_of};

/// Minutes kept of each product; more than five weeks.
const MINUTES: usize = 60_000;
/// Trades kept of each product.
const TRADES: usize = 5_000;
/// Minutes before the start whose trades are remembered too.
const RECENT_MINUTES: usize = 30;
const MINUTES_PER_DAY: i64 = 1_440;

/// Everything the exchange remembers of one product.
#[derive(Debug)]
pub(super) struct Tape {
    pub(super) symbol: Symbol,
    pub(super) increment: f64,
    /// Traded minutes, ascending; the last may be forming.
    minutes: VecDeque<(Timestamp, Ohlcv)>,
    /// Ascending by id, without holes.
    pub(super) trades: VecDeque<Fill>,
    next_id: u64,
    pub(super) price: f64,
}

/// A trade as the exchange tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fill {
    pub(super) id: u64,
    pub(super) time: Timestamp,
    /// Microseconds after `time`.
    pub(super) micros: u32,
    pub(super) price: f64,
    pub(super) size: f64,
    pub(super) maker: Side,
}

/// A bucket that was traded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub(super) start: Timestamp,
    pub(super) ohlcv: Ohlcv,
}

/// The last 24 hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Day {
    pub(super) volume: f64,
    pub(super) quote_volume: f64,
    pub(super) high: f64,
    pub(super) low: f64,
    pub(super) change_percent: f64,
}

impl Tape {
    pub(super) fn new(listed: Listed, first_id: u64) -> Self {
        let price = listed.history.last().map_or(1.0, |(_, minute)| minute.close);
        let recent = listed.history[listed.history.len().saturating_sub(RECENT_MINUTES)..].to_vec();
        let mut tape = Self {
            symbol: listed.symbol,
            increment: listed.increment,
            minutes: listed.history.into(),
            trades: VecDeque::new(),
            next_id: first_id,
            price,
        };
        for print in recent.into_iter().flat_map(|(start, minute)| prints_of(0, start, minute)) {
            tape.record(&print);
        }
        tape
    }

    /// Takes a trade of the market, and returns how many trades the exchange tells of it.
    pub(super) fn take(&mut self, print: &Print) -> usize {
        let minute = Timeframe::M1.floor(print.time);
        match self.minutes.back_mut() {
            Some((open, ohlcv)) if *open == minute => *ohlcv = print.minute,
            _ => self.minutes.push_back((minute, print.minute)),
        }
        if self.minutes.len() > MINUTES {
            self.minutes.pop_front();
        }
        self.price = print.price;
        self.record(print)
    }

    /// Writes the trade down: it met one to three resting orders.
    fn record(&mut self, print: &Print) -> usize {
        let maker = if print.taker == Side::Buy { Side::Sell } else { Side::Buy };
        let part = tidy(print.size / 4.0);
        let fills = if part > 0.0 { 1 + self.next_id % 3 } else { 1 };
        let rest = tidy(part.mul_add(-as_f64(fills - 1), print.size));
        let mut micros = 17;
        for n in 1..=fills {
            let size = if n == fills { rest } else { part };
            self.trades.push_back(Fill { id: self.next_id, time: print.time, micros, price: print.price, size, maker });
            self.next_id += 1;
            micros += 211;
        }
        while self.trades.len() > TRADES {
            self.trades.pop_front();
        }
        usize::try_from(fills).unwrap_or(1)
    }

    /// Traded buckets that open in `[from, to)`, ascending; the last may be forming.
    pub(super) fn buckets(&self, timeframe: Timeframe, from: Timestamp, to: Timestamp) -> Vec<Bucket> {
        let mut buckets: Vec<Bucket> = Vec::new();
        let begin = self.minutes.partition_point(|(open, _)| *open < from);
        let wanted = self.minutes.range(begin..).map(|(open, minute)| (timeframe.floor(*open), *minute));
        // A bucket that began before `from` is not wanted, nor is its rest.
        for (start, minute) in wanted.skip_while(|(start, _)| *start < from).take_while(|(start, _)| *start < to) {
            match buckets.last_mut().filter(|last| last.start == start) {
                Some(last) => last.ohlcv = joined(last.ohlcv, minute),
                None => buckets.push(Bucket { start, ohlcv: minute }),
            }
        }
        for bucket in &mut buckets {
            bucket.ohlcv.volume = tidy(bucket.ohlcv.volume);
        }
        buckets
    }

    /// The bucket that opens at `start`, if it was traded.
    pub(super) fn bucket(&self, timeframe: Timeframe, start: Timestamp) -> Option<Bucket> {
        let end = start.as_millis() + timeframe.millis();
        let begin = self.minutes.partition_point(|(open, _)| *open < start);
        let minutes = self.minutes.range(begin..).take_while(|(open, _)| open.as_millis() < end);
        let ohlcv = minutes.map(|(_, minute)| *minute).reduce(joined)?;
        Some(Bucket { start, ohlcv: Ohlcv { volume: tidy(ohlcv.volume), ..ohlcv } })
    }

    pub(super) fn day(&self, now: Timestamp) -> Day {
        let since = now.as_millis() - MINUTES_PER_DAY * 60_000;
        let begin = self.minutes.partition_point(|(open, _)| open.as_millis() < since);
        let mut day = Day { volume: 0.0, quote_volume: 0.0, high: self.price, low: self.price, change_percent: 0.0 };
        for (_, minute) in self.minutes.range(begin..) {
            day.volume += minute.volume;
            day.quote_volume += minute.volume * minute.close;
            day.high = day.high.max(minute.high);
            day.low = day.low.min(minute.low);
        }
        if let Some((_, first)) = self.minutes.get(begin) {
            day.change_percent = (self.price - first.open) / first.open * 100.0;
        }
        Day { volume: tidy(day.volume), quote_volume: tidy(day.quote_volume), ..day }
    }
}

fn joined(so_far: Ohlcv, minute: Ohlcv) -> Ohlcv {
    Ohlcv {
        open: so_far.open,
        high: so_far.high.max(minute.high),
        low: so_far.low.min(minute.low),
        close: minute.close,
        volume: so_far.volume + minute.volume,
    }
}

/// Eight digits after the point, as the exchange counts sizes: sums of floats do not end in noise.
pub(super) fn tidy(number: f64) -> f64 {
    (number * 1e8).round() / 1e8
}

#[allow(clippy::cast_precision_loss, reason = "below 2^53")]
pub(super) const fn as_f64(number: u64) -> f64 {
    number as f64
}
