use livermore_core::{
    exchange::SplitMix64,
    ids::{Timeframe, Timestamp},
    market::Side,
};
use serde_json::{Value, json};

use super::{
    Channel, Keep,
    connection::Out,
    engine::{Engine, TICK_MS},
    tape::{Bucket, Fill, tidy},
    text,
};

/// Server time between two batches of tickers.
const TICKER_BATCH_MS: u64 = 5_000;
/// Server time between two lists of products on the status channel.
const STATUS_MS: u64 = 60_000;

impl Engine {
    /// Tells every client what happened since the last tick.
    pub(super) fn tell(&mut self) {
        self.tell_trades();
        self.tell_books();
        self.tell_tickers();
        if self.elapsed_ms.is_multiple_of(TICKER_BATCH_MS) {
            let traded: Vec<usize> = std::mem::take(&mut self.traded).into_iter().collect();
            for id in self.ids() {
                self.tell_ticker(id, Channel::TickerBatch, "update", &traded);
            }
        }
        if self.elapsed_ms.is_multiple_of(1_000) {
            for product in std::mem::take(&mut self.changed) {
                self.tell_forming(product);
            }
            self.tell_corrections();
            self.beat_hearts();
        }
        if self.elapsed_ms.is_multiple_of(STATUS_MS) {
            for id in self.ids() {
                self.tell_status(id);
            }
        }
        self.fresh.iter_mut().for_each(Vec::clear);
    }

    pub(super) fn ids(&self) -> Vec<u64> {
        self.connections.keys().copied().collect()
    }

    fn listeners(&self, channel: Channel, symbol: &str) -> Vec<u64> {
        let hear = self.connections.iter().filter(|(_, connection)| connection.hears(channel, symbol));
        hear.map(|(id, _)| *id).collect()
    }

    pub(super) fn symbol(&self, product: usize) -> String {
        self.tapes[product].symbol.as_str().to_owned()
    }

    fn tell_trades(&mut self) {
        for product in 0..self.tapes.len() {
            if self.fresh[product].is_empty() {
                continue;
            }
            let symbol = self.symbol(product);
            let trades: Vec<Value> = self.fresh[product].iter().rev().map(|fill| trade(&symbol, fill)).collect();
            for id in self.listeners(Channel::MarketTrades, &symbol) {
                let events = json!([{ "type": "update", "trades": trades }]);
                self.emit(id, Channel::MarketTrades, Some(&symbol), events);
            }
        }
    }

    fn tell_books(&mut self) {
        for product in 0..self.tapes.len() {
            if self.fresh[product].is_empty() {
                continue;
            }
            let symbol = self.symbol(product);
            let time = text::time(self.told_now(), 0);
            let updates = self.books[product].move_to(self.tapes[product].price, &time);
            for id in self.listeners(Channel::Level2, &symbol) {
                let events = json!([{ "type": "update", "product_id": symbol, "updates": updates }]);
                self.emit(id, Channel::Level2, Some(&symbol), events);
            }
        }
    }

    fn tell_tickers(&mut self) {
        let fresh: Vec<usize> = (0..self.tapes.len()).filter(|product| !self.fresh[*product].is_empty()).collect();
        for id in self.ids() {
            self.tell_ticker(id, Channel::Ticker, "update", &fresh);
        }
    }

    /// One frame with the tickers of all these products that the client hears of and that are not stalled.
    pub(super) fn tell_ticker(&mut self, id: u64, channel: Channel, kind: &str, products: &[usize]) {
        let Some(connection) = self.connections.get(&id) else { return };
        let heard = products.iter().filter(|product| {
            let symbol = self.tapes[**product].symbol.as_str();
            connection.hears(channel, symbol) && !connection.holds_back(Some(channel), Some(symbol), self.elapsed_ms)
        });
        let tickers: Vec<Value> = heard.map(|product| self.ticker(*product, channel)).collect();
        if !tickers.is_empty() {
            self.emit(id, channel, None, json!([{ "type": kind, "tickers": tickers }]));
        }
    }

    fn ticker(&self, product: usize, channel: Channel) -> Value {
        let (tape, book) = (&self.tapes[product], &self.books[product]);
        let day = tape.day(self.now());
        let mut ticker = json!({
            "type": "ticker",
            "product_id": tape.symbol.as_str(),
            "price": text::number(tape.price),
            "volume_24_h": text::number(day.volume),
            "low_24_h": text::number(day.low),
            "high_24_h": text::number(day.high),
            "low_52_w": text::number(tidy(day.low * 0.75)),
            "high_52_w": text::number(tidy(day.high * 1.5)),
            "price_percent_chg_24_h": text::number(day.change_percent),
        });
        if channel == Channel::Ticker {
            for (levels, price, size) in
                [(book.bids(1), "best_bid", "best_bid_quantity"), (book.offers(1), "best_ask", "best_ask_quantity")]
            {
                if let Some((tick, quantity)) = levels.first() {
                    ticker[price] = book.price(*tick).into();
                    ticker[size] = text::number(*quantity).into();
                }
            }
        }
        ticker
    }

