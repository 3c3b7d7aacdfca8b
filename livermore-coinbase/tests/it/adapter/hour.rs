//! An hour of market in a minute, in which everything goes wrong once.

use std::time::Duration;

use futures_util::StreamExt;
use livermore_coinbase::{
    Coinbase, CoinbaseConfig,
    fake::{Channel, Fault, Garbage, Keep, Target},
};
use livermore_core::{
    exchange::{EventBody, MarketEvent},
    ids::Timeframe,
};
use tokio::time::{Instant, sleep_until, timeout};

use super::{PATIENCE, config, everything, fast, impatient, is_closed, symbol, until};

#[tokio::test]
async fn an_hour_with_every_fault_is_told_as_it_was() {
    let server = fast(60.0).start().await.unwrap();
    let config = CoinbaseConfig { silence_ms: 2_500, ..config(&server) };
    let coinbase = Coinbase::with_supervisor(&config, impatient()).unwrap();
    let mut events = coinbase.feed(everything(&["BTC-USD", "ETH-USD"])).await.unwrap();
    until(&mut events, is_closed).await;
    let (target, begin) = (Target::All, Instant::now());
    let garbage = |garbage| Fault::Garbage { target, garbage };
    let stall = Fault::Stall { target, symbol: symbol("ETH-USD"), channel: Some(Channel::Candles), for_ms: 34_000 };
    let mut script = vec![
        (0, stall),
        (2, Fault::LoseFrames { target, frames: 5 }),
        (5, Fault::Duplicate(target)),
        (8, Fault::Reorder(target)),
        (11, Fault::SkipHeartbeats { target, beats: 2 }),
        (14, garbage(Garbage::UnknownChannel)),
        (16, garbage(Garbage::Binary)),
        (18, Fault::SlowBytes { target, frames: 2, bytes: 3, pause_ms: 0 }),
        (20, Fault::LateCorrection { target, symbol: symbol("BTC-USD") }),
        (42, Fault::Close { target, code: 1_001, reason: String::new() }),
        (45, Fault::Reset(target)),
        (48, Fault::Silence { target, keep: Keep::Pings, for_ms: 4_500 }),
        (54, Fault::HalfOpen(target)),
    ]
    .into_iter()
    .peekable();
    let mut told: Vec<MarketEvent> = Vec::new();
    while begin.elapsed() < Duration::from_secs(61) {
        let due = script.peek().map(|(at, _)| begin + Duration::from_secs(*at));
        tokio::select! {
            () = sleep_until(due.unwrap_or(begin)), if due.is_some() => {
                server.inject(script.next().unwrap().1);
            }
            event = timeout(PATIENCE, events.next()) => told.push(event.unwrap().unwrap()),
        }
    }
    let about = |wanted: &dyn Fn(&EventBody) -> bool| told.iter().filter(|event| wanted(&event.body)).count();
    // A frame that comes after its successor was missing for that moment; heartbeats are missed one by one.
    let missing = told.iter().filter_map(|event| match &event.body {
        EventBody::Gap { symbol: None, missing } => Some(*missing),
        _ => None,
    });
    assert_eq!(missing.collect::<Vec<_>>(), [5, 1, 1, 1], "every loss, and no other");
    let of_eth = |body: &EventBody| body.symbol() == Some(&symbol("ETH-USD"));
    assert_eq!(about(&|body| matches!(body, EventBody::Stale { .. }) && of_eth(body)), 1);
    assert_eq!(about(&|body| matches!(body, EventBody::Recovered { .. }) && of_eth(body)), 1);
    assert_eq!(about(&|body| matches!(body, EventBody::Stale { .. }) && !of_eth(body)), 0);
    assert_eq!(about(&|body| matches!(body, EventBody::Revised { .. })), 1);
    assert_eq!(about(&|body| matches!(body, EventBody::Disconnected { .. })), 4);
    assert_eq!(about(&|body| *body == EventBody::Connected), 4);
    // Trades can be missing only where something was lost or a connection was away.
    let mut excused = false;
    for event in &told {
        match &event.body {
            EventBody::Gap { symbol: None, .. } | EventBody::Connected => excused = true,
            EventBody::Gap { symbol: Some(_), missing: 1.. } => assert!(excused, "{event:?}"),
            _ => {}
        }
    }
    let closed: Vec<_> = told
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Candle { symbol, candle } if candle.is_final() => Some((symbol.clone(), *candle)),
            _ => None,
        })
        .collect();
    assert!(closed.len() >= 8, "{}", closed.len());
    for (symbol, candle) in closed {
        let (from, to) = (candle.open_time(), candle.close_time());
        let truth = server.truth_candles(&symbol, Timeframe::M5, from, to);
        assert_eq!(truth[0].ohlcv(), candle.ohlcv(), "{symbol} {from}");
    }
}
