//! Laws that hold for every series of bars.

use livermore_core::{
    ids::{Symbol, Timeframe, Timestamp},
    indicator::{
        AtrSeed, BankBars, Bar, IndicatorEngine, MacdV, MacdVBank, MacdVConfig, MacdVEngine, MacdVPoint, MacdVSeries,
        macd_v_batch,
    },
    market::{Candle, CandleSource, DEFAULT_MAX_FILL, Finality, NoTradeFill, Ohlcv},
};
use proptest::prelude::*;

/// Bars of very different size, with flat stretches and quiet bars.
fn bars(max: usize) -> impl Strategy<Value = Vec<Bar>> {
    let price = prop_oneof![4 => 90.0..110.0_f64, 1 => Just(100.0), 1 => 0.0..1e18_f64, 1 => Just(0.0)];
    let bar = (price, 0.0..2.0_f64, 0.0..1.0_f64, prop::bool::weighted(0.8)).prop_map(|(close, up, down, traded)| {
        if !traded {
            return Bar::no_trade(close).unwrap();
        }
        let high = (close + up).min(Candle::MAX_VALUE);
        Bar::new(high, (close - down).max(0.0), close).unwrap()
    });
    // Half of the series begin flat, so that an undefined MACD-V turns up too.
    (prop::collection::vec(bar, 0..max), 0..40_usize, any::<bool>()).prop_map(|(mut bars, flat, begin_flat)| {
        if begin_flat {
            bars.splice(0..0, std::iter::repeat_n(Bar::new(7.0, 7.0, 7.0).unwrap(), flat));
        }
        bars
    })
}

fn configs() -> impl Strategy<Value = MacdVConfig> {
    let seed = prop_oneof![Just(AtrSeed::FirstRange), Just(AtrSeed::TaLib)];
    (1..8_u32, 1..20_u32, 1..30_u32, 1..12_u32, seed).prop_map(|(fast, more, atr, signal, seed)| {
        MacdVConfig::default().with_emas(fast, fast + more).with_atr(atr).with_signal(signal).with_atr_seed(seed)
    })
}

/// Every value as bits, so that equality means equality.
fn bits(point: &MacdVPoint) -> impl PartialEq + std::fmt::Debug + use<> {
    let values = [point.fast_ema(), point.slow_ema(), point.atr(), point.macd_v(), point.signal(), point.histogram()];
    (values.map(|value| value.map(f64::to_bits)), point.not_ready())
}

fn stream(config: MacdVConfig, bars: &[Bar]) -> Vec<MacdVPoint> {
    let mut macd_v = MacdV::new(config).unwrap();
    bars.iter().map(|bar| *macd_v.update(bar)).collect()
}

