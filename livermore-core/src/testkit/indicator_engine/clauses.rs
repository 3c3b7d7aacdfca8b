use super::material::{BARS, Fresh, bits, candle, grown, no_trade, shown, symbol, update, walk};
use crate::{
    ids::Timeframe,
    indicator::Reading,
    market::{Candle, Finality, Ohlcv},
};

/// A series begins with the first candle given for its symbol and timeframe.
pub fn a_series_begins_with_its_first_candle(fresh: Fresh<'_>) {
    let (mut engine, btc, candles) = (fresh(), symbol("BTC-USD"), walk(1, Timeframe::M5));
    assert_eq!((engine.series(), engine.latest(&btc, Timeframe::M5)), (vec![], None), "before the first candle");
    let first = &candles[17]; // any moment is a beginning
    let reading = update(&mut *engine, &btc, first);
    assert_eq!((reading.time, reading.timeframe), (first.open_time(), first.timeframe()));
    assert_eq!((reading.close, reading.synthetic), (first.close(), first.is_synthetic()));
    assert_eq!(engine.series(), [(btc, Timeframe::M5)]);
}

/// Series do not affect each other.
pub fn series_do_not_affect_each_other(fresh: Fresh<'_>) {
    let mut together = fresh();
    let mut alone = Vec::new();
    for name in ["BTC-USD", "ETH-USD"].map(symbol) {
        for timeframe in [Timeframe::M1, Timeframe::H1] {
            let candles = walk(2 + alone.len() as u64, timeframe);
            alone.push((name.clone(), candles, fresh()));
        }
    }
    for bar in 0..BARS {
        for (name, candles, alone) in &mut alone {
            let among = update(&mut *together, name, &candles[bar]);
            assert_eq!(bits(&among), bits(&update(&mut **alone, name, &candles[bar])), "{name} among others and alone");
        }
    }
}

/// Every series is listed, ordered by symbol and timeframe.
pub fn series_are_listed_in_order(fresh: Fresh<'_>) {
    let mut engine = fresh();
    let mut expected = Vec::new();
    for name in ["SOL-USD", "BTC-USD", "ETH-USD"].map(symbol) {
        for timeframe in [Timeframe::D1, Timeframe::M1, Timeframe::H4] {
            update(&mut *engine, &name, &walk(3, timeframe)[0]);
            expected.push((name.clone(), timeframe));
        }
    }
    expected.sort();
    assert_eq!(engine.series(), expected);
}

/// Only final candles change a series. A forming one is refused by `update`.
pub fn a_forming_candle_is_refused(fresh: Fresh<'_>) {
    refused_then_right(fresh, |candles, next| candles[next].with_finality(Finality::Forming));
    let (mut engine, candles) = (fresh(), walk(4, Timeframe::M1));
    let forming = candles[0].with_finality(Finality::Forming);
    assert!(engine.update(&symbol("BTC-USD"), &forming).is_err(), "a series began with a forming candle");
    assert_eq!(engine.series(), [], "a refused candle began a series");
    update(&mut *engine, &symbol("BTC-USD"), &candles[0].with_finality(Finality::Verified));
}

/// A candle that repeats is refused, and the series is unchanged.
pub fn a_repeated_candle_is_refused(fresh: Fresh<'_>) {
    refused_then_right(fresh, |candles, next| candles[next - 1]);
}

/// A candle that comes out of order is refused, and the series is unchanged.
pub fn a_candle_out_of_order_is_refused(fresh: Fresh<'_>) {
    refused_then_right(fresh, |candles, next| candles[next - 2]);
}

/// A candle that leaves out a bucket is refused, and the series is unchanged.
pub fn a_candle_after_a_hole_is_refused(fresh: Fresh<'_>) {
    refused_then_right(fresh, |candles, next| candles[next + 1]);
}

/// Gives a wrong candle at several places of a series; after each the right one is answered as if nothing had been.
fn refused_then_right(fresh: Fresh<'_>, wrong: impl Fn(&[Candle], usize) -> Candle) {
    let (btc, candles) = (symbol("BTC-USD"), walk(5, Timeframe::M1));
    let (mut engine, mut undisturbed) = (fresh(), fresh());
    for (next, candle) in candles.iter().enumerate().take(BARS - 1) {
        if next > 0 && next.is_multiple_of(13) {
            let (wrong, before) = (wrong(&candles, next), shown(&*engine));
            let answer = engine.update(&btc, &wrong);
            assert!(answer.is_err(), "{wrong:?} was taken where {candle:?} was due");
            assert_eq!(shown(&*engine), before, "refusing {wrong:?} changed the engine");
        }
        let (answer, expected) = (update(&mut *engine, &btc, candle), update(&mut *undisturbed, &btc, candle));
        assert_eq!(bits(&answer), bits(&expected), "after a refusal");
    }
}

/// `peek` changes nothing.
pub fn peek_changes_nothing(fresh: Fresh<'_>) {
    let (btc, candles) = (symbol("BTC-USD"), walk(6, Timeframe::M1));
    let (mut engine, mut unpeeked) = (fresh(), fresh());
    for candle in &candles {
        let before = shown(&*engine);
        for finality in [Finality::Forming, Finality::Closed] {
            let peeked = engine.peek(&btc, &candle.with_finality(finality));
            assert!(peeked.is_ok(), "{finality:?} {candle:?}: {peeked:?}");
        }
        assert_eq!(shown(&*engine), before, "peeking changed the engine");
        let (answer, expected) = (update(&mut *engine, &btc, candle), update(&mut *unpeeked, &btc, candle));
        assert_eq!(bits(&answer), bits(&expected), "after peeking");
    }
}

