//! Many broken connections.

use std::{collections::BTreeMap, time::Duration};

use futures_util::StreamExt;
use livermore_coinbase::{
    Coinbase,
    fake::{Fault, Target},
};
use livermore_core::{
    exchange::{CandleRequest, EventBody, ExchangeAdapter},
    ids::Timeframe,
    market::Candle,
};
use tokio::time::{Instant, timeout};

use super::{PATIENCE, config, everything, fast, impatient, symbol};

#[tokio::test]
async fn case_79_a_hundred_drops_keep_to_the_connection_limit_and_lose_no_candle() {
    let server = fast(120.0).start().await.unwrap();
    let coinbase = Coinbase::with_supervisor(&config(&server), impatient()).unwrap();
    let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
    let begin = Timeframe::M5.floor(server.now()).checked_add_millis(Timeframe::M5.millis()).unwrap();
    let (mut drops, mut series) = (0, BTreeMap::<_, Candle>::new());
    let begun = Instant::now();
    while drops < 100 || series.len() < 3 {
        let event = timeout(PATIENCE, events.next()).await.unwrap().unwrap();
        match event.body {
            EventBody::Connected if drops < 100 => {
                drops += 1;
                let target = Target::All;
                server.inject(match drops % 3 {
                    0 => Fault::Reset(target),
                    1 => Fault::Vanish(target),
                    _ => Fault::Close { target, code: 1_006 - drops % 6, reason: String::new() },
                });
            }
            EventBody::Candle { candle, .. } if candle.is_final() => {
                assert!(series.insert(candle.open_time(), candle).is_none(), "{candle:?} closed twice");
            }
            _ => {}
        }
        assert!(begun.elapsed() < Duration::from_mins(3), "{drops} drops");
    }
    let most = server.stats().most_connections_in_a_second;
    assert!(most <= 8, "{most} connections in a second");
    // What was not proven complete is asked for.
    let end = *series.keys().last().unwrap();
    let request = CandleRequest { symbol: symbol("BTC-USD"), timeframe: Timeframe::M5, from: begin, to: end };
    for candle in coinbase.candles(request).await.unwrap() {
        let live = series.entry(candle.open_time()).or_insert(candle);
        assert_eq!(live.ohlcv(), candle.ohlcv(), "a closed candle is what history says");
    }
    let truth = server.truth_candles(&symbol("BTC-USD"), Timeframe::M5, begin, end);
    let series: Vec<_> = series.range(begin..end).map(|(time, candle)| (*time, candle.ohlcv())).collect();
    assert_eq!(series, truth.iter().map(|candle| (candle.open_time(), candle.ohlcv())).collect::<Vec<_>>());
}
