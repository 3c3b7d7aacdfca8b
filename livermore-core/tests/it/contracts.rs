//! Every implementation of a trait keeps the same contract, and the suites that say so can fail.

#![allow(clippy::unused_async, reason = "a fixture may need to wait; these do not")]

mod broken_adapter;
mod broken_engine;
mod mocks;

use std::{fmt::Write, sync::Arc};

use livermore_core::{
    exchange::{ExchangeAdapter, Fault, FaultKind, Replay, Simulator, SimulatorConfig, Subscription},
    ids::{Symbol, Timeframe},
    indicator::{AtrSeed, IndicatorEngine, MacdVConfig, MacdVEngine},
    testkit::ExchangeFixture,
};

const MINUTE_MS: u64 = 60_000;

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

fn fault(at_ms: u64, for_ms: u64, kind: FaultKind) -> Fault {
    Fault { at_ms, for_ms, kind }
}

/// A market without a pace.
fn config() -> SimulatorConfig {
    SimulatorConfig::default().with_seed(5).with_speed(None).with_history_minutes(1_600)
}

fn simulator(config: SimulatorConfig) -> ExchangeFixture {
    let start = config.start;
    adapter(Arc::new(Simulator::new(config).unwrap()), start)
}

/// A fixture on the thinly traded product, whose history has holes, with all products on the wire.
fn adapter(adapter: Arc<dyn ExchangeAdapter>, start: livermore_core::ids::Timestamp) -> ExchangeFixture {
    let history = (start.checked_add_millis(-1_595 * MINUTE_MS.cast_signed()).unwrap(), start);
    let symbols = ["BTC-USD", "ETH-USD", "LTC-USD", "USDT-USD"].map(symbol).to_vec();
    let subscription = Subscription { symbols, candles: vec![Timeframe::M1], tickers: true, trades: true };
    ExchangeFixture::new(adapter, symbol("LTC-USD"), symbol("LTC-USDX"), history).with_subscription(subscription)
}

macro_rules! simulator_suite {
    ($name:ident, $config:expr) => {
        mod $name {
            use super::*;

            async fn fresh() -> ExchangeFixture {
                simulator($config)
            }

            livermore_core::exchange_adapter_contract!(fresh);
        }
    };
}

simulator_suite!(simulator_unpaced, config());
simulator_suite!(simulator_paced, config().with_speed(Some(60.0)));
simulator_suite!(
    simulator_that_disconnects,
    config().with_faults([
        fault(70_000, 95_000, FaultKind::Disconnect),
        fault(4 * MINUTE_MS, 30_000, FaultKind::Disconnect),
        fault(4 * MINUTE_MS + 20_000, 30_000, FaultKind::Disconnect),
    ])
);
simulator_suite!(
    simulator_that_loses_messages,
    config().with_speed(Some(60.0)).with_faults([fault(100_000, 150_000, FaultKind::Gap)])
);
simulator_suite!(
    simulator_that_repeats_messages,
    config().with_faults([fault(0, 3 * MINUTE_MS, FaultKind::Duplicate)])
);
simulator_suite!(
    simulator_with_silent_products,
    config().with_faults([
        fault(55_000, 10_000, FaultKind::Stale(symbol("BTC-USD"))),
        fault(2 * MINUTE_MS, 3 * MINUTE_MS, FaultKind::Stale(symbol("LTC-USD"))),
    ])
);
simulator_suite!(simulator_with_every_fault_at_once, config().with_faults(every_fault_at_once()));

fn every_fault_at_once() -> Vec<Fault> {
    let stale = |name| FaultKind::Stale(symbol(name));
    vec![
        fault(30_000, 5 * MINUTE_MS, stale("BTC-USD")),
        fault(50_000, 2 * MINUTE_MS, FaultKind::Gap),
        fault(80_000, 25_000, FaultKind::Disconnect),
        fault(90_000, 40_000, FaultKind::Disconnect),
        fault(95_000, 5_000, FaultKind::Disconnect),
        fault(100_000, 90_000, stale("ETH-USD")),
        fault(110_000, 3 * MINUTE_MS, FaultKind::Duplicate),
        fault(4 * MINUTE_MS, MINUTE_MS, FaultKind::Gap),
        fault(5 * MINUTE_MS, 10_000, FaultKind::Disconnect),
    ]
}

/// The form in which adapters are usually held.
mod boxed_simulator {
    use super::*;

    async fn fresh() -> ExchangeFixture {
        let boxed: Box<dyn ExchangeAdapter> = Box::new(Simulator::new(config()).unwrap());
        adapter(boxed.into(), config().start)
    }

    livermore_core::exchange_adapter_contract!(fresh);
}

/// The second form of the macro, for adapters that wait for something real.
mod replay_in_real_time {
    use super::*;

    async fn fresh() -> ExchangeFixture {
        replay()
    }

    livermore_core::exchange_adapter_contract!(fresh, #[tokio::test]);
}

/// Five hundred minutes from a file, with a hole of seven.
fn replay() -> ExchangeFixture {
    let start = config().start;
    let mut file = "time,open,high,low,close,volume\n".to_owned();
    for minute in (0..500).filter(|minute| !(200..207).contains(minute)) {
        let price = 100 + minute % 9;
        writeln!(file, "{},{price},{},{price},{price},2.5", start.as_secs() + minute * 60, price + 1).unwrap();
    }
    let replay = Replay::from_csv("memory.csv", file.as_bytes(), symbol("XRP-USD"), Timeframe::M1, 10).unwrap();
    let history = (start, start.checked_add_millis(500 * 60_000).unwrap());
    ExchangeFixture::new(Arc::new(replay), symbol("XRP-USD"), symbol("XRP-EUR"), history)
}

mod macd_v_engine {
    use super::*;

    fn fresh() -> Box<dyn IndicatorEngine> {
        Box::new(MacdVEngine::new(MacdVConfig::default()).unwrap())
    }

    livermore_core::indicator_engine_contract!(fresh);
}

mod macd_v_engine_with_other_parameters {
    use super::*;

    fn fresh() -> Box<dyn IndicatorEngine> {
        let config = MacdVConfig::default().with_emas(3, 5).with_atr(7).with_signal(1).with_atr_seed(AtrSeed::TaLib);
        Box::new(MacdVEngine::new(config).unwrap())
    }

    livermore_core::indicator_engine_contract!(fresh);
}