proptest! {
    #[test]
    fn nothing_is_ever_nan_or_infinite(config in configs(), bars in bars(120)) {
        for point in stream(config, &bars) {
            let values = [point.fast_ema(), point.slow_ema(), point.atr(), point.macd_v(), point.signal()];
            prop_assert!(values.iter().flatten().all(|value| value.is_finite()), "{point:?}");
            prop_assert_eq!(point.is_ready(), point.macd_v().is_some() && point.signal().is_some());
            prop_assert_eq!(point.stage().is_some(), point.is_ready());
            prop_assert!(point.macd_v().is_some() || point.signal().is_none(), "{point:?}");
        }
    }

    #[test]
    fn batch_equals_stream(config in configs(), bars in bars(150)) {
        let batch = macd_v_batch(config, &bars).unwrap();
        let stream = stream(config, &bars);
        prop_assert_eq!(batch.iter().map(bits).collect::<Vec<_>>(), stream.iter().map(bits).collect::<Vec<_>>());
    }

    #[test]
    fn a_restored_snapshot_goes_on_as_if_nothing_happened(
        config in configs(), bars in bars(150), cut in any::<prop::sample::Index>(),
    ) {
        let whole = stream(config, &bars);
        let cut = cut.index(bars.len() + 1);
        let mut first = MacdV::new(config).unwrap();
        bars[..cut].iter().for_each(|bar| { first.update(bar); });
        // Through JSON text, as it would be stored.
        let stored = serde_json::to_string(&first.snapshot()).unwrap();
        let mut restored = MacdV::restore(&serde_json::from_str(&stored).unwrap()).unwrap();
        prop_assert_eq!(bits(restored.latest()), bits(first.latest()));
        for (bar, expected) in bars[cut..].iter().zip(&whole[cut..]) {
            prop_assert_eq!(bits(restored.update(bar)), bits(expected));
        }
    }

    #[test]
    fn peek_tells_what_update_will_say_and_changes_nothing(
        config in configs(), bars in bars(150), forming in bars(5),
    ) {
        let mut macd_v = MacdV::new(config).unwrap();
        for bar in &bars {
            let before = macd_v.snapshot();
            forming.iter().for_each(|forming| { macd_v.peek(forming); });
            let peeked = macd_v.peek(bar);
            prop_assert_eq!(macd_v.snapshot(), before);
            prop_assert_eq!(bits(&peeked), bits(macd_v.update(bar)));
        }
    }

    #[test]
    fn a_bank_lane_equals_a_single_indicator(
        config in configs(), lanes in prop::collection::vec(bars(100), 1..6), warm in 0..60_usize,
    ) {
        let steps = lanes.iter().map(Vec::len).min().unwrap();
        let mut singles: Vec<_> = lanes.iter().map(|_| MacdV::new(config).unwrap()).collect();
        let mut bank = MacdVBank::new(config, lanes.len()).unwrap();
        // One lane joins with history behind it.
        lanes[0].iter().take(warm.min(steps)).for_each(|bar| { singles[0].update(bar); });
        bank.replace(0, singles[0]).unwrap();
        let mut columns = BankBars::new(lanes.len());
        for step in 0..steps {
            for (lane, (single, bars)) in singles.iter_mut().zip(&lanes).enumerate() {
                prop_assert!(columns.set(lane, &bars[step]));
                single.update(&bars[step]);
            }
            bank.step(&columns);
            for (lane, single) in singles.iter().enumerate() {
                prop_assert_eq!(bits(&bank.point(lane).unwrap()), bits(single.latest()));
            }
        }
        prop_assert_eq!(bank.point(lanes.len()), None);
    }

    #[test]
    fn a_broken_snapshot_is_refused_or_runs_without_nonsense(
        bars in bars(60), key in 0..30_usize, value in prop::sample::select(NONSENSE),
    ) {
        let mut macd_v = MacdV::new(MacdVConfig::default()).unwrap();
        bars.iter().for_each(|bar| { macd_v.update(bar); });
        let mut document = serde_json::to_value(macd_v.snapshot()).unwrap();
        let pointers = pointers(&document, "");
        let pointer = &pointers[key % pointers.len()];
        *document.pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
        let Ok(snapshot) = serde_json::from_value(document) else { return Ok(()) };
        let Ok(mut restored) = MacdV::restore(&snapshot) else { return Ok(()) };
        for bar in &bars {
            let point = restored.update(bar);
            prop_assert!([point.macd_v(), point.signal()].iter().flatten().all(|value| value.is_finite()));
        }
    }
}

/// JSON values that do not belong into most fields of a snapshot.
const NONSENSE: &[&str] =
    &["null", "-1", "0", "1", "99999", "\"1e400\"", "\"1e300\"", "\"-0.0\"", "\"-1e18\"", "\"NaN\"", "\"x\"", "[]"];

fn pointers(value: &serde_json::Value, at: &str) -> Vec<String> {
    match value {
        serde_json::Value::Object(members) => {
            members.iter().flat_map(|(key, member)| pointers(member, &format!("{at}/{key}"))).collect()
        }
        _ => vec![at.to_owned()],
    }
}

