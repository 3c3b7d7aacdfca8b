//! What was traded: one truth, told live and as history.

use std::collections::BTreeMap;

use livermore_core::{
    exchange::{CandleRequest, ExchangeError},
    market::Ohlcv,
};

use super::*;

async fn history(simulator: &Simulator, name: &str, timeframe: Timeframe, from: i64, to: i64) -> Vec<Candle> {
    let (from, to) = (minutes_after_start(from), minutes_after_start(to));
    simulator.candles(CandleRequest { symbol: symbol(name), timeframe, from, to }).await.unwrap()
}

#[tokio::test]
async fn live_candles_are_the_history() {
    let simulator = simulator(config(3));
    let events = hear_minutes(&simulator, everything(), 90).await;
    for name in SYMBOLS {
        let live: Vec<_> = closed_candles(&events, name).map(|candle| (candle.open_time(), candle.ohlcv())).collect();
        let history = history(&simulator, name, Timeframe::M1, 0, 90).await;
        let history: Vec<_> = history.iter().map(|candle| (candle.open_time(), candle.ohlcv())).collect();
        assert_eq!(live, history, "{name}");
        assert!(live.len() > 60, "{name} was traded in {} of 90 minutes", live.len());
    }
}

/// Trades make the bars: open first, high, low, close last, volume summed; forming bars are the trades so far.
#[tokio::test]
async fn bars_are_made_of_trades() {
    let events = hear_minutes(&simulator(config(4)), everything(), 20).await;
    let mut trades: BTreeMap<(Symbol, Timestamp), Vec<(f64, f64)>> = BTreeMap::new();
    for event in &events {
        match &event.body {
            EventBody::Trade { symbol, trade } => {
                let minute = Timeframe::M1.floor(trade.time);
                trades.entry((symbol.clone(), minute)).or_default().push((trade.price, trade.size));
            }
            EventBody::Candle { symbol, candle } => {
                let trades = &trades[&(symbol.clone(), candle.open_time())];
                let prices = || trades.iter().map(|(price, _)| *price);
                assert_eq!(Some(candle.open()), prices().next());
                assert_eq!(Some(candle.close()), prices().next_back());
                assert_eq!(Some(candle.high()), prices().reduce(f64::max));
                assert_eq!(Some(candle.low()), prices().reduce(f64::min));
                // Sizes are whole ten-thousandths; their sum as numbers is not exact.
                let volume: f64 = trades.iter().map(|(_, size)| size).sum();
                assert!((candle.volume() - volume).abs() < 1e-6, "{candle:?}: {volume}");
            }
            _ => {}
        }
    }
}

/// Longer candles are those that follow from the minutes, and only of buckets that are wholly inside the history.
#[tokio::test]
async fn longer_candles_follow_from_the_minutes() {
    let (begin, end) = (-1_600, 130);
    let simulator = simulator(config(8));
    hear_minutes(&simulator, candles_only(), end).await;
    for name in SYMBOLS {
        let minutes = history(&simulator, name, Timeframe::M1, begin, end).await;
        for timeframe in Timeframe::ALL {
            let served = history(&simulator, name, timeframe, begin, end).await;
            let expected = aggregated(&minutes, timeframe, minutes_after_start(begin), minutes_after_start(end));
            let found: Vec<_> = served.iter().map(|candle| (candle.open_time(), candle.ohlcv())).collect();
            assert_eq!(found, expected, "{name} {timeframe}");
            // The same when each bucket is asked for alone.
            for candle in &served {
                let (from, to) = (candle.open_time(), candle.close_time());
                let request = CandleRequest { symbol: symbol(name), timeframe, from, to };
                assert_eq!(simulator.candles(request).await.unwrap(), [*candle], "{name}");
            }
        }
    }
}

fn aggregated(minutes: &[Candle], timeframe: Timeframe, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Ohlcv)> {
    let mut buckets: BTreeMap<Timestamp, Vec<Ohlcv>> = BTreeMap::new();
    for minute in minutes {
        buckets.entry(timeframe.floor(minute.open_time())).or_default().push(minute.ohlcv());
    }
    let is_whole = |start: &Timestamp| *start >= from && start.checked_add_millis(timeframe.millis()).unwrap() <= to;
    let bar = |minutes: Vec<Ohlcv>| Ohlcv {
        open: minutes[0].open,
        high: minutes.iter().map(|minute| minute.high).fold(0.0, f64::max),
        low: minutes.iter().map(|minute| minute.low).fold(f64::INFINITY, f64::min),
        close: minutes[minutes.len() - 1].close,
        volume: minutes.iter().map(|minute| minute.volume).sum(),
    };
    buckets.into_iter().filter(|(start, _)| is_whole(start)).map(|(start, minutes)| (start, bar(minutes))).collect()
}

