use std::{cmp::Reverse, collections::BinaryHeap, collections::VecDeque, fmt};

use futures_util::{FutureExt as _, StreamExt as _};
use livermore_core::{
    exchange::{
        CandleRequest, EventBody, ExchangeAdapter as _, ExchangeError, MarketEvents, Simulator, SimulatorConfig,
        Subscription,
    },
    ids::{Symbol, Timeframe, Timestamp},
    market::{Candle, Ohlcv, Side},
};

/// One trade of the market, and what its minute has come to with it.
#[derive(Debug, Clone)]
pub(super) struct Print {
    pub(super) product: usize,
    pub(super) time: Timestamp,
    pub(super) price: f64,
    pub(super) size: f64,
    pub(super) taker: Side,
    pub(super) minute: Ohlcv,
}

/// A product as its source knows it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) symbol: Symbol,
    pub(super) increment: f64,
    /// Finished minutes before the start, ascending.
    pub(super) history: Vec<(Timestamp, Ohlcv)>,
}

/// Where trades come from: in time order, and only forward.
#[derive(Debug)]
pub(super) enum Source {
    Sim(SimSource),
    Candles(CandleSource),
}

impl Source {
    pub(super) fn start(&self) -> Timestamp {
        match self {
            Self::Sim(source) => source.start,
            Self::Candles(source) => source.start,
        }
    }

    pub(super) fn take_listed(&mut self) -> Vec<Listed> {
        match self {
            Self::Sim(source) => std::mem::take(&mut source.listed),
            Self::Candles(source) => std::mem::take(&mut source.listed),
        }
    }

    /// The next trade, if it happens at `until` or before.
    pub(super) fn next(&mut self, until: Timestamp) -> Option<Print> {
        match self {
            Self::Sim(source) => source.next(until),
            Self::Candles(source) => source.next(until),
        }
    }
}

/// The simulated market, read as fast as it is asked for.
pub(super) struct SimSource {
    start: Timestamp,
    listed: Vec<Listed>,
    symbols: Vec<Symbol>,
    events: MarketEvents,
    /// Trades read but not yet taken.
    ready: VecDeque<Print>,
    /// The simulator forgets without an owner.
    _simulator: Simulator,
}

impl SimSource {
    pub(super) fn open(config: SimulatorConfig) -> Result<Self, ExchangeError> {
        let start = Timeframe::M1.floor(config.start);
        let simulator = Simulator::new(config.with_speed(None).with_faults(Vec::new()))?;
        let never = || ExchangeError::InvalidRequest { reason: "the simulator does not answer at once".to_owned() };
        let products = at_once(simulator.products()).ok_or_else(never)??;
        let mut listed = Vec::with_capacity(products.len());
        for product in products {
            let symbol = product.symbol;
            let request =
                CandleRequest { symbol: symbol.clone(), timeframe: Timeframe::M1, from: Timestamp::EPOCH, to: start };
            let candles = at_once(simulator.candles(request)).ok_or_else(never)??;
            let history = candles.iter().map(|candle| (candle.open_time(), candle.ohlcv())).collect();
            listed.push(Listed { symbol, increment: product.price_increment, history });
        }
        let symbols: Vec<Symbol> = listed.iter().map(|listed| listed.symbol.clone()).collect();
        let subscription =
            Subscription { symbols: symbols.clone(), candles: vec![Timeframe::M1], tickers: false, trades: true };
        let events = at_once(simulator.subscribe(subscription)).ok_or_else(never)??;
        Ok(Self { start, listed, symbols, events, ready: VecDeque::new(), _simulator: simulator })
    }

    fn next(&mut self, until: Timestamp) -> Option<Print> {
        while self.ready.is_empty() {
            self.read_step()?;
        }
        if self.ready.front()?.time > until {
            return None;
        }
        self.ready.pop_front()
    }

