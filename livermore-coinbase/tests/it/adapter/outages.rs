//! Connections that live and say nothing, or too little.

use livermore_coinbase::{
    Coinbase, CoinbaseConfig,
    fake::{Channel, Fault, FaultScript, Keep, Target, When},
};
use livermore_core::{
    exchange::{CandleRequest, EventBody, ExchangeAdapter},
    ids::Timeframe,
    market::Candle,
};

use super::{config, everything, fast, impatient, is_about_the_feed, is_closed, is_connected, symbol, until};

#[tokio::test]
async fn case_74_case_75_a_silent_connection_is_replaced_whatever_pings_it_sends() {
    for fault in [
        Fault::HalfOpen(Target::All),
        Fault::Silence { target: Target::All, keep: Keep::Nothing, for_ms: 600_000 },
        Fault::Silence { target: Target::All, keep: Keep::Pings, for_ms: 600_000 },
    ] {
        let server = fast(60.0).start().await.unwrap();
        let config = CoinbaseConfig { silence_ms: 2_000, ..config(&server) };
        let coinbase = Coinbase::with_supervisor(&config, impatient()).unwrap();
        let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
        until(&mut events, |body| matches!(body, EventBody::Ticker { .. })).await;
        server.inject(fault.clone());
        let read = until(&mut events, is_connected).await;
        let told: Vec<_> = read.iter().map(|event| &event.body).filter(|body| is_about_the_feed(body)).collect();
        let [EventBody::Disconnected { reason }, EventBody::Reconnecting { .. }, EventBody::Connected] = &told[..]
        else {
            panic!("{fault:?}: {told:?}");
        };
        assert!(reason.contains("no message"), "{fault:?}: {reason}");
    }
}

#[tokio::test]
async fn case_76_lost_messages_and_heartbeats_are_told_and_counted() {
    let server = fast(60.0).start().await.unwrap();
    let coinbase = super::adapter(&server);
    let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
    until(&mut events, |body| matches!(body, EventBody::Ticker { .. })).await;
    server.inject(Fault::LoseFrames { target: Target::All, frames: 7 });
    let read = until(&mut events, |body| matches!(body, EventBody::Gap { symbol: None, .. })).await;
    assert!(matches!(read.last().unwrap().body, EventBody::Gap { missing: 7, .. }), "{:?}", read.last());
    server.inject(Fault::SkipHeartbeats { target: Target::All, beats: 2 });
    until(&mut events, |body| matches!(body, EventBody::Gap { symbol: None, missing: 2 })).await;
    let counts = events.status().await.unwrap().counts;
    assert_eq!((counts.gaps, counts.missing, counts.connects), (2, 9, 1));
    assert!(counts.resubscriptions >= 1, "{counts:?}");
}

/// The exchange's clock was measured once and runs away from this machine's, and its heartbeats are lost: only what the
/// feed tells says how late it is.
#[tokio::test]
async fn what_the_feed_has_closed_is_in_history_at_once() {
    let server = fast(600.0).start().await.unwrap();
    let coinbase = super::adapter(&server);
    let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
    until(&mut events, is_connected).await;
    server.inject(Fault::SkipHeartbeats { target: Target::All, beats: 1_000_000 });
    for _ in 0..5 {
        let read = until(&mut events, is_closed).await;
        let EventBody::Candle { symbol, candle } = &read.last().unwrap().body else { panic!("{read:?}") };
        let (from, to) = (candle.open_time(), candle.close_time());
        let request = CandleRequest { symbol: symbol.clone(), timeframe: Timeframe::M5, from, to };
        let history = coinbase.candles(request).await.unwrap();
        assert_eq!(history.iter().map(Candle::ohlcv).collect::<Vec<_>>(), [candle.ohlcv()]);
    }
}

