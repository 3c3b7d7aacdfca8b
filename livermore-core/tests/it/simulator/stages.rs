//! A first hour in which there is something to see.

use std::collections::BTreeSet;

use livermore_core::{
    alert::{AlertRules, Evaluator, Observation},
    exchange::CandleRequest,
    indicator::{MacdVConfig, MacdVSeries, Stage},
    market::{Candle, DEFAULT_MAX_FILL, NoTradeFill, Quality},
};

use super::*;

/// What the first hour of a market shows an observer who was warmed up from history.
#[derive(Debug, Default)]
struct Shown {
    stages: BTreeSet<Stage>,
    alerts: usize,
    not_warm: Vec<String>,
}

async fn first_hour(config: SimulatorConfig) -> Shown {
    let simulator = Simulator::new(config).unwrap();
    let warm_up = i64::from(MacdVConfig::DEFAULT_WARM_UP_BARS);
    let events = hear_minutes(&simulator, candles_only(), 60).await;
    let mut shown = Shown::default();
    let (rules, mut evaluator) = (AlertRules::default(), Evaluator::new());
    for name in SYMBOLS {
        let symbol = symbol(name);
        let (from, to) = (minutes_after_start(-warm_up), minutes_after_start(0));
        let request = CandleRequest { symbol: symbol.clone(), timeframe: Timeframe::M1, from, to };
        let history = simulator.candles(request).await.unwrap();
        let mut fill = NoTradeFill::new(Timeframe::M1, DEFAULT_MAX_FILL);
        let mut series = MacdVSeries::new(Timeframe::M1, MacdVConfig::default()).unwrap();
        let candles: Vec<Candle> = history.iter().chain(closed_candles(&events, name)).copied().collect();
        for bar in candles.iter().flat_map(|candle| fill.push(candle).unwrap()) {
            let point = *series.update(&bar).unwrap();
            if bar.open_time() < to {
                continue;
            }
            let (Some(macd_v), Some(signal), Some(stage)) = (point.macd_v(), point.signal(), point.stage()) else {
                shown.not_warm.push(format!("{name} {}: {:?}", bar.open_time(), point.not_ready()));
                continue;
            };
            shown.stages.insert(stage);
            let (timeframe, time, price, quality) = (Timeframe::M1, bar.open_time(), bar.close(), Quality::Fresh);
            let observation = Observation { symbol: &symbol, timeframe, time, price, macd_v, signal, quality };
            shown.alerts += evaluator.evaluate(&rules, &observation).alerts.len();
        }
    }
    shown
}

#[tokio::test]
async fn the_first_hour_shows_every_stage_and_an_alert() {
    for seed in 1..=40 {
        let shown = first_hour(config(seed)).await;
        assert!(shown.not_warm.is_empty(), "seed {seed}: {:?}", shown.not_warm);
        assert_eq!(shown.stages, BTreeSet::from(Stage::ALL), "seed {seed}");
        assert!(shown.alerts >= 1, "seed {seed}: no alert");
    }
}
