use std::collections::VecDeque;

use super::{config::SimulatorConfig, market::SimMarket};
use crate::{
    ids::{Symbol, Timeframe, Timestamp},
    market::{Aggregator, Candle, CandleSource, DEFAULT_MAX_FILL, Finality, NoTradeFill, Product},
};

/// What the simulated exchange remembers: every finished minute of every product, up to a limit.
#[derive(Debug)]
pub(super) struct History {
    market: SimMarket,
    minutes: Vec<VecDeque<Candle>>,
}

impl History {
    /// The history that precedes live data, and the market at the moment live data begins.
    pub(super) fn new(config: &SimulatorConfig) -> (Self, SimMarket) {
        let market = SimMarket::new(config);
        let mut history = Self { minutes: market.symbols().iter().map(|_| VecDeque::new()).collect(), market };
        history.advance(Timeframe::M1.floor(config.start));
        history.market.begin_tour();
        let live = history.market.clone();
        (history, live)
    }

    /// Adds the minutes that have ended by `now`. Feeds of one simulator run the same market, so whichever comes first
    /// writes the history for all.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while self.market.now().as_millis() + 60_000 <= now.as_millis() {
            for (minutes, candle) in self.minutes.iter_mut().zip(self.market.step_minute()) {
                minutes.extend(candle);
                if minutes.len() > SimulatorConfig::MAX_HISTORY_MINUTES as usize {
                    minutes.pop_front();
                }
            }
        }
    }

    pub(super) fn products(&self) -> Vec<Product> {
        self.market.products()
    }

    pub(super) fn symbols(&self) -> Vec<Symbol> {
        self.market.symbols()
    }

    /// Finished candles that open in `[from, to)`; buckets without trades are left out.
    pub(super) fn candles(&self, symbol: &Symbol, timeframe: Timeframe, from: Timestamp, to: Timestamp) -> Vec<Candle> {
        let Some(index) = self.symbols().iter().position(|listed| listed == symbol) else { return Vec::new() };
        let minutes = &self.minutes[index];
        let verified = |candle: Candle| {
            Candle::derived(candle.timeframe(), candle.open_time(), candle.ohlcv(), CandleSource::Rest)
                .with_finality(Finality::Verified)
        };
        let begins = minutes.partition_point(|candle| candle.open_time() < timeframe.floor(from));
        let inside = |candle: &Candle| (from..to).contains(&candle.open_time());
        let Ok(mut aggregator) = Aggregator::new(Timeframe::M1, timeframe) else {
            return minutes.range(begins..).copied().filter(inside).map(verified).collect();
        };
        // Start with the minute before, so that a bucket that begins with quiet minutes is whole.
        let mut fill = NoTradeFill::new(Timeframe::M1, DEFAULT_MAX_FILL);
        let mut out = Vec::new();
        for minute in minutes.range(begins.saturating_sub(1)..) {
            if minute.open_time() >= to && timeframe.is_aligned(minute.open_time()) {
                break;
            }
            for minute in fill.push(minute).into_iter().flatten() {
                out.extend(aggregator.push(&minute).ok().flatten().filter(|bar| inside(bar) && !bar.is_synthetic()));
            }
        }
        out.extend(self.last_bucket(&mut aggregator, minutes.back()).filter(inside));
        out.into_iter().map(verified).collect()
    }

    /// The bucket that ended just now with quiet minutes, which no later trade has completed yet.
    fn last_bucket(&self, aggregator: &mut Aggregator, last: Option<&Candle>) -> Option<Candle> {
        let last = last?;
        let mut open_time = last.close_time();
        while open_time < self.market.now() {
            let quiet = Candle::no_trade(Timeframe::M1, open_time, last.close()).ok()?;
            if let Some(bar) = aggregator.push(&quiet).ok()? {
                return (!bar.is_synthetic()).then_some(bar);
            }
            open_time = quiet.close_time();
        }
        None
    }
}
