use std::{fmt, pin::Pin};

use async_trait::async_trait;
use futures_core::Stream;

use super::{ExchangeError, MarketEvent};
use crate::{
    ids::{Exchange, Symbol, Timeframe, Timestamp},
    market::{Candle, Product},
};

/// A source of market data.
///
/// Object-safe: hold it as `Arc<dyn ExchangeAdapter>`. The contract below is tested clause by clause by
/// [`exchange_adapter_contract!`](crate::exchange_adapter_contract) (feature `test-util`); run it on your own adapter.
///
/// # Products
/// - [`products`](Self::products) are ordered by 24-hour quote volume, largest first, then by symbol; each symbol once.
///
/// # Candles
/// - [`candles`](Self::candles) returns buckets that open in `[from, to)`, ascending, each at most once.
/// - Every candle returned is final and of the timeframe asked for. A bucket that has not ended is left out.
/// - A bucket without trades is left out: inside the history an exchange serves, absence means "nothing was traded".
/// - Longer ranges than one page of the exchange are paged by the adapter; the answer has no hole at page edges.
/// - An unknown symbol is [`UnknownSymbol`](ExchangeError::UnknownSymbol), a timeframe not in the
///   [capability](Self::capability) is [`UnsupportedTimeframe`](ExchangeError::UnsupportedTimeframe), a range that ends
///   before it begins is [`InvalidRequest`](ExchangeError::InvalidRequest).
///
/// # Subscriptions
/// - An unknown symbol, or a timeframe not among the [live ones](Capability::live), is refused as by
///   [`candles`](Self::candles); nothing is subscribed to.
/// - The first event is [`Connected`](super::EventBody::Connected), and so is the first event of each later epoch. Before
///   the very first, only [`Reconnecting`](super::EventBody::Reconnecting) and [`Refused`](super::EventBody::Refused) may
///   tell why there is no connection yet.
/// - A reconnect is an event, not an error that ends the stream. The epoch rises with each connection.
/// - Within an epoch sequence numbers rise by one; a repeated event carries its old number, so that consumers can drop
///   it. Lost events are announced by [`Gap`](super::EventBody::Gap).
/// - A closed candle is the *finished* bar, each bucket at most once, ascending per symbol and timeframe. While
///   connected, and with no gap or staleness announced, a bucket for which no candle came before a later one had no
///   trades. After any of these, ask [`candles`](Self::candles). A closed candle that turns out to have been another one
///   is told as [`Revised`](super::EventBody::Revised).
/// - Only what was subscribed to arrives.
///
/// # Cancellation
/// - Every future may be dropped at any await point; nothing is left half done.
/// - Dropping the stream unsubscribes.
///
/// # Closing
/// - After [`close`](Self::close) every call fails with [`Closed`](ExchangeError::Closed) and every stream ends. Closing
///   twice is harmless.
#[cfg_attr(feature = "test-util", mockall::automock)] // before async_trait, or the mock's methods are not async
#[async_trait]
pub trait ExchangeAdapter: fmt::Debug + Send + Sync + 'static {
    /// The exchange's name.
    fn exchange(&self) -> Exchange;

    /// What this exchange can do, constant for the adapter's life.
    fn capability(&self) -> Capability;

    /// Every product listed.
    async fn products(&self) -> Result<Vec<Product>, ExchangeError>;

    /// Finished candles of a range.
    async fn candles(&self, request: CandleRequest) -> Result<Vec<Candle>, ExchangeError>;

    /// Live data. See the contract on the trait for what arrives and in which order.
    async fn subscribe(&self, subscription: Subscription) -> Result<MarketEvents, ExchangeError>;

    /// Ends every stream and refuses every later call.
    async fn close(&self);
}

/// The events of one subscription.
pub type MarketEvents = Pin<Box<dyn Stream<Item = MarketEvent> + Send + 'static>>;

/// What an exchange can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Timeframes of [`ExchangeAdapter::candles`], shortest first.
    pub history: Vec<Timeframe>,
    /// Timeframes that can be subscribed to, shortest first.
    pub live: Vec<Timeframe>,
    /// Whether trades can be subscribed to.
    pub trades: bool,
    /// Whether tickers can be subscribed to.
    pub tickers: bool,
}

/// A range of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandleRequest {
    /// The product.
    pub symbol: Symbol,
    /// Length of the candles.
    pub timeframe: Timeframe,
    /// Buckets that open at or after this time.
    pub from: Timestamp,
    /// Buckets that open before this time.
    pub to: Timestamp,
}

/// What to listen to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The products.
    pub symbols: Vec<Symbol>,
    /// Candles of these timeframes, forming and closed.
    pub candles: Vec<Timeframe>,
    /// Whether tickers are wanted.
    pub tickers: bool,
    /// Whether trades are wanted.
    pub trades: bool,
}

impl CandleRequest {
    /// Refuses a range that ends before it begins and a timeframe that is not in `history`. For implementations.
    pub fn check(&self, exchange: &Exchange, history: &[Timeframe]) -> Result<(), ExchangeError> {
        check_timeframe(exchange, self.timeframe, history)?;
        if self.from <= self.to {
            return Ok(());
        }
        Err(ExchangeError::InvalidRequest {
            reason: format!("the range ends ({}) before it begins ({})", self.to, self.from),
        })
    }
}

impl Subscription {
    /// Refuses symbols that are not in `symbols` and timeframes that are not in `live`. For implementations.
    pub fn check(&self, exchange: &Exchange, symbols: &[Symbol], live: &[Timeframe]) -> Result<(), ExchangeError> {
        self.symbols.iter().try_for_each(|symbol| check_symbol(exchange, symbol, symbols))?;
        self.candles.iter().try_for_each(|timeframe| check_timeframe(exchange, *timeframe, live))
    }
}

/// Refuses a symbol that is not `listed`, and names the one that was probably meant. For implementations.
pub fn check_symbol(exchange: &Exchange, symbol: &Symbol, listed: &[Symbol]) -> Result<(), ExchangeError> {
    if listed.contains(symbol) {
        return Ok(());
    }
    let meant = crate::ids::did_you_mean(symbol.as_str(), listed.iter().map(Symbol::as_str));
    let suggestion = listed.iter().find(|listed| Some(listed.as_str()) == meant).cloned();
    Err(ExchangeError::UnknownSymbol { exchange: exchange.clone(), symbol: symbol.clone(), suggestion })
}

fn check_timeframe(exchange: &Exchange, timeframe: Timeframe, available: &[Timeframe]) -> Result<(), ExchangeError> {
    if available.contains(&timeframe) {
        return Ok(());
    }
    let available = available.iter().map(|timeframe| timeframe.as_str()).collect::<Vec<_>>().join(", ");
    Err(ExchangeError::UnsupportedTimeframe { exchange: exchange.clone(), timeframe, available })
}
