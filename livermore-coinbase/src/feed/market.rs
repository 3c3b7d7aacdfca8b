use std::collections::{BTreeSet, HashMap};

use livermore_core::{
    exchange::{CandleCloser, CandleVerdict, EventBody, MarketEvent, Subscription},
    ids::{Seq, Symbol, Timeframe, Timestamp},
    market::Candle,
};

use super::{
    outbox::{Outbox, Queued},
    translate::{At, Translate},
};
use crate::wire::{Body, Frame, Kind, Listed, MarketTrade};

/// Makes [`MarketEvent`]s of what is heard: candles are closed, trades that came before are dropped, and what is not
/// subscribed to is not told.
#[derive(Debug)]
pub(super) struct Market {
    products: BTreeSet<Symbol>,
    candles: bool,
    tickers: bool,
    trades: bool,
    closer: CandleCloser,
    /// The end of the last candle closed, by product.
    closed_until: HashMap<Symbol, Timestamp>,
    /// The highest number of a trade seen, by product.
    last_trades: HashMap<Symbol, u64>,
}

impl Market {
    pub(super) fn new(subscription: &Subscription) -> Self {
        Self {
            products: subscription.symbols.iter().cloned().collect(),
            candles: !subscription.candles.is_empty(),
            tickers: subscription.tickers,
            trades: subscription.trades,
            closer: CandleCloser::new(Timeframe::M5, CandleCloser::GRACE),
            closed_until: HashMap::new(),
            last_trades: HashMap::new(),
        }
    }

    fn candle(&mut self, at: At, symbol: &Symbol, candle: &Candle, outbox: &mut Outbox<MarketEvent>) {
        let verdict = self.closer.update(symbol, candle, at.time);
        self.tell_candles(at, outbox);
        match verdict {
            CandleVerdict::Revision => {
                tracing::info!("a candle that was closed is told with other numbers");
                outbox.push(event(at, EventBody::Revised { symbol: symbol.clone(), candle: *candle }));
            }
            CandleVerdict::Late => outbox.push(event(at, EventBody::Gap { symbol: Some(symbol.clone()), missing: 1 })),
            _ => {}
        }
    }

    fn tell_candles(&mut self, at: At, outbox: &mut Outbox<MarketEvent>) {
        while let Some((symbol, candle)) = self.closer.next_candle() {
            if candle.is_final() {
                // The exchange sends at most one update a second, so a bucket traded only in its last moment may never
                // be heard of: history is asked before it counts as quiet.
                let before = self.closed_until.insert(symbol.clone(), candle.close_time());
                if before.is_some_and(|end| end < candle.open_time()) {
                    outbox.push(event(at, EventBody::Gap { symbol: Some(symbol.clone()), missing: 0 }));
                }
            }
            outbox.push(event(at, EventBody::Candle { symbol, candle }));
        }
    }

    fn trade(&mut self, at: At, listed: &Listed<MarketTrade>, outbox: &mut Outbox<MarketEvent>) {
        let Listed { symbol, value: MarketTrade { number, trade }, kind } = listed;
        match self.last_trades.get_mut(symbol) {
            // Trades before the subscription are history.
            None if *kind == Kind::Snapshot => {
                self.last_trades.insert(symbol.clone(), *number);
                return;
            }
            None => {
                self.last_trades.insert(symbol.clone(), *number);
            }
            // Every snapshot repeats trades.
            Some(last) if *number <= *last => return,
            Some(last) => {
                let missing = *number - *last - 1;
                *last = *number;
                if missing > 0 {
                    outbox.push(event(at, EventBody::Gap { symbol: Some(symbol.clone()), missing }));
                }
            }
        }
        outbox.push(event(at, EventBody::Trade { symbol: symbol.clone(), trade: trade.clone() }));
    }
}

impl Translate for Market {
    type Event = MarketEvent;

    fn tell(&mut self, at: At, body: EventBody, outbox: &mut Outbox<MarketEvent>) {
        match &body {
            EventBody::Connected => self.closer.connected(at.time),
            EventBody::Disconnected { .. } => {
                self.closer.disconnected();
                self.closed_until.clear();
            }
            EventBody::Gap { symbol, .. } => self.closer.lost(symbol.as_ref(), at.time),
            EventBody::Stale { symbol, .. } | EventBody::Recovered { symbol } => {
                self.closer.lost(Some(symbol), at.time);
            }
            _ => {}
        }
        outbox.push(event(at, body));
    }

    fn hear(&mut self, at: At, frame: &Frame<'_>, outbox: &mut Outbox<MarketEvent>) {
        match frame.body {
            Body::Heartbeat(_) => {
                self.closer.clock(at.time);
                self.tell_candles(at, outbox);
                outbox.push(event(at, EventBody::Heartbeat));
            }
            Body::Candles(list) if self.candles => {
                for listed in list {
                    if self.products.contains(&listed.symbol) {
                        self.candle(at, &listed.symbol, &listed.value, outbox);
                    }
                }
            }
            Body::Tickers(list) if self.tickers => {
                for Listed { symbol, value: ticker, .. } in list {
                    if self.products.contains(symbol) {
                        let body = EventBody::Ticker { symbol: symbol.clone(), ticker: *ticker };
                        outbox.push(event(at, body));
                    }
                }
            }
            Body::Trades(list) if self.trades => {
                for listed in list {
                    if self.products.contains(&listed.symbol) {
                        self.trade(at, listed, outbox);
                    }
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, at: At, products: &[Symbol], added: &[Symbol]) {
        self.products = products.iter().cloned().collect();
        self.last_trades.retain(|symbol, _| self.products.contains(symbol));
        for symbol in added {
            self.closer.lost(Some(symbol), at.time);
        }
    }
}

/// Its number is given when it is read.
fn event(At { time, epoch }: At, body: EventBody) -> MarketEvent {
    MarketEvent { time, epoch, seq: Seq::ZERO, body }
}

/// What a later [`MarketEvent`] replaces.
#[derive(Debug, PartialEq, Eq, Hash)]
#[allow(unreachable_pub, reason = "the key of a public type's queue")]
pub enum State {
    Heartbeat,
    Ticker(Symbol),
    Forming(Symbol, Timestamp),
}

impl Queued for MarketEvent {
    type Key = State;

    fn key(&self) -> Option<State> {
        match &self.body {
            EventBody::Heartbeat => Some(State::Heartbeat),
            EventBody::Ticker { symbol, .. } => Some(State::Ticker(symbol.clone())),
            EventBody::Candle { symbol, candle } if !candle.is_final() => {
                Some(State::Forming(symbol.clone(), candle.open_time()))
            }
            _ => None,
        }
    }

    fn is_expendable(&self) -> bool {
        matches!(self.body, EventBody::Trade { .. } | EventBody::Gap { .. })
    }

    fn lost(self, earlier: Option<Self>) -> Self {
        let missing = match &self.body {
            EventBody::Gap { missing, .. } => *missing,
            _ => 1,
        };
        let before = match earlier.as_ref().map(|event| &event.body) {
            Some(EventBody::Gap { missing, .. }) => *missing,
            _ => 0,
        };
        Self { body: EventBody::Gap { symbol: None, missing: missing.saturating_add(before) }, ..self }
    }
}
