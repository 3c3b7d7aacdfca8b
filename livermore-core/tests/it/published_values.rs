//! Values computed outside this code base from the published definition.

use livermore_core::indicator::{Bar, Ema, Macd, MacdV, MacdVConfig, MacdVPoint, NotReady};

fn close_to(value: Option<f64>, expected: f64) {
    let value = value.expect("a value");
    assert!((value - expected).abs() < 5e-9, "{value} is not {expected}");
}

/// Closes grow by `k` from 100 before the first bar, high and low are one percent off the close; every third bar is
/// without trades when `thin`.
fn run(bars: usize, k: f64, thin: bool) -> Vec<MacdVPoint> {
    let mut macd_v = MacdV::new(MacdVConfig::default()).unwrap();
    let mut close = 100.0;
    (0..bars)
        .map(|index| {
            if thin && index % 3 == 2 {
                return *macd_v.update(&Bar::no_trade(close).unwrap());
            }
            close *= k;
            *macd_v.update(&Bar::new(close * 1.01, close * 0.99, close).unwrap())
        })
        .collect()
}

fn first_value(points: &[MacdVPoint]) -> Option<usize> {
    points.iter().position(|point| point.macd_v().is_some())
}

#[test]
fn steady_rise() {
    let points = run(60, 1.005, false);
    assert_eq!(first_value(&points), Some(25));
    assert_eq!(points.iter().position(|point| point.signal().is_some()), Some(33));
    close_to(points[25].macd_v(), 176.148_625_16);
    close_to(points[33].signal(), 175.968_969_41);
    let last = points.last().unwrap();
    close_to(last.macd_v(), 177.584_670_02);
    close_to(last.signal(), 177.312_117_24);
    close_to(last.histogram(), 0.272_552_78);
    close_to(last.atr(), 2.429_788_33);
    close_to(last.fast_ema(), 131.292_426_37);
    close_to(last.slow_ema(), 126.977_494_77);
}

/// The ATR follows from the definition; a note in circulation gives 1.65702694, which contradicts its own MACD-V.
#[test]
fn steady_fall() {
    let points = run(60, 0.995, false);
    let last = points.last().unwrap();
    close_to(last.macd_v(), -171.820_791_22);
    close_to(last.signal(), -172.167_742_29);
    close_to(last.histogram(), 0.346_951_07);
    close_to(last.atr(), 1.657_027_94);
}

/// Quiet bars delay the ATR and leave its value where it was: the same as over the traded bars alone.
#[test]
fn every_third_bar_without_trades() {
    let points = run(90, 1.005, true);
    assert_eq!(first_value(&points), Some(37));
    let last = points.last().unwrap();
    close_to(last.macd_v(), 121.545_512_45);
    close_to(last.signal(), 121.485_941_80);
    close_to(last.atr(), 2.429_788_33);
}

#[test]
fn a_missing_value_says_why() {
    let points = run(90, 1.005, true);
    assert_eq!(points[0].not_ready(), Some(NotReady::WarmingUp { bars_needed: 25 }));
    // 26 bars were there, but only 18 of them traded.
    assert_eq!(points[25].not_ready(), Some(NotReady::LowTradingActivity { traded_bars_needed: 8 }));
    assert_eq!(points[37].not_ready(), Some(NotReady::SignalWarmingUp { bars_needed: 8 }));
    assert_eq!(points[45].not_ready(), None);
}

#[test]
fn a_market_that_does_not_move_has_no_macd_v() {
    let mut macd_v = MacdV::new(MacdVConfig::default()).unwrap();
    let flat = Bar::new(5.0, 5.0, 5.0).unwrap();
    for _ in 0..100 {
        macd_v.update(&flat);
    }
    assert_eq!(macd_v.latest().atr(), Some(0.0));
    assert_eq!(macd_v.latest().macd_v(), None);
    assert_eq!(macd_v.latest().not_ready(), Some(NotReady::ZeroRange));
    macd_v.update(&Bar::new(5.5, 5.0, 5.25).unwrap());
    assert!(macd_v.latest().macd_v().is_some(), "the first move gives a value");
}

/// 131.29242637 and 126.97749477 are the EMAs of `steady_rise`.
#[test]
fn plain_macd_is_the_difference_of_its_averages() {
    let mut macd = Macd::new(12, 26, 9).unwrap();
    let mut signal = Ema::new(9).unwrap();
    let (mut close, mut last) = (100.0, None);
    for bar in 0..60 {
        close *= 1.005;
        let peeked = macd.peek(close);
        let point = macd.update(close);
        assert_eq!(point, peeked);
        assert_eq!(point.is_some(), bar >= 25, "bar {bar}");
        if let Some(point) = point {
            assert_eq!(point.signal, signal.update(point.macd));
            assert_eq!(point.signal.is_some(), bar >= 33, "bar {bar}");
            last = Some(point.macd);
        }
    }
    // Two numbers of eight decimals: their difference is known to one in the last.
    assert!((last.unwrap() - 4.314_931_60).abs() < 1.1e-8, "{last:?}");
}
