use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{
    ids::{Symbol, Timeframe, Timestamp},
    market::{Candle, Finality},
};

/// Makes closed candles of a feed that only sends updates: each carries the whole bucket so far, and none says
/// "closed".
///
/// A machine without clock; every time is exchange time. It keeps the candle clauses of the
/// [`ExchangeAdapter`](super::ExchangeAdapter) contract:
///
/// - A bucket closes when a later one of its product is seen, or exchange time passes its end by a grace; once,
///   ascending per product.
/// - It closes only if it is proven complete: its last update came after the last loss. An update carries the whole
///   bucket, so one that comes after a loss heals the bucket it is of; a bucket that had ended by then never closes
///   here, and is left to the exchange's history.
/// - Buckets that had ended when the connection began are history, however often a snapshot repeats them.
/// - What comes for a closed bucket changes nothing here; it is counted and the [verdict](CandleVerdict) says so.
///
/// The shell says what it told its consumers: [`connected`](Self::connected), [`disconnected`](Self::disconnected), and
/// [`lost`](Self::lost) for gaps, for a product gone stale and again when it has recovered, and for a product
/// subscribed to later than the connection began. Losses are told before the message that revealed them.
#[derive(Debug)]
pub struct CandleCloser {
    timeframe: Timeframe,
    grace_ms: i64,
    /// Latest exchange time heard; `None` without a connection.
    time: Option<Timestamp>,
    /// Buckets that open earlier cannot be proven complete, for every product.
    from: Timestamp,
    books: BTreeMap<Symbol, Book>,
    /// No bucket ends by time earlier than this.
    next_close: Option<Timestamp>,
    ready: VecDeque<(Symbol, Candle)>,
    counts: CandleCounts,
}

/// One product.
#[derive(Debug)]
struct Book {
    /// Buckets that open earlier cannot be proven complete.
    from: Timestamp,
    forming: Option<Candle>,
    /// Whether the forming candle came after the last loss.
    proven: bool,
    /// The last bucket that closed.
    closed: Option<Candle>,
}

/// What an update was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandleVerdict {
    /// News of the forming bucket, or a new one.
    Forming,
    /// Known, to the last number.
    Repeat,
    /// Of a bucket that had ended before the connection began, or before something was lost. Not proven complete; the
    /// exchange's history knows it.
    History,
    /// Other numbers for the bucket that closed last: the closed candle was not the finished one. To be recorded, and
    /// corrected by the exchange's history; nothing closes twice.
    Revision,
    /// Of a bucket that cannot close any more because a later one has. What was closed without it was told as having no
    /// trades between: tell consumers a gap of one and ask the exchange's history.
    Late,
    /// Of another timeframe, or of a bucket that has not begun. Ignored.
    Refused,
}

/// What came and went since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CandleCounts {
    /// Candles closed.
    pub closed: u64,
    /// Buckets that ended without being proven complete.
    pub unproven: u64,
    /// See [`CandleVerdict::Repeat`].
    pub repeats: u64,
    /// See [`CandleVerdict::History`].
    pub history: u64,
    /// See [`CandleVerdict::Revision`].
    pub revisions: u64,
    /// See [`CandleVerdict::Late`].
    pub late: u64,
    /// See [`CandleVerdict::Refused`].
    pub refused: u64,
}

impl CandleCloser {
    /// How far exchange time passes the end of a bucket before it closes without a later one, unless said otherwise.
    pub const GRACE: Duration = Duration::from_secs(5);
    /// Clocks of one exchange differ by less. A bucket that opens later than this after its message is nonsense, and
    /// would end every bucket before it.
    const SKEW_MS: i64 = 2_000;

    /// A closer for candles of one timeframe, of any number of products.
    pub fn new(timeframe: Timeframe, grace: Duration) -> Self {
        Self {
            timeframe,
            grace_ms: i64::try_from(grace.as_millis()).unwrap_or(i64::MAX),
            time: None,
            from: Timestamp::EPOCH,
            books: BTreeMap::new(),
            next_close: None,
            ready: VecDeque::new(),
            counts: CandleCounts::default(),
        }
    }

    /// A connection begins at this exchange time.
    pub fn connected(&mut self, time: Timestamp) {
        self.disconnected();
        self.time = Some(time);
        self.lost(None, time);
    }

    /// The connection is gone: what was forming is not proven any more.
    pub fn disconnected(&mut self) {
        for book in self.books.values_mut() {
            self.counts.unproven += u64::from(book.forming.take().is_some());
        }
        (self.time, self.next_close) = (None, None);
    }

    /// Something may have been lost until this exchange time, of one product or of any.
    pub fn lost(&mut self, symbol: Option<&Symbol>, time: Timestamp) {
        let time = self.time.map_or(time, |latest| latest.max(time));
        let from = self.timeframe.floor(time);
        if let Some(symbol) = symbol {
            let counts = &mut self.counts;
            let book = self.books.entry(symbol.clone()).or_insert_with(|| Book::new(from));
            counts.unproven += u64::from(book.lost(from));
        } else {
            self.from = self.from.max(from);
            for book in self.books.values_mut() {
                self.counts.unproven += u64::from(book.lost(from));
            }
        }
    }

