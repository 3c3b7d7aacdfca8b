use std::collections::VecDeque;

use super::{config::SimulatorConfig, market::SimMarket};
use crate::{
    ids::{Symbol, Timeframe, Timestamp},
    market::{Candle, CandleSource, Finality, Ohlcv, Product},
};

/// What the simulated exchange remembers: every finished minute of every product, up to a limit.
#[derive(Debug)]
pub(super) struct History {
    market: SimMarket,
    /// In listing order.
    kept: Vec<Kept>,
}

/// What is remembered of one product.
#[derive(Debug)]
struct Kept {
    /// Every minute from here on that was traded is there.
    since: Timestamp,
    minutes: VecDeque<Candle>,
}

impl History {
    /// The history that precedes live data, and the market at the moment live data begins.
    pub(super) fn new(config: &SimulatorConfig) -> (Self, SimMarket) {
        let market = SimMarket::new(config);
        let kept = market.symbols().iter().map(|_| Kept { since: market.now(), minutes: VecDeque::new() }).collect();
        let mut history = Self { market, kept };
        history.advance(Timeframe::M1.floor(config.start));
        history.market.begin_tour();
        let live = history.market.clone();
        (history, live)
    }

    /// Adds the minutes that have ended by `now`. Feeds of one simulator run the same market, so whichever comes first
    /// writes the history for all.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while self.market.now().as_millis() + 60_000 <= now.as_millis() {
            for (Kept { since, minutes }, candle) in self.kept.iter_mut().zip(self.market.step_minute()) {
                minutes.extend(candle);
                if minutes.len() > SimulatorConfig::MAX_HISTORY_MINUTES as usize {
                    *since = minutes.pop_front().map_or(*since, |forgotten| forgotten.close_time());
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
        let Kept { since, minutes } = &self.kept[index];
        let (now, length) = (self.market.now().as_millis(), timeframe.millis());
        let is_served =
            |bucket: Timestamp| (from..to).contains(&bucket) && bucket >= *since && bucket.as_millis() + length <= now;
        let mut candles: Vec<Candle> = Vec::new();
        for minute in minutes.range(minutes.partition_point(|minute| minute.open_time() < from)..) {
            let bucket = timeframe.floor(minute.open_time());
            if bucket >= to {
                break;
            }
            let so_far = candles.pop_if(|last| last.open_time() == bucket).map(|candle| candle.ohlcv());
            if is_served(bucket) {
                let ohlcv = joined(so_far, minute.ohlcv());
                let candle = Candle::derived(timeframe, bucket, ohlcv, CandleSource::Rest);
                candles.push(candle.with_finality(Finality::Verified));
            }
        }
        candles
    }
}

/// A bucket with one more of its minutes.
fn joined(so_far: Option<Ohlcv>, minute: Ohlcv) -> Ohlcv {
    let Some(so_far) = so_far else { return minute };
    Ohlcv {
        open: so_far.open,
        high: so_far.high.max(minute.high),
        low: so_far.low.min(minute.low),
        close: minute.close,
        volume: so_far.volume + minute.volume,
    }
}
