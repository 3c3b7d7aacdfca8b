//! The adapter as a whole, against the fake exchange.

mod connecting;
mod contract;
mod drops;
mod frames;
mod hour;
mod outages;
mod private;

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt};
use livermore_coinbase::{
    Coinbase, CoinbaseConfig, MarketFeed, Tls,
    fake::{Clock, FakeMarket, FakeServer, FakeServerBuilder, Limits},
};
use livermore_core::{
    exchange::{EventBody, MarketEvent, Subscription, SupervisorConfig},
    ids::{Symbol, Timeframe, Timestamp},
    market::{Candle, CandleSource, Finality, Ohlcv},
};
use tokio::time::timeout;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(40);

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

/// A server whose market runs so many times as fast as time, without limits on rates, and true to its closed candles.
fn fast(speed: f64) -> FakeServerBuilder {
    FakeServer::builder()
        .market(calm_market())
        .clock(Clock::Speed(speed))
        .limits(Limits::without_rates())
        .late_corrections(0)
}

/// A configuration that trusts the server and asks as much as it likes.
fn config(server: &FakeServer) -> CoinbaseConfig {
    CoinbaseConfig {
        requests_per_second: 1_000,
        burst: 1_000,
        tls: server.ca_der().map_or_else(Tls::default, trusting),
        ..CoinbaseConfig::from_urls(server.ws_url(), server.user_ws_url(), server.rest_url())
    }
}

fn trusting(ca: &[u8]) -> Tls {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Tls::from_config(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Reconnects within a moment, as far as the limit of connections lets it.
fn impatient() -> SupervisorConfig {
    let mut config = SupervisorConfig::default();
    config.first_pause = Duration::from_millis(10);
    config.longest_pause = Duration::from_millis(50);
    config.throttled_pause = Duration::from_millis(50);
    config
}

fn adapter(server: &FakeServer) -> Coinbase {
    Coinbase::new(&config(server)).unwrap()
}

/// Everything there is of these products.
fn everything(symbols: &[&str]) -> Subscription {
    Subscription {
        symbols: symbols.iter().map(|name| symbol(name)).collect(),
        candles: vec![Timeframe::M5],
        tickers: true,
        trades: true,
    }
}

async fn feed(server: &FakeServer, symbols: &[&str]) -> (Coinbase, MarketFeed) {
    let coinbase = adapter(server);
    let feed = coinbase.feed(everything(symbols)).await.unwrap();
    (coinbase, feed)
}

/// Reads events until one is as wanted; returns all of them, that one last.
async fn until<S: Stream<Item = MarketEvent> + Unpin>(
    events: &mut S,
    wanted: impl Fn(&EventBody) -> bool,
) -> Vec<MarketEvent> {
    let mut read = Vec::new();
    let reading = async {
        while let Some(event) = events.next().await {
            let found = wanted(&event.body);
            read.push(event);
            if found {
                return;
            }
        }
        panic!("the feed ended by itself");
    };
    if timeout(PATIENCE, reading).await.is_err() {
        let told: Vec<_> = read.iter().map(|event| &event.body).filter(|body| is_about_the_feed(body)).collect();
        panic!("it was waited for in vain, among {} events: {told:?}", read.len());
    }
    read
}

fn is_about_the_feed(body: &EventBody) -> bool {
    !matches!(
        body,
        EventBody::Candle { .. } | EventBody::Ticker { .. } | EventBody::Trade { .. } | EventBody::Heartbeat
    )
}

fn is_closed(body: &EventBody) -> bool {
    matches!(body, EventBody::Candle { candle, .. } if candle.is_final())
}

fn is_connected(body: &EventBody) -> bool {
    *body == EventBody::Connected
}

/// Two products with four trades a minute, 3,000 minutes before and after the start, and some minutes without any.
fn calm_market() -> FakeMarket {
    let start = Timestamp::from_secs(1_767_571_200).unwrap();
    let candles = |price: f64| -> Vec<Candle> {
        let minutes = (-3_000..3_000_i32).filter(|minute| minute.rem_euclid(97) >= 12);
        minutes
            .map(|minute| {
                let time = start.checked_add_millis(i64::from(minute) * 60_000).unwrap();
                let wave = f64::from(minute.rem_euclid(61)) - 30.0;
                let (open, close) = (price + wave, price - wave / 2.0);
                let ohlcv = Ohlcv { open, high: open.max(close) + 1.5, low: open.min(close) - 1.5, close, volume: 2.5 };
                Candle::new(Timeframe::M1, time, ohlcv, Finality::Closed, CandleSource::File).unwrap()
            })
            .collect()
    };
    FakeMarket::replaying(start)
        .with_candles(symbol("BTC-USD"), candles(60_000.0))
        .with_candles(symbol("ETH-USD"), candles(3_000.0))
}