fn minute(index: i64, close: f64) -> Candle {
    let ohlcv = Ohlcv { open: close, high: close + 1.0, low: close - 1.0, close, volume: 1.0 };
    let time = Timestamp::from_secs(1_522_800_000 + index * 60).unwrap();
    Candle::new(Timeframe::M1, time, ohlcv, Finality::Closed, CandleSource::Ws).unwrap()
}

#[test]
fn a_series_refuses_what_is_not_complete_and_final() {
    let mut series = MacdVSeries::new(Timeframe::M1, MacdVConfig::default()).unwrap();
    for index in 0..40 {
        series.update(&minute(index, 100.0 + f64::from(i32::try_from(index).unwrap()))).unwrap();
    }
    let before = series.snapshot();
    for (candle, reason) in [
        (minute(40, 100.0).with_finality(Finality::Forming), "still forming"),
        (minute(39, 100.0), "given twice"),
        (minute(12, 100.0), "ascending order"),
        (minute(43, 100.0), "3 candles are missing"),
        (Candle::no_trade(Timeframe::M5, minute(40, 1.0).open_time(), 1.0).unwrap(), "expected 1m candles"),
    ] {
        let message = series.update(&candle).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
        assert_eq!(series.snapshot(), before, "{reason}");
    }
    assert!(series.peek(&minute(40, 100.0).with_finality(Finality::Forming)).unwrap().is_ready());
    assert!(series.peek(&minute(41, 100.0)).is_err(), "a peek across a hole would be wrong too");
    series.update(&minute(40, 100.0)).unwrap();
}

#[test]
fn a_filled_hole_gives_what_explicit_quiet_candles_give() {
    let candles: Vec<_> = (0..80).filter(|index| index % 7 != 3).map(|index| minute(index, 50.0)).collect();
    let mut fill = NoTradeFill::new(Timeframe::M1, DEFAULT_MAX_FILL);
    let mut series = MacdVSeries::new(Timeframe::M1, MacdVConfig::default()).unwrap();
    let mut readings = 0;
    for candle in &candles {
        for candle in fill.push(candle).unwrap() {
            series.update(&candle).unwrap();
            readings += 1;
        }
    }
    assert_eq!(readings, 80);
    assert!(series.latest().unwrap().point.is_ready());
}

/// Far beyond anything a market does: a price that jumps between the limits of what is accepted.
#[test]
fn the_extremes_of_the_accepted_range_give_numbers_or_reasons() {
    let mut macd_v = MacdV::new(MacdVConfig::default()).unwrap();
    for index in 0..500 {
        let close = if index % 3 == 0 { Candle::MAX_VALUE } else { f64::MIN_POSITIVE };
        let point = *macd_v.update(&Bar::new(close, close, close).unwrap());
        assert!(point.macd_v().is_none_or(f64::is_finite));
    }
    assert!(macd_v.latest().is_ready());
}

#[test]
fn an_engine_state_of_many_series_survives_json() {
    let mut engine = MacdVEngine::new(MacdVConfig::default()).unwrap();
    let symbols = ["BTC-USD", "ETH-USD"].map(|name| Symbol::new(name).unwrap());
    for index in 0..50 {
        for (symbol, scale) in symbols.iter().zip([1.0, 0.1]) {
            engine
                .update(symbol, &minute(index, 100.0 * scale + f64::from(i32::try_from(index % 5).unwrap())))
                .unwrap();
        }
    }
    let stored = serde_json::to_string(&engine.snapshot()).unwrap();
    let mut other = MacdVEngine::new(MacdVConfig::default()).unwrap();
    other.restore(&serde_json::from_str(&stored).unwrap()).unwrap();
    assert_eq!(other.snapshot(), engine.snapshot());
    let mut with_other_periods = MacdVEngine::new(MacdVConfig::default().with_signal(5)).unwrap();
    let message = with_other_periods.restore(&engine.snapshot()).unwrap_err().to_string();
    assert!(message.contains("other parameters"), "{message}");
}