    /// Reads up to the heartbeat that ends a step. A candle follows the trade that changed it.
    fn read_step(&mut self) -> Option<()> {
        let mut trade = None;
        loop {
            match at_once(self.events.next())??.body {
                EventBody::Heartbeat => return Some(()),
                EventBody::Trade { trade: made, .. } => trade = Some(made),
                EventBody::Candle { symbol, candle } => {
                    let Some(trade) = trade.take() else { continue };
                    let Some(product) = self.symbols.iter().position(|listed| *listed == symbol) else { continue };
                    self.ready.push_back(Print {
                        product,
                        time: trade.time,
                        price: trade.price,
                        size: trade.size,
                        taker: trade.taker.unwrap_or(Side::Buy),
                        minute: candle.ohlcv(),
                    });
                }
                _ => {}
            }
        }
    }
}

/// What a future that never waits comes to; the runtime's budget for cooperation does not count here.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    tokio::task::unconstrained(future).now_or_never()
}

impl fmt::Debug for SimSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimSource").field("start", &self.start).finish_non_exhaustive()
    }
}

/// One-minute candles told as trades: open, one extreme, the other, close.
#[derive(Debug)]
pub(super) struct CandleSource {
    start: Timestamp,
    listed: Vec<Listed>,
    live: Vec<VecDeque<Candle>>,
    /// When the next candle of each product opens.
    next: BinaryHeap<Reverse<(Timestamp, usize)>>,
    ready: VecDeque<Print>,
}

impl CandleSource {
    pub(super) fn new(start: Timestamp, series: Vec<(Symbol, Vec<Candle>)>) -> Self {
        let mut this =
            Self { start, listed: Vec::new(), live: Vec::new(), next: BinaryHeap::new(), ready: VecDeque::new() };
        for (product, (symbol, candles)) in series.into_iter().enumerate() {
            let split = candles.partition_point(|candle| candle.open_time() < start);
            let history = candles[..split].iter().map(|candle| (candle.open_time(), candle.ohlcv())).collect();
            let live: VecDeque<Candle> = candles[split..].iter().copied().collect();
            this.next.extend(live.front().map(|first| Reverse((first.open_time(), product))));
            this.listed.push(Listed { symbol, increment: 0.01, history });
            this.live.push(live);
        }
        this
    }

    fn next(&mut self, until: Timestamp) -> Option<Print> {
        if self.ready.is_empty() {
            self.read_minute()?;
        }
        if self.ready.front()?.time > until {
            return None;
        }
        self.ready.pop_front()
    }

    /// Reads the next minute of all products that were traded in it.
    fn read_minute(&mut self) -> Option<()> {
        let Reverse((minute, _)) = *self.next.peek()?;
        let mut prints = Vec::new();
        while let Some(Reverse((time, product))) = self.next.peek().copied()
            && time == minute
        {
            self.next.pop();
            if let Some(candle) = self.live[product].pop_front() {
                prints.extend(prints_of(product, candle.open_time(), candle.ohlcv()));
            }
            self.next.extend(self.live[product].front().map(|next| Reverse((next.open_time(), product))));
        }
        prints.sort_by_key(|print| print.time);
        self.ready.extend(prints);
        Some(())
    }
}

/// A traded minute as four trades, fifteen seconds apart.
pub(super) fn prints_of(product: usize, minute_start: Timestamp, ohlcv: Ohlcv) -> Vec<Print> {
    let Ohlcv { open, high, low, close, volume } = ohlcv;
    let rises = close >= open;
    let path = if rises { [open, low, high, close] } else { [open, high, low, close] };
    let size = volume / 4.0;
    let mut minute = Ohlcv { open, high: open, low: open, close: open, volume: 0.0 };
    (0_i64..)
        .zip(path)
        .filter_map(|(n, price)| {
            minute.high = minute.high.max(price);
            minute.low = minute.low.min(price);
            minute.close = price;
            minute.volume = if n == 3 { volume } else { minute.volume + size };
            let taker = if rises { Side::Buy } else { Side::Sell };
            let time = minute_start.checked_add_millis(n * 15_000)?;
            Some(Print { product, time, price, size, taker, minute })
        })
        .collect()
}
