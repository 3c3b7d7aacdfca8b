//! The hot path allocates nothing once it is warm.

use std::fmt::Write;

use livermore_core::{
    alert::{AlertRules, Evaluator, Observation},
    exchange::CandleCsv,
    ids::{Symbol, Timeframe},
    indicator::{IndicatorEngine, MacdVConfig, MacdVEngine},
    market::{Aggregator, DEFAULT_MAX_FILL, NoTradeFill, Quality},
};

/// A calm market: nothing in it crosses a level, so no alert has to be made.
fn csv(rows: u32) -> String {
    let mut text = String::from("time,open,high,low,close,volume\n");
    for row in 0..rows {
        let price = 1_000 + row % 7;
        let time = 1_522_800_000 + row * 60 + (row / 50) * 60; // a quiet minute now and then
        writeln!(text, "{time},{price},{},{},{price}.25,1.5", price + 2, price - 2).unwrap();
    }
    text
}

#[test]
fn candles_from_text_to_alerts_without_an_allocation_per_bar() {
    let text = csv(5_000);
    let symbol = Symbol::new("BTC-USD").unwrap();
    let mut file = CandleCsv::new("test", text.as_bytes(), Timeframe::M1).unwrap();
    let mut fill = NoTradeFill::new(Timeframe::M1, DEFAULT_MAX_FILL);
    let mut to_5m = Aggregator::new(Timeframe::M1, Timeframe::M5).unwrap();
    let mut engine = MacdVEngine::new(MacdVConfig::default()).unwrap();
    let (rules, mut evaluator) = (AlertRules::default(), Evaluator::new());
    let mut evaluated = 0;
    let mut run = |rows: u32| {
        for _ in 0..rows {
            let candle = file.read().unwrap().unwrap();
            for candle in fill.push(&candle).unwrap() {
                let longer = to_5m.push(&candle).unwrap();
                for candle in [Some(candle), longer].into_iter().flatten() {
                    engine.peek(&symbol, &candle).unwrap();
                    let reading = engine.update(&symbol, &candle).unwrap();
                    let (Some(macd_v), Some(signal)) = (reading.point.macd_v(), reading.point.signal()) else {
                        continue;
                    };
                    let observation = Observation {
                        symbol: &symbol,
                        timeframe: reading.timeframe,
                        time: reading.time,
                        price: reading.close,
                        macd_v,
                        signal,
                        quality: Quality::Fresh,
                    };
                    let evaluation = evaluator.evaluate(&rules, &observation);
                    assert_eq!(evaluation.alerts, []);
                    evaluated += 1;
                }
            }
        }
    };
    run(1_000);
    let counted = allocation_counter::measure(|| run(4_000));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0), "allocations in 4,000 bars");
    assert!(evaluated > 4_000);
}
