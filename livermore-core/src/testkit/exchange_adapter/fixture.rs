use std::{any::Any, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::time::timeout;

use crate::{
    exchange::{CandleRequest, ExchangeAdapter, MarketEvent, MarketEvents, Subscription},
    ids::{Symbol, Timeframe, Timestamp},
    market::Candle,
};

/// An adapter under test, and what a clause must know of the exchange behind it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExchangeFixture {
    /// The adapter, newly made.
    pub adapter: Arc<dyn ExchangeAdapter>,
    /// A listed product with candles in `history`.
    pub symbol: Symbol,
    /// A product that is not listed.
    pub unlisted: Symbol,
    /// A range that has ended, with at least two candles of the shortest timeframe. Make it longer than a page of the
    /// exchange, with a hole where nothing was traded.
    pub history: (Timestamp, Timestamp),
    /// What the live clauses subscribe to.
    pub subscription: Subscription,
    /// How many events of a stream are read; it may end earlier, but not fall silent. Enough for some closed candles.
    pub live_events: usize,
    /// Longest wait for one answer or event.
    pub patience: Duration,
    /// What must live as long as the adapter, for example the server it talks to.
    pub guard: Option<Box<dyn Any + Send>>,
}

impl ExchangeFixture {
    /// A fixture that subscribes to everything the adapter has of `symbol`, reads 2,000 events and waits 60 seconds.
    pub fn new(
        adapter: Arc<dyn ExchangeAdapter>,
        symbol: Symbol,
        unlisted: Symbol,
        history: (Timestamp, Timestamp),
    ) -> Self {
        let capability = adapter.capability();
        let subscription = Subscription {
            symbols: vec![symbol.clone()],
            candles: capability.live,
            tickers: capability.tickers,
            trades: capability.trades,
        };
        Self {
            adapter,
            symbol,
            unlisted,
            history,
            subscription,
            live_events: 2_000,
            patience: Duration::from_mins(1),
            guard: None,
        }
    }

    /// The same fixture with another subscription.
    pub fn with_subscription(mut self, subscription: Subscription) -> Self {
        self.subscription = subscription;
        self
    }

    /// The same fixture with another number of events to read.
    pub const fn with_live_events(mut self, events: usize) -> Self {
        self.live_events = events;
        self
    }

    /// The same fixture with another longest wait.
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same fixture, holding on to `guard`.
    pub fn with_guard(mut self, guard: impl Any + Send) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    pub(super) fn request(&self, timeframe: Timeframe) -> CandleRequest {
        let (from, to) = self.history;
        CandleRequest { symbol: self.symbol.clone(), timeframe, from, to }
    }

    pub(super) fn shortest(&self) -> Timeframe {
        *self.adapter.capability().history.first().expect("the adapter has no timeframe")
    }

    /// Bounds a wait; `seen` says what came before it.
    pub(super) async fn within<T>(&self, what: &str, seen: &str, wait: impl Future<Output = T>) -> T {
        let patience = self.patience;
        timeout(patience, wait).await.unwrap_or_else(|_| panic!("{what} took over {patience:?}; last seen: {seen}"))
    }

    pub(super) async fn candles(&self, request: CandleRequest) -> Vec<Candle> {
        let asked = format!("{request:?}");
        let answer = self.within("candles", &asked, self.adapter.candles(request)).await;
        answer.unwrap_or_else(|error| panic!("{asked} was refused: {error}"))
    }

    /// The candles of the fixture's history, which must not be empty in the shortest timeframe.
    pub(super) async fn history(&self, timeframe: Timeframe) -> Vec<Candle> {
        let candles = self.candles(self.request(timeframe)).await;
        let enough = timeframe != self.shortest() || candles.len() >= 2;
        assert!(enough, "the fixture's history holds {} {timeframe} candles; give it at least two", candles.len());
        candles
    }

    pub(super) async fn subscribe(&self, subscription: &Subscription) -> MarketEvents {
        let answer = self.within("subscribe", "nothing", self.adapter.subscribe(subscription.clone())).await;
        answer.unwrap_or_else(|error| panic!("{subscription:?} was refused: {error}"))
    }

    /// The next event of a stream; `None` at its end.
    pub(super) async fn next(&self, stream: &mut MarketEvents, last: Option<&MarketEvent>) -> Option<MarketEvent> {
        let seen = last.map_or_else(|| "no event yet".to_owned(), |event| format!("{event:?}"));
        self.within("the next event", &seen, stream.next()).await
    }

    /// Everything a new subscription says, up to the fixture's number of events; and whether it ended by itself.
    pub(super) async fn hear(&self, subscription: &Subscription) -> (Vec<MarketEvent>, bool) {
        let mut stream = self.subscribe(subscription).await;
        let mut events = Vec::new();
        while events.len() < self.live_events {
            let Some(event) = self.next(&mut stream, events.last()).await else { return (events, true) };
            events.push(event);
        }
        (events, false)
    }
}