    /// An update of a product's candle, in a message of this exchange time. What follows from it is then in
    /// [`next_candle`](Self::next_candle). A snapshot must be handed in in ascending order.
    pub fn update(&mut self, symbol: &Symbol, candle: &Candle, time: Timestamp) -> CandleVerdict {
        let verdict = self.judge(symbol, candle, time);
        let counts = &mut self.counts;
        match verdict {
            CandleVerdict::Forming => {}
            CandleVerdict::Repeat => counts.repeats += 1,
            CandleVerdict::History => counts.history += 1,
            CandleVerdict::Revision => counts.revisions += 1,
            CandleVerdict::Late => counts.late += 1,
            CandleVerdict::Refused => counts.refused += 1,
        }
        self.clock(time);
        verdict
    }

    /// Exchange time has come to here: heartbeats and every message tell it.
    pub fn clock(&mut self, time: Timestamp) {
        let Some(latest) = &mut self.time else { return };
        *latest = time.max(*latest);
        let time = *latest;
        if self.next_close.is_none_or(|next| time < next) {
            return;
        }
        let mut due: Vec<Symbol> = Vec::new();
        self.next_close = None;
        for (symbol, book) in &self.books {
            let Some(close) = book.forming.as_ref().and_then(|candle| closes_at(candle, self.grace_ms)) else {
                continue;
            };
            if close <= time {
                due.push(symbol.clone());
            } else {
                self.next_close = Some(self.next_close.map_or(close, |next| next.min(close)));
            }
        }
        for symbol in due {
            if let Some(book) = self.books.get_mut(&symbol) {
                book.close(&symbol, &mut self.ready, &mut self.counts);
            }
        }
    }

    /// The next candle to tell: forming, or closed.
    pub fn next_candle(&mut self) -> Option<(Symbol, Candle)> {
        self.ready.pop_front()
    }

    /// What came and went since the beginning.
    pub const fn counts(&self) -> CandleCounts {
        self.counts
    }

    fn judge(&mut self, symbol: &Symbol, candle: &Candle, time: Timestamp) -> CandleVerdict {
        let Some(latest) = self.time else { return CandleVerdict::Refused };
        let open = candle.open_time();
        let now = latest.max(time);
        if candle.timeframe() != self.timeframe || open.millis_since(now) > Self::SKEW_MS {
            return CandleVerdict::Refused;
        }
        let book = match self.books.get_mut(symbol) {
            Some(book) => book,
            None => self.books.entry(symbol.clone()).or_insert_with(|| Book::new(self.from)),
        };
        if let Some(closed) = &book.closed {
            if open == closed.open_time() {
                let same = closed.ohlcv() == candle.ohlcv();
                return if same { CandleVerdict::Repeat } else { CandleVerdict::Revision };
            }
            if open < closed.open_time() {
                return if open < book.from { CandleVerdict::History } else { CandleVerdict::Late };
            }
        }
        if open < book.from {
            return CandleVerdict::History;
        }
        let candle = candle.with_finality(Finality::Forming);
        match &book.forming {
            Some(forming) if open < forming.open_time() => return CandleVerdict::Late,
            Some(forming) if open == forming.open_time() => {
                // Even when it says nothing new it says that nothing was lost.
                book.proven = true;
                if forming.ohlcv() == candle.ohlcv() {
                    return CandleVerdict::Repeat;
                }
            }
            Some(_) => book.close(symbol, &mut self.ready, &mut self.counts),
            None => {}
        }
        (book.forming, book.proven) = (Some(candle), true);
        self.ready.push_back((symbol.clone(), candle));
        if let Some(close) = closes_at(&candle, self.grace_ms) {
            self.next_close = Some(self.next_close.map_or(close, |next| next.min(close)));
        }
        CandleVerdict::Forming
    }
}

/// When a bucket closes without a later one; `None` after the end of time.
fn closes_at(candle: &Candle, grace_ms: i64) -> Option<Timestamp> {
    candle.close_time().checked_add_millis(grace_ms)
}

impl Book {
    const fn new(from: Timestamp) -> Self {
        Self { from, forming: None, proven: false, closed: None }
    }

    /// Whether a forming bucket was given up by it.
    fn lost(&mut self, from: Timestamp) -> bool {
        self.from = self.from.max(from);
        self.proven = false;
        let earliest = self.from;
        self.forming.take_if(|candle| candle.open_time() < earliest).is_some()
    }

    fn close(&mut self, symbol: &Symbol, ready: &mut VecDeque<(Symbol, Candle)>, counts: &mut CandleCounts) {
        let Some(forming) = self.forming.take() else { return };
        if !self.proven {
            counts.unproven += 1;
            return;
        }
        let closed = forming.with_finality(Finality::Closed);
        self.closed = Some(closed);
        counts.closed += 1;
        ready.push_back((symbol.clone(), closed));
    }
}