#[tokio::test]
async fn what_has_left_the_history_leaves_no_half_candle() {
    let longest = SimulatorConfig::MAX_HISTORY_MINUTES;
    let simulator = simulator(config(1).with_history_minutes(longest));
    let begin = -i64::from(longest);
    let first_hour = |minutes: i64| minutes_after_start((begin + minutes).div_euclid(60) * 60 + 60);
    for (after, name) in [(0, "BTC-USD"), (90, "BTC-USD")] {
        hear_minutes(&simulator, candles_only(), after).await;
        let hours = history(&simulator, name, Timeframe::H1, begin, begin + 600).await;
        assert_eq!(hours[0].open_time(), first_hour(after), "{after} minutes after the start");
    }
}

#[tokio::test]
async fn every_candle_is_valid_and_every_price_positive() {
    for seed in 0..12 {
        let events = hear_minutes(&simulator(config(seed)), everything(), 60).await;
        for event in &events {
            match &event.body {
                EventBody::Candle { candle, .. } => {
                    let (ohlcv, time) = (candle.ohlcv(), candle.open_time());
                    let checked = Candle::new(Timeframe::M1, time, ohlcv, candle.finality(), candle.source());
                    assert_eq!(checked.as_ref(), Ok(candle), "seed {seed}");
                    assert!(ohlcv.low > 0.0 && ohlcv.volume > 0.0, "seed {seed}: {candle:?}");
                }
                EventBody::Trade { trade, .. } => assert!(trade.price > 0.0 && trade.size > 0.0, "{trade:?}"),
                EventBody::Ticker { ticker, .. } => {
                    let (bid, ask) = (ticker.bid.unwrap(), ticker.ask.unwrap());
                    assert!(0.0 < bid && bid < ticker.price && ticker.price < ask, "{ticker:?}");
                    assert!(ticker.change_24h_percent.is_none_or(f64::is_finite), "{ticker:?}");
                }
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn products_have_their_character() {
    for seed in 0..5 {
        let simulator = simulator(config(seed));
        for name in SYMBOLS {
            let minutes = history(&simulator, name, Timeframe::M1, -1_600, 0).await;
            let quiet = 1_600 - minutes.len();
            if name == THIN {
                assert!((100..300).contains(&quiet), "seed {seed}: {name} is quiet in {quiet} of 1,600 minutes");
            } else {
                assert_eq!(quiet, 0, "seed {seed}: {name}");
            }
            if name == PEGGED {
                assert!(minutes.iter().all(|candle| candle.close() == 1.0), "seed {seed}: off its peg");
                assert!(minutes.iter().any(|candle| candle.high() > 1.0), "seed {seed}: nothing happens");
            }
        }
        let products = simulator.products().await.unwrap();
        assert!(products.is_sorted_by(|a, b| a.quote_volume_24h >= b.quote_volume_24h), "{products:?}");
        assert_eq!(products.len(), SYMBOLS.len());
        assert!(products.iter().all(|product| product.price_increment > 0.0), "{products:?}");
    }
}

#[test]
fn configurations_that_make_no_market_are_refused() {
    let refused = |config: SimulatorConfig| match Simulator::new(config) {
        Err(ExchangeError::InvalidRequest { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    };
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, 1e9] {
        let reason = refused(config(1).with_speed(Some(speed)));
        assert!(reason.contains("speed") && reason.contains("from 0.001 to 2592000"), "{reason}");
    }
    assert!(refused(config(1).with_history_minutes(50_001)).contains("50001 minutes of history are over 50000"));
    let mut late = config(1);
    late.start = Timestamp::MAX;
    assert!(refused(late).contains("is after 3000-01-01T00:00:00Z"));
}

/// A market that begins before 1970 has the history that fits, and an uneven start is that of its minute.
#[tokio::test]
async fn unusual_starts() {
    let mut config = config(1);
    config.start = Timestamp::from_secs(3_601).unwrap();
    let simulator = Simulator::new(config).unwrap();
    let (from, to) = (Timestamp::EPOCH, Timestamp::from_secs(7_200).unwrap());
    let request = CandleRequest { symbol: symbol("BTC-USD"), timeframe: Timeframe::M1, from, to };
    assert_eq!(simulator.candles(request).await.unwrap().len(), 60);
    let first = hear(&simulator, everything(), 1).await;
    assert_eq!(first[0].time, Timestamp::from_secs(3_600).unwrap());
}