/// What is told while nothing is heard has a time, too: a reader who asks for the history before it must not find that
/// history takes it for the future, and leaves it out.
#[tokio::test]
async fn what_is_told_in_an_outage_is_past_for_history_too() {
    let server = fast(600.0).start().await.unwrap();
    let coinbase = Coinbase::with_supervisor(&config(&server), impatient()).unwrap();
    let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
    until(&mut events, is_closed).await;
    drop(server);
    let mut since = None;
    loop {
        let read = until(&mut events, |body| matches!(body, EventBody::Reconnecting { .. })).await;
        let told = read.last().unwrap().time;
        let (clock, second) = (coinbase.rest().clock().surely(), told.as_millis().div_euclid(1_000));
        assert!(clock.as_millis().div_euclid(1_000) >= second, "told at {told}, and it is {clock}");
        if told.millis_since(*since.get_or_insert(told)) >= 2_000 {
            return;
        }
    }
}

#[tokio::test]
async fn heartbeats_do_not_hide_a_product_that_has_gone_silent() {
    let server = fast(60.0).start().await.unwrap();
    let coinbase = super::adapter(&server);
    let mut events = coinbase.feed(everything(&["BTC-USD", "ETH-USD"])).await.unwrap();
    until(&mut events, is_closed).await;
    let stall = |channel, for_ms| Fault::Stall { target: Target::All, symbol: symbol("ETH-USD"), channel, for_ms };
    server.inject(stall(Some(Channel::Candles), 33_000));
    let told = |body: &EventBody| matches!(body, EventBody::Stale { symbol, .. } | EventBody::Recovered { symbol } if symbol.as_str() == "ETH-USD");
    let read = until(&mut events, told).await;
    let others = read.iter().filter(|event| is_about_the_feed(&event.body)).count();
    assert_eq!(others, 1, "nothing else is wrong: {read:?}");
    assert!(matches!(read.last().unwrap().body, EventBody::Stale { .. }), "{:?}", read.last());
    let read = until(&mut events, told).await;
    assert!(matches!(read.last().unwrap().body, EventBody::Recovered { .. }), "{:?}", read.last());
}

#[tokio::test]
async fn case_82_case_83_a_correction_after_the_close_is_told_as_one() {
    let server = fast(300.0).start().await.unwrap();
    let coinbase = super::adapter(&server);
    let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
    until(&mut events, is_closed).await;
    server.inject(Fault::Duplicate(Target::All));
    server.inject(Fault::LateCorrection { target: Target::All, symbol: symbol("BTC-USD") });
    let read = until(&mut events, |body| matches!(body, EventBody::Revised { .. })).await;
    let more = until(&mut events, is_closed).await;
    let closes: Vec<_> = read.iter().chain(&more).filter(|event| is_closed(&event.body)).collect();
    let mut opens: Vec<_> = closes
        .iter()
        .filter_map(
            |event| if let EventBody::Candle { candle, .. } = &event.body { Some(candle.open_time()) } else { None },
        )
        .collect();
    let count = opens.len();
    opens.dedup();
    assert_eq!(opens.len(), count, "no bucket closes twice: {closes:?}");
}

#[tokio::test]
async fn a_script_of_faults_is_told_fault_by_fault() {
    let target = Target::All;
    let script = FaultScript::new()
        .at(When::Frame(40), Fault::LoseFrames { target, frames: 4 })
        .at(When::Frame(60), Fault::Duplicate(target))
        .at(When::Frame(80), Fault::Close { target, code: 1_001, reason: String::new() })
        .at(When::Frame(140), Fault::Vanish(target));
    let server = fast(60.0).faults(script).start().await.unwrap();
    let coinbase = Coinbase::with_supervisor(&config(&server), impatient()).unwrap();
    let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
    let mut told = Vec::new();
    while told.iter().filter(|body| is_connected(body)).count() < 3 {
        let read = until(&mut events, is_about_the_feed).await;
        told.push(read.into_iter().last().unwrap().body);
    }
    let told: Vec<_> = told.iter().filter(|body| !matches!(body, EventBody::Reconnecting { .. })).collect();
    let trades_missed = |body: &EventBody| matches!(body, EventBody::Gap { symbol: Some(_), .. });
    let told: Vec<_> = told.into_iter().filter(|body| !trades_missed(body)).collect();
    assert!(
        matches!(
            told[..],
            [
                EventBody::Connected,
                EventBody::Gap { symbol: None, missing: 4 },
                EventBody::Disconnected { .. },
                EventBody::Connected,
                EventBody::Disconnected { .. },
                EventBody::Connected
            ]
        ),
        "{told:?}"
    );
}
