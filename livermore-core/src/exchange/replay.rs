use std::io;

use async_trait::async_trait;
use futures_util::stream;
use tokio::sync::watch;

use super::{
    CandleCsv, CandleRequest, Capability, CsvError, EventBody, ExchangeAdapter, ExchangeError, MarketEvent,
    MarketEvents, Subscription, adapter::check_symbol,
};
use crate::{
    ids::{Epoch, Exchange, Seq, Symbol, Timeframe, Timestamp},
    market::{Candle, NoTradeFill, Product, ProductStatus},
};

/// An exchange that says what a candle file says: one product, one timeframe.
///
/// [`candles`](ExchangeAdapter::candles) serves the whole file. A subscription plays it from the first candle to the
/// last, as fast as it is read, and then ends.
#[derive(Debug)]
pub struct Replay {
    symbol: Symbol,
    timeframe: Timeframe,
    candles: std::sync::Arc<[Candle]>,
    closed: watch::Sender<bool>,
}

impl Replay {
    /// Reads a whole candle file; see [`CandleCsv`] for the format. Holes of up to `max_hole` buckets are accepted as
    /// quiet times.
    pub fn from_csv(
        name: &str,
        source: impl io::Read,
        symbol: Symbol,
        timeframe: Timeframe,
        max_hole: u64,
    ) -> Result<Self, CsvError> {
        let mut file = CandleCsv::new(name, source, timeframe)?;
        let mut order = NoTradeFill::new(timeframe, max_hole);
        let mut candles = Vec::new();
        while let Some(candle) = file.read()? {
            order.push(&candle).map_err(|error| file.out_of_sequence(file.line(), &error))?;
            candles.push(candle);
        }
        Ok(Self { symbol, timeframe, candles: candles.into(), closed: watch::Sender::new(false) })
    }

    fn open(&self) -> Result<(), ExchangeError> {
        if *self.closed.borrow() { Err(ExchangeError::Closed { exchange: self.exchange() }) } else { Ok(()) }
    }
}

#[async_trait]
impl ExchangeAdapter for Replay {
    fn exchange(&self) -> Exchange {
        Exchange::replay()
    }

    fn capability(&self) -> Capability {
        Capability { history: vec![self.timeframe], live: vec![self.timeframe], trades: false, tickers: false }
    }

    async fn products(&self) -> Result<Vec<Product>, ExchangeError> {
        self.open()?;
        let end = self.candles.last().map_or(Timestamp::EPOCH, Candle::close_time);
        let last_day = self.candles.iter().filter(|candle| end.millis_since(candle.open_time()) <= 86_400_000);
        let (base, quote) = self.symbol.as_str().rsplit_once('-').unwrap_or((self.symbol.as_str(), ""));
        Ok(vec![Product {
            symbol: self.symbol.clone(),
            base: base.to_owned(),
            quote: quote.to_owned(),
            status: ProductStatus::Online,
            price: self.candles.last().map(Candle::close),
            quote_volume_24h: last_day.map(|candle| candle.close() * candle.volume()).sum(),
            price_increment: 0.01,
        }])
    }

    async fn candles(&self, request: CandleRequest) -> Result<Vec<Candle>, ExchangeError> {
        self.open()?;
        check_symbol(&self.exchange(), &request.symbol, std::slice::from_ref(&self.symbol))?;
        request.check(&self.exchange(), &self.capability().history)?;
        let from = self.candles.partition_point(|candle| candle.open_time() < request.from);
        let to = self.candles.partition_point(|candle| candle.open_time() < request.to);
        Ok(self.candles[from..to].to_vec())
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<MarketEvents, ExchangeError> {
        self.open()?;
        let exchange = self.exchange();
        subscription.check(&exchange, std::slice::from_ref(&self.symbol), &self.capability().live)?;
        let wanted = subscription.symbols.contains(&self.symbol) && subscription.candles.contains(&self.timeframe);
        let candles = if wanted { self.candles.clone() } else { [].into() };
        let (symbol, closed) = (self.symbol.clone(), self.closed.subscribe());
        let start = self.candles.first().map_or(Timestamp::EPOCH, Candle::open_time);
        let events = (0..=candles.len()).map_while(move |index| {
            let (time, body) = match index.checked_sub(1).map(|index| candles[index]) {
                None => (start, EventBody::Connected),
                Some(candle) => (candle.close_time(), EventBody::Candle { symbol: symbol.clone(), candle }),
            };
            let seq = Seq::new(index as u64).ok()?;
            (!*closed.borrow()).then_some(MarketEvent { time, epoch: Epoch::ZERO, seq, body })
        });
        Ok(Box::pin(stream::iter(events)))
    }

    async fn close(&self) {
        self.closed.send_replace(true);
    }
}