    /// The forming bucket of a product, once in a second in which it was traded.
    fn tell_forming(&mut self, product: usize) {
        // At a high speed it may have ended since.
        let Some(last) = self.tapes[product].trades.back() else { return };
        let start = Timeframe::M5.floor(last.time);
        if let Some(bucket) = self.tapes[product].bucket(Timeframe::M5, start) {
            self.tell_candle(product, &bucket);
        }
    }

    /// A bucket has ended: what is not told of it yet is told now, and what was told wrongly will be corrected.
    pub(super) fn end_bucket(&mut self, product: usize, start: Timestamp) {
        if self.changed.remove(&product)
            && let Some(bucket) = self.tapes[product].bucket(Timeframe::M5, start)
        {
            self.tell_candle(product, &bucket);
        }
        let was_told = start >= Timeframe::M5.floor(self.start);
        if was_told && self.is_provisional(product, start) {
            let due = self.elapsed_ms + 1_000 * (2 + self.rng.below(4));
            self.corrections.push_back((due, product, start));
        }
    }

    /// Whether the live candles of this bucket lack some volume until it is corrected.
    fn is_provisional(&self, product: usize, start: Timestamp) -> bool {
        let mixed = self.options.seed ^ start.as_millis().unsigned_abs().rotate_left(20) ^ product as u64;
        SplitMix64::new(mixed).chance(self.options.late_corrections)
    }

    fn tell_corrections(&mut self) {
        let now = self.elapsed_ms;
        let mut due = Vec::new();
        self.corrections.retain(|correction| {
            let is_due = correction.0 <= now;
            due.extend(is_due.then_some(*correction));
            !is_due
        });
        for (_, product, start) in due {
            if let Some(bucket) = self.tapes[product].bucket(Timeframe::M5, start) {
                self.tell_true_candle(product, &bucket);
            }
        }
    }

    fn tell_candle(&mut self, product: usize, bucket: &Bucket) {
        let mut told = *bucket;
        if self.is_provisional(product, bucket.start) {
            told.ohlcv.volume = tidy(told.ohlcv.volume * 0.995);
        }
        self.tell_true_candle(product, &told);
    }

    fn tell_true_candle(&mut self, product: usize, bucket: &Bucket) {
        let symbol = self.symbol(product);
        let candles = [candle(&symbol, bucket)];
        for id in self.listeners(Channel::Candles, &symbol) {
            self.emit(id, Channel::Candles, Some(&symbol), json!([{ "type": "update", "candles": candles }]));
        }
    }

    fn beat_hearts(&mut self) {
        let (beat, now) = (self.beat(), self.told_now());
        for id in self.ids() {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            if connection.troubles.silence.is_some_and(|(keep, _)| keep == Keep::Pings) {
                connection.push(Out::Ping);
            }
            if !connection.channels.contains_key(&Channel::Heartbeats) {
                continue;
            }
            if connection.troubles.skip_beats > 0 {
                connection.troubles.skip_beats -= 1;
                connection.next_sequence += 1;
                continue;
            }
            let counter =
                if self.options.noise && beat.is_multiple_of(2) { json!(beat.to_string()) } else { json!(beat) };
            let time = text::go_time(now, 50_000, beat);
            let events = json!([{ "current_time": time, "heartbeat_counter": counter }]);
            self.emit(id, Channel::Heartbeats, None, events);
            if self.options.noise && beat.is_multiple_of(10) {
                self.send(id, "weather", None, None, json!([{ "type": "update", "sky": "clear" }]));
            }
        }
    }

    pub(super) fn tell_status(&mut self, id: u64) {
        let Some(connection) = self.connections.get(&id) else { return };
        let heard = self.tapes.iter().filter(|tape| connection.hears(Channel::Status, tape.symbol.as_str()));
        let products: Vec<Value> = heard
            .map(|tape| {
                let (base, quote) = tape.symbol.as_str().split_once('-').unwrap_or((tape.symbol.as_str(), ""));
                json!({
                    "product_type": "SPOT", "id": tape.symbol.as_str(), "base_currency": base,
                    "quote_currency": quote, "base_increment": "0.00000001",
                    "quote_increment": text::number(tape.increment), "display_name": format!("{base}/{quote}"),
                    "status": "online", "status_message": "", "min_market_funds": "1",
                })
            })
            .collect();
        if !products.is_empty() {
            self.emit(id, Channel::Status, None, json!([{ "type": "snapshot", "products": products }]));
        }
    }
}

const _: () = assert!(1_000 % TICK_MS == 0, "seconds must fall on ticks");

pub(super) fn candle(symbol: &str, bucket: &Bucket) -> Value {
    json!({
        "start": bucket.start.as_secs().to_string(),
        "high": text::number(bucket.ohlcv.high),
        "low": text::number(bucket.ohlcv.low),
        "open": text::number(bucket.ohlcv.open),
        "close": text::number(bucket.ohlcv.close),
        "volume": text::number(bucket.ohlcv.volume),
        "product_id": symbol,
    })
}

pub(super) fn trade(symbol: &str, fill: &Fill) -> Value {
    json!({
        "product_id": symbol,
        "trade_id": fill.id.to_string(),
        "price": text::number(fill.price),
        "size": text::number(fill.size),
        "time": text::time(fill.time, fill.micros * 1_000),
        "side": if fill.maker == Side::Buy { "BUY" } else { "SELL" },
    })
}
