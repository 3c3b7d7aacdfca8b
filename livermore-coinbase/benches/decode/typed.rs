//! The floor: serde's derived types with borrowed texts, numbers as `f64`, nothing checked.
#![allow(dead_code, reason = "what is read counts, not what is done with it")]

use std::{fmt, hint::black_box};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

#[derive(Deserialize)]
pub(crate) struct Frame<'a, E> {
    channel: &'a str,
    timestamp: &'a str,
    sequence_num: u64,
    events: Vec<E>,
}

#[derive(Deserialize)]
pub(crate) struct CandlesEvent<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    candles: Vec<Candle<'a>>,
}

#[derive(Deserialize)]
struct Candle<'a> {
    start: &'a str,
    high: Number,
    low: Number,
    open: Number,
    close: Number,
    volume: Number,
    product_id: &'a str,
}

#[derive(Deserialize)]
pub(crate) struct TickersEvent<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    tickers: Vec<Ticker<'a>>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    product_id: &'a str,
    price: Number,
    volume_24_h: Number,
    low_24_h: Number,
    high_24_h: Number,
    low_52_w: Number,
    high_52_w: Number,
    price_percent_chg_24_h: Number,
    best_bid: Number,
    best_ask: Number,
    best_bid_quantity: Number,
    best_ask_quantity: Number,
}

#[derive(Deserialize)]
pub(crate) struct TradesEvent<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    trades: Vec<Trade<'a>>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    product_id: &'a str,
    #[serde(rename = "trade_id")]
    id: &'a str,
    price: Number,
    size: Number,
    time: &'a str,
    side: &'a str,
}

#[derive(Deserialize)]
pub(crate) struct Beat<'a> {
    current_time: &'a str,
    heartbeat_counter: u64,
}

struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number in a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                fast_float2::parse(text).map(Number).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

fn read<'a, E: Deserialize<'a>>(text: &'a str) {
    black_box(serde_json::from_str::<Frame<'a, E>>(text).expect("a good frame"));
}

pub(crate) fn candles(text: &str) {
    read::<CandlesEvent<'_>>(text);
}

pub(crate) fn tickers(text: &str) {
    read::<TickersEvent<'_>>(text);
}

pub(crate) fn trades(text: &str) {
    read::<TradesEvent<'_>>(text);
}

pub(crate) fn heartbeats(text: &str) {
    read::<Beat<'_>>(text);
}
