use std::collections::BTreeSet;

use livermore_core::ids::{Timeframe, Timestamp};
use serde_json::{Value, json};

use super::{
    AckOrder, Channel,
    connection::Endpoint,
    engine::Engine,
    feed::{candle, trade},
    jwt::Expected,
    tape::Bucket,
};

/// Candles of a snapshot.
const SNAPSHOT_CANDLES: usize = 100;
/// Trades of a snapshot.
const SNAPSHOT_TRADES: usize = 100;
/// The error of a bad token, of a missing one, and of an unknown channel.
const AUTHENTICATION_FAILURE: &str = "authentication failure";
/// The error of a message that cannot be understood.
const FAILURE_TO_SUBSCRIBE: &str = "failure to subscribe";

impl Engine {
    /// Answers a message of a client.
    pub(super) fn hear(&mut self, id: u64, text: &str) {
        self.stats.messages += 1;
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let token = message["jwt"].as_str().filter(|token| !token.is_empty());
        if token.is_none() && !self.is_slow_enough() {
            self.stats.messages_refused += 1;
            return self.refuse(id, "too many messages");
        }
        if let Some(token) = token {
            let expected = Expected { now_secs: self.token_now_secs(), request: None };
            if self.gate.check(token, expected).is_none() {
                return self.refuse(id, AUTHENTICATION_FAILURE);
            }
        }
        let subscribes = match message["type"].as_str() {
            Some("subscribe") => true,
            Some("unsubscribe") => false,
            _ => return self.refuse(id, FAILURE_TO_SUBSCRIBE),
        };
        let Some(endpoint) = self.connections.get(&id).map(|connection| connection.endpoint) else { return };
        let channel = message["channel"].as_str().and_then(Channel::parse).filter(|channel| {
            let served = endpoint == Endpoint::Market || channel.is_private() || *channel == Channel::Heartbeats;
            served && (token.is_some() || !channel.is_private())
        });
        let Some(channel) = channel else { return self.refuse(id, AUTHENTICATION_FAILURE) };
        let names = message["product_ids"].as_array();
        let names: Option<Vec<&str>> = names.map(|names| names.iter().filter_map(Value::as_str).collect());
        if subscribes {
            self.subscribe(id, channel, &names.unwrap_or_default());
        } else {
            self.unsubscribe(id, channel, names.as_deref());
        }
    }

    fn is_slow_enough(&mut self) -> bool {
        let rate = self.windows.messages.count();
        self.stats.most_messages_in_a_second = self.stats.most_messages_in_a_second.max(rate);
        rate <= self.options.limits.messages_per_second
    }

    fn subscribe(&mut self, id: u64, channel: Channel, names: &[&str]) {
        let mut products = BTreeSet::new();
        for name in names.iter().filter(|_| channel.has_products()) {
            let Some(product) = self.product(name) else { continue };
            let symbol = self.symbol(product);
            match self.waiting.left_out.iter().position(|left_out| *left_out == symbol) {
                Some(position) => {
                    self.waiting.left_out.remove(position);
                }
                None => {
                    products.insert(product);
                }
            }
        }
        let symbols: Vec<String> = products.iter().map(|product| self.symbol(*product)).collect();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.subscribed = true;
        connection.channels.entry(channel).or_default().extend(symbols);
        let acknowledges_first = match self.options.ack {
            AckOrder::First => true,
            AckOrder::Last => false,
            AckOrder::Either => self.rng.chance(50),
        };
        if acknowledges_first {
            self.acknowledge(id);
        }
        let products: Vec<usize> = products.into_iter().collect();
        self.send_snapshots(id, channel, &products);
        if !acknowledges_first {
            self.acknowledge(id);
        }
    }

    fn unsubscribe(&mut self, id: u64, channel: Channel, names: Option<&[&str]>) {
        let named: Option<Vec<String>> = names.filter(|_| channel.has_products()).map(|names| {
            names.iter().filter_map(|name| self.product(name)).map(|product| self.symbol(product)).collect()
        });
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match named {
            Some(named) => {
                if let Some(products) = connection.channels.get_mut(&channel) {
                    products.retain(|product| !named.contains(product));
                    if products.is_empty() {
                        connection.channels.remove(&channel);
                    }
                }
            }
            None => {
                connection.channels.remove(&channel);
            }
        }
        self.acknowledge(id);
    }

