use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream;
use tokio::{
    sync::watch,
    task::coop::consume_budget,
    time::{Instant, sleep_until},
};

use super::{
    config::SimulatorConfig,
    feed::Feed,
    history::History,
    market::{STEP_MS, SimMarket},
};
use crate::{
    exchange::{
        CandleRequest, Capability, ExchangeAdapter, ExchangeError, MarketEvent, MarketEvents, Subscription,
        adapter::check_symbol,
    },
    ids::{Exchange, Timeframe, Timestamp},
    market::{Candle, Product},
};

/// The simulated market as an exchange.
///
/// Every subscription hears the market from the start of live data, at the configured speed; two subscriptions of one
/// simulator, or of two with equal configurations, hear the same. History reaches up to the furthest moment any
/// subscription has heard.
#[derive(Debug)]
pub struct Simulator {
    config: SimulatorConfig,
    /// The market at the start of live data.
    live: SimMarket,
    history: Arc<Mutex<History>>,
    closed: watch::Sender<bool>,
}

impl Simulator {
    /// Makes the market and its history: some milliseconds of work.
    pub fn new(config: SimulatorConfig) -> Result<Self, ExchangeError> {
        if let Some(speed) = config.speed.filter(|speed| !(MIN_SPEED..=MAX_SPEED).contains(speed)) {
            let reason = format!("speed {speed} is not from {MIN_SPEED} to {MAX_SPEED}");
            return Err(ExchangeError::InvalidRequest { reason });
        }
        if config.start.as_millis() > LATEST_START_MS {
            let (start, latest) = (config.start, Timestamp::from_millis_in_range(LATEST_START_MS));
            return Err(ExchangeError::InvalidRequest { reason: format!("start {start} is after {latest}") });
        }
        if config.history_minutes > SimulatorConfig::MAX_HISTORY_MINUTES {
            let (minutes, max) = (config.history_minutes, SimulatorConfig::MAX_HISTORY_MINUTES);
            return Err(ExchangeError::InvalidRequest {
                reason: format!("{minutes} minutes of history are over {max}"),
            });
        }
        let (history, live) = History::new(&config);
        Ok(Self { config, live, history: Arc::new(Mutex::new(history)), closed: watch::Sender::new(false) })
    }

    fn open(&self) -> Result<MutexGuard<'_, History>, ExchangeError> {
        if *self.closed.borrow() {
            return Err(ExchangeError::Closed { exchange: self.exchange() });
        }
        Ok(lock(&self.history))
    }
}

/// A month of market time each second; faster than any consumer.
const MAX_SPEED: f64 = 2_592_000.0;
/// A step every hour and a half; keeps the wait for a step far inside what a clock can count.
const MIN_SPEED: f64 = 0.001;
/// 3000-01-01T00:00:00Z: no run gets from here to the last moment a timestamp can hold.
const LATEST_START_MS: i64 = 32_503_680_000_000;

fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    // A panic while holding it leaves whole minutes behind: the history is usable as it is.
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl ExchangeAdapter for Simulator {
    fn exchange(&self) -> Exchange {
        Exchange::simulator()
    }

    fn capability(&self) -> Capability {
        Capability { history: Timeframe::ALL.to_vec(), live: vec![Timeframe::M1], trades: true, tickers: true }
    }

    async fn products(&self) -> Result<Vec<Product>, ExchangeError> {
        Ok(self.open()?.products())
    }

    async fn candles(&self, request: CandleRequest) -> Result<Vec<Candle>, ExchangeError> {
        let history = self.open()?;
        check_symbol(&self.exchange(), &request.symbol, &history.symbols())?;
        request.check(&self.exchange(), &self.capability().history)?;
        Ok(history.candles(&request.symbol, request.timeframe, request.from, request.to))
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<MarketEvents, ExchangeError> {
        let symbols = self.open()?.symbols();
        subscription.check(&self.exchange(), &symbols, &self.capability().live)?;
        let playing = Playing {
            feed: Feed::new(self.live.clone(), subscription, &self.config),
            history: self.history.clone(),
            closed: self.closed.subscribe(),
            pace: self.config.speed.map(Pace::new),
        };
        Ok(Box::pin(stream::unfold(playing, Playing::next)))
    }

    async fn close(&self) {
        self.closed.send_replace(true);
    }
}

/// A subscription being heard.
struct Playing {
    feed: Feed,
    history: Arc<Mutex<History>>,
    closed: watch::Receiver<bool>,
    pace: Option<Pace>,
}

impl Playing {
    async fn next(mut self) -> Option<(MarketEvent, Self)> {
        loop {
            if *self.closed.borrow() {
                return None;
            }
            if let Some(event) = self.feed.pop() {
                return Some((event, self));
            }
            if let Some(pace) = &mut self.pace {
                let due = pace.next_step();
                tokio::select! {
                    () = sleep_until(due) => {}
                    // An error says that the simulator was dropped, which closes nothing.
                    Ok(_) = self.closed.wait_for(|closed| *closed) => return None,
                }
            }
            // Without a pace nothing here ever waits; on a single thread nobody else, `close` included, would run.
            consume_budget().await;
            self.feed.step();
            lock(&self.history).advance(self.feed.now());
        }
    }
}

/// When steps are due in real time. Steps are counted from the first, so that a late one does not delay the rest.
struct Pace {
    first: Option<Instant>,
    steps: u64,
    step: f64,
}

impl Pace {
    fn new(speed: f64) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "five thousand is exact")]
        let step = STEP_MS as f64 / 1_000.0 / speed;
        Self { first: None, steps: 0, step }
    }

    fn next_step(&mut self) -> Instant {
        let first = *self.first.get_or_insert_with(Instant::now);
        self.steps += 1;
        #[allow(clippy::cast_precision_loss, reason = "exact for the first billion years")]
        let steps = self.steps as f64;
        first + Duration::from_secs_f64(self.step * steps)
    }
}
