//! Frames that no client expects, and readers that no server expects.

use livermore_coinbase::{
    Coinbase,
    fake::{Clock, FakeMarket, FakeServer, Fault, Garbage, Limits, Target},
};
use livermore_core::{
    exchange::{EventBody, SimulatorConfig, Subscription},
    ids::Timeframe,
};

use crate::fake::client;

use super::{config, everything, fast, feed, impatient, is_about_the_feed, is_closed, is_connected, symbol, until};

#[tokio::test]
async fn case_88_what_cannot_be_understood_is_ignored_or_ends_the_connection() {
    let server = fast(60.0).noise(true).start().await.unwrap();
    let coinbase = Coinbase::with_supervisor(&config(&server), impatient()).unwrap();
    let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
    until(&mut events, |body| matches!(body, EventBody::Ticker { .. })).await;
    for garbage in [Garbage::Binary, Garbage::NotJson, Garbage::UnknownChannel, Garbage::Oversized(5 << 20)] {
        server.inject(Fault::Garbage { target: Target::All, garbage });
        let read = until(&mut events, |body| matches!(body, EventBody::Ticker { .. })).await;
        let read = [read, until(&mut events, |body| matches!(body, EventBody::Heartbeat)).await].concat();
        let told: Vec<_> = read.iter().filter(|event| is_about_the_feed(&event.body)).collect();
        assert_eq!(told, Vec::<&_>::new(), "{garbage:?}");
    }
    server.inject(Fault::SlowBytes { target: Target::All, frames: 2, bytes: 1, pause_ms: 0 });
    until(&mut events, |body| matches!(body, EventBody::Heartbeat)).await;
    for garbage in [Garbage::InvalidUtf8, Garbage::Oversized(17 << 20)] {
        server.inject(Fault::Garbage { target: Target::All, garbage });
        until(&mut events, is_connected).await;
    }
}

#[tokio::test]
async fn case_89_a_reader_that_stalls_loses_no_closed_candle() {
    let server = fast(3_000.0).start().await.unwrap();
    let (_coinbase, mut events) = feed(&server, &["BTC-USD", "ETH-USD"]).await;
    until(&mut events, is_closed).await;
    let connections = server.stats().connection_attempts;
    // Nothing is read, while the market goes on for hours.
    let begin = server.now();
    client::until("ten hours of market", || server.now().millis_since(begin) >= 10 * 3_600_000).await;
    let mut opens = Vec::new();
    while opens.last().is_none_or(|last| *last < server.now().checked_add_millis(-2 * 3_600_000).unwrap()) {
        let read = until(&mut events, is_closed).await;
        assert!(!read.iter().any(|event| matches!(event.body, EventBody::Disconnected { .. })), "pongs were sent");
        if let Some(EventBody::Candle { symbol: of, candle }) = read.last().map(|event| &event.body)
            && *of == symbol("BTC-USD")
        {
            opens.push(candle.open_time());
        }
    }
    let (first, last) = (opens[0], opens[opens.len() - 1]);
    let truth = server.truth_candles(&symbol("BTC-USD"), Timeframe::M5, first, last.checked_add_millis(1).unwrap());
    assert_eq!(opens, truth.iter().map(livermore_core::market::Candle::open_time).collect::<Vec<_>>());
    assert_eq!(server.stats().connection_attempts, connections);
}

#[tokio::test]
async fn case_91_data_comes_under_the_name_that_was_asked_for() {
    let server = FakeServer::builder()
        .market(FakeMarket::simulated(SimulatorConfig::default().with_history_minutes(1_000)))
        .clock(Clock::Speed(120.0))
        .limits(Limits::without_rates())
        .start()
        .await
        .unwrap();
    let coinbase = super::adapter(&server);
    let usdc = symbol("BTC-USDC");
    assert!(coinbase.listed().await.unwrap().iter().any(|listed| listed.alias == Some(symbol("BTC-USD"))));
    let subscription =
        Subscription { symbols: vec![usdc.clone()], candles: vec![Timeframe::M5], tickers: true, trades: true };
    let mut events = coinbase.feed(subscription).await.unwrap();
    let read = until(&mut events, is_closed).await;
    for event in &read {
        assert!(event.body.symbol().is_none_or(|symbol| *symbol == usdc), "{event:?}");
        assert!(!matches!(event.body, EventBody::Stale { .. } | EventBody::Gap { .. }), "{event:?}");
    }
}