    fn send_snapshots(&mut self, id: u64, channel: Channel, products: &[usize]) {
        match channel {
            Channel::Heartbeats => {}
            Channel::Candles => products.iter().for_each(|product| self.send_candles(id, *product)),
            Channel::Ticker | Channel::TickerBatch => self.tell_ticker(id, channel, "snapshot", products),
            Channel::MarketTrades => products.iter().for_each(|product| self.send_trades(id, *product)),
            Channel::Level2 => products.iter().for_each(|product| self.send_book(id, *product)),
            Channel::Status => self.tell_status(id),
            Channel::User => {
                let positions = json!({
                    "perpetual_futures_positions": [], "expiring_futures_positions": [],
                    "prediction_market_positions": [],
                });
                self.emit(id, channel, None, json!([{ "type": "snapshot", "orders": [], "positions": positions }]));
            }
            Channel::FuturesBalanceSummary => {
                let names = [
                    "futures_buying_power",
                    "total_usd_balance",
                    "cbi_usd_balance",
                    "cfm_usd_balance",
                    "total_open_orders_hold_amount",
                    "unrealized_pnl",
                    "daily_realized_pnl",
                    "initial_margin",
                    "available_margin",
                    "liquidation_threshold",
                    "liquidation_buffer_amount",
                    "liquidation_buffer_percentage",
                ];
                let summary: serde_json::Map<String, Value> =
                    names.into_iter().map(|name| (name.to_owned(), "0.00".into())).collect();
                self.emit(id, channel, None, json!([{ "type": "snapshot", "fcm_balance_summary": summary }]));
            }
        }
    }

    /// Up to 100 candles; the newest is the forming one. Older ones are missing here and there, traded or not, so that
    /// a full snapshot reaches further back than 100 buckets.
    fn send_candles(&mut self, id: u64, product: usize) {
        let symbol = self.symbol(product);
        let all = self.tapes[product].buckets(Timeframe::M5, self.long_ago(), self.now());
        let holes = self.options.snapshot_holes;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let holed = connection.troubles.holed_snapshots > 0;
        connection.troubles.holed_snapshots = connection.troubles.holed_snapshots.saturating_sub(1);
        let mut kept: Vec<Bucket> = Vec::with_capacity(SNAPSHOT_CANDLES);
        for (age, bucket) in all.iter().rev().enumerate() {
            let missing = age > 0 && (self.rng.chance(holes) || (holed && age % 3 == 0));
            if !missing {
                kept.push(*bucket);
            }
            if kept.len() == SNAPSHOT_CANDLES {
                break;
            }
        }
        // The order is not documented.
        if self.rng.chance(50) {
            kept.reverse();
        }
        let candles: Vec<Value> = kept.iter().map(|bucket| candle(&symbol, bucket)).collect();
        if !candles.is_empty() {
            let events = json!([{ "type": "snapshot", "candles": candles }]);
            self.emit(id, Channel::Candles, Some(&symbol), events);
        }
    }

    /// Four days: as far back as snapshots may reach.
    fn long_ago(&self) -> Timestamp {
        self.now().checked_add_millis(-4 * 86_400_000).unwrap_or(Timestamp::EPOCH)
    }

    fn send_trades(&mut self, id: u64, product: usize) {
        let symbol = self.symbol(product);
        let newest = self.tapes[product].trades.iter().rev().take(SNAPSHOT_TRADES);
        let trades: Vec<Value> = newest.map(|fill| trade(&symbol, fill)).collect();
        let events = json!([{ "type": "snapshot", "trades": trades }]);
        self.emit(id, Channel::MarketTrades, Some(&symbol), events);
    }

    fn send_book(&mut self, id: u64, product: usize) {
        let symbol = self.symbol(product);
        let events = json!([{ "type": "snapshot", "product_id": symbol, "updates": self.books[product].snapshot() }]);
        self.emit(id, Channel::Level2, Some(&symbol), events);
    }
}
