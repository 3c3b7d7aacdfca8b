//! The simulated market: what it promises beyond the contract of every adapter.

mod candles;
mod faults;
mod pace;
mod stages;

use std::fmt::Write;

use futures_util::StreamExt;
use livermore_core::{
    exchange::{EventBody, ExchangeAdapter, Fault, FaultKind, MarketEvent, Simulator, SimulatorConfig, Subscription},
    ids::{Symbol, Timeframe, Timestamp},
    market::Candle,
};
use sha2::{Digest, Sha256};

const SYMBOLS: [&str; 6] = ["BTC-USD", "ETH-USD", "SOL-USD", "DOGE-USD", "LTC-USD", "USDT-USD"];
const THIN: &str = "LTC-USD";
const PEGGED: &str = "USDT-USD";
const MINUTE_MS: u64 = 60_000;

/// A market without a pace and with a short history.
fn config(seed: u64) -> SimulatorConfig {
    SimulatorConfig::default().with_seed(seed).with_speed(None).with_history_minutes(1_600)
}

fn simulator(config: SimulatorConfig) -> Simulator {
    Simulator::new(config).unwrap()
}

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

fn fault(at_ms: u64, for_ms: u64, kind: FaultKind) -> Fault {
    Fault { at_ms, for_ms, kind }
}

/// Everything of every product.
fn everything() -> Subscription {
    let symbols = SYMBOLS.map(symbol).to_vec();
    Subscription { symbols, candles: vec![Timeframe::M1], tickers: true, trades: true }
}

/// Candles of every product.
fn candles_only() -> Subscription {
    Subscription { tickers: false, trades: false, ..everything() }
}

/// Start of live data.
fn start() -> Timestamp {
    SimulatorConfig::default().start
}

fn minutes_after_start(minutes: i64) -> Timestamp {
    start().checked_add_millis(minutes * 60_000).unwrap()
}

async fn hear(simulator: &Simulator, subscription: Subscription, events: usize) -> Vec<MarketEvent> {
    simulator.subscribe(subscription).await.unwrap().take(events).collect().await
}

/// What is said until market time is past the given minute.
async fn hear_minutes(simulator: &Simulator, subscription: Subscription, minutes: i64) -> Vec<MarketEvent> {
    let end = minutes_after_start(minutes);
    let until = |event: &MarketEvent| std::future::ready(event.time <= end);
    simulator.subscribe(subscription).await.unwrap().take_while(until).collect().await
}

fn closed_candles<'a>(events: &'a [MarketEvent], name: &'a str) -> impl Iterator<Item = &'a Candle> {
    events.iter().filter_map(move |event| match &event.body {
        EventBody::Candle { symbol, candle } if symbol.as_str() == name && candle.is_final() => Some(candle),
        _ => None,
    })
}

fn json_lines(events: &[MarketEvent]) -> String {
    events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect()
}

#[tokio::test]
async fn equal_seeds_give_equal_markets() {
    let one = json_lines(&hear(&simulator(config(11)), everything(), 2_000).await);
    let other = json_lines(&hear(&simulator(config(11)), everything(), 2_000).await);
    assert_eq!(one, other);
}

#[tokio::test]
async fn other_seeds_give_other_markets() {
    let mut markets = Vec::new();
    for seed in [0, 1, 2, 11, 1 << 63, u64::MAX] {
        let simulator = simulator(config(seed));
        let products = simulator.products().await.unwrap();
        assert!(!markets.contains(&products), "seed {seed} gives the market of another seed");
        markets.push(products);
    }
    let one = json_lines(&hear(&simulator(config(11)), everything(), 200).await);
    let other = json_lines(&hear(&simulator(config(12)), everything(), 200).await);
    assert_ne!(one, other);
}

#[tokio::test(start_paused = true)]
async fn every_subscription_hears_the_same_market() {
    let simulator = simulator(config(11));
    let first = hear(&simulator, everything(), 2_000).await;
    assert_eq!(hear(&simulator, everything(), 2_000).await, first, "a later subscription");
    let paced = Simulator::new(config(11).with_speed(Some(600.0))).unwrap();
    let (one, other) = tokio::join!(hear(&paced, everything(), 2_000), hear(&paced, everything(), 2_000));
    assert_eq!((&one, &other), (&first, &first), "two at a time, at a pace");
    // A narrower subscription hears less of the same, under numbers of its own.
    let bodies = |events: &[MarketEvent]| -> Vec<_> {
        let of_interest = |event: &&MarketEvent| matches!(event.body, EventBody::Candle { .. });
        events.iter().filter(of_interest).map(|event| (event.time, event.body.clone())).take(500).collect()
    };
    assert_eq!(bodies(&hear(&simulator, candles_only(), 2_000).await), bodies(&first));
}

/// The wire form of the first events, frozen: the same seed gives the same market on every machine and in every later
/// version. **A change of these values breaks the simulator's contract and belongs in the changelog.**
#[tokio::test]
async fn the_market_of_a_seed_never_changes() {
    let simulator = Simulator::new(SimulatorConfig::default().with_seed(7).with_speed(None)).unwrap();
    let events = hear(&simulator, everything(), 5_000).await;
    assert_eq!(sha256(&json_lines(&events)), GOLDEN_SHA256, "first 5,000 events of seed 7");
    let mut readable = String::new();
    for name in SYMBOLS {
        for candle in closed_candles(&events, name).take(2) {
            let (time, o) = (candle.open_time(), candle.ohlcv());
            writeln!(readable, "{name} {time} {} {} {} {} {}", o.open, o.high, o.low, o.close, o.volume).unwrap();
        }
    }
    assert_eq!(readable, GOLDEN_CANDLES);
}

fn sha256(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

const GOLDEN_SHA256: &str = "4efded5b0a4f2cf87421b7be773b412b22dcbac09d602c1fdbc3a9d25dbe7eab";

/// Symbol, start of the minute, open, high, low, close, volume.
const GOLDEN_CANDLES: &str = "\
BTC-USD 2026-01-05T00:00:00Z 64182.49 64211.16 64182.49 64200.96 4.634
BTC-USD 2026-01-05T00:01:00Z 64218.26 64298.28 64218.26 64298.28 6.4716
ETH-USD 2026-01-05T00:00:00Z 1912.26 1913.14 1910.88 1912.17 79.9558
ETH-USD 2026-01-05T00:01:00Z 1911.15 1912.3 1910.66 1910.66 58.2781
SOL-USD 2026-01-05T00:00:00Z 133.534 133.564 133.43 133.432 1137.2688
SOL-USD 2026-01-05T00:01:00Z 133.421 133.607 133.421 133.607 1217.8886
DOGE-USD 2026-01-05T00:00:00Z 0.200925 0.200925 0.200622 0.200749 587840.138
DOGE-USD 2026-01-05T00:01:00Z 0.200747 0.200908 0.200739 0.200739 551815.2903
LTC-USD 2026-01-05T00:00:00Z 135.62 135.74 135.62 135.71 249.4691
LTC-USD 2026-01-05T00:01:00Z 135.7 135.81 135.67 135.76 199.5292
USDT-USD 2026-01-05T00:00:00Z 1.0002 1.0002 0.9998 1 16864.7742
USDT-USD 2026-01-05T00:01:00Z 0.9998 1.0002 0.9998 1 15613.8467
";