/// Peeking at a candle gives what updating with it would, were it final as it stands.
pub fn peek_gives_what_update_would(fresh: Fresh<'_>) {
    let (mut engine, btc, candles) = (fresh(), symbol("BTC-USD"), walk(7, Timeframe::M1));
    for (index, candle) in candles.iter().enumerate() {
        let peeked = engine.peek(&btc, &candle.with_finality(Finality::Forming));
        let peeked = peeked.unwrap_or_else(|error| panic!("peeking at {candle:?}: {error}"));
        assert_eq!(bits(&peeked), bits(&update(&mut *engine, &btc, candle)), "bar {index}");
    }
    for wrong in [&candles[BARS - 1], &candles[BARS - 2]] {
        assert!(engine.peek(&btc, wrong).is_err(), "update refuses {wrong:?}, peek does not");
    }
}

/// `latest` is the answer of the last successful update.
pub fn latest_is_the_last_answer(fresh: Fresh<'_>) {
    let (mut engine, btc, candles) = (fresh(), symbol("BTC-USD"), walk(8, Timeframe::M1));
    for candle in &candles {
        let answer = update(&mut *engine, &btc, candle);
        engine.update(&btc, candle).expect_err("the same candle again");
        let latest = engine.latest(&btc, Timeframe::M1);
        assert_eq!(latest.as_ref().map(bits), Some(bits(&answer)));
    }
    assert_eq!(engine.latest(&btc, Timeframe::M5), None, "another timeframe");
    assert_eq!(engine.latest(&symbol("ETH-USD"), Timeframe::M1), None, "another symbol");
}

/// No value is NaN or infinite; a missing one comes with its reason.
pub fn no_value_is_nan_or_infinite(fresh: Fresh<'_>) {
    let flat = |price: f64| Ohlcv { open: price, high: price, low: price, close: price, volume: 1.0 };
    let most = Candle::MAX_VALUE;
    let wild = |bar: usize| flat(if bar.is_multiple_of(2) { most } else { 0.0 });
    let tiny = |bar: usize| flat(if bar.is_multiple_of(2) { f64::MIN_POSITIVE } else { 0.0 });
    let markets: [(&str, &dyn Fn(usize) -> Candle); 6] = [
        ("at rest", &|bar| candle(Timeframe::M1, bar, flat(7.5))),
        ("worth nothing", &|bar| candle(Timeframe::M1, bar, flat(0.0))),
        ("wild", &|bar| candle(Timeframe::M1, bar, wild(bar))),
        ("tiny", &|bar| candle(Timeframe::M1, bar, tiny(bar))),
        ("never traded", &|bar| no_trade(Timeframe::M1, bar, 7.5)),
        ("at rest, then wild", &|bar| candle(Timeframe::M1, bar, if bar < BARS / 2 { flat(7.5) } else { wild(bar) })),
    ];
    let btc = symbol("BTC-USD");
    for (market, candle) in markets {
        let mut engine = fresh();
        for bar in 0..BARS {
            let peeked = engine.peek(&btc, &candle(bar)).unwrap_or_else(|error| panic!("{market}, bar {bar}: {error}"));
            check_values(market, &peeked);
            check_values(market, &update(&mut *engine, &btc, &candle(bar)));
        }
    }
    let mut engine = fresh();
    for candle in walk(9, Timeframe::M1) {
        check_values("that walks", &update(&mut *engine, &btc, &candle));
    }
}

fn check_values(market: &str, reading: &Reading) {
    let point = &reading.point;
    let values = [point.macd_v(), point.signal(), point.histogram(), point.atr(), point.fast_ema(), point.slow_ema()];
    let is_real = |value: &Option<f64>| value.is_none_or(f64::is_finite);
    assert!(values.iter().all(is_real) && reading.close.is_finite(), "a market {market}: {reading:?}");
    let is_missing = point.macd_v().is_none() || point.signal().is_none();
    assert_eq!(point.not_ready().is_some(), is_missing, "a market {market}: {reading:?}");
    assert_eq!(point.stage().is_some(), !is_missing, "a market {market}: {reading:?}");
}

/// `forget` ends a series: the next candle for it begins a new one.
pub fn forget_ends_a_series(fresh: Fresh<'_>) {
    let (btc, eth, candles) = (symbol("BTC-USD"), symbol("ETH-USD"), walk(10, Timeframe::M1));
    let mut engine = grown(fresh, &btc, &candles);
    for candle in &candles[..40] {
        update(&mut *engine, &eth, candle);
    }
    assert!(engine.forget(&btc, Timeframe::M1), "there was a series");
    assert!(!engine.forget(&btc, Timeframe::M1), "there is none any more");
    assert!(!engine.forget(&eth, Timeframe::M5), "there never was one");
    assert_eq!(engine.series(), [(eth.clone(), Timeframe::M1)]);
    assert_eq!(engine.latest(&btc, Timeframe::M1), None);
    let mut new = fresh();
    for candle in &candles {
        let (answer, expected) = (update(&mut *engine, &btc, candle), update(&mut *new, &btc, candle));
        assert_eq!(bits(&answer), bits(&expected), "a series after a forgotten one");
    }
    update(&mut *engine, &eth, &candles[40]); // the other series goes on
}
