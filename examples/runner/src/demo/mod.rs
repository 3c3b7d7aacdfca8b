//! `livermore demo`: a simulated market through the whole pipeline, in one process.

#[cfg(feature = "coinbase")]
mod wire;

use std::time::Duration;

use livermore_core::{
    exchange::{ExchangeAdapter, Fault, FaultKind, Simulator, SimulatorConfig},
    ids::{Symbol, Timeframe, Timestamp},
};

use crate::{
    cli::DemoOptions,
    failure::Failure,
    interrupt::Interrupts,
    runtime,
    watch::{self, Plan, Source, Totals, Until, View},
};

/// What is computed for every product.
const TARGETS: [Timeframe; 4] = [Timeframe::M1, Timeframe::M5, Timeframe::M15, Timeframe::H1];

pub(crate) fn run(options: &DemoOptions) -> Result<(), Failure> {
    let mut view = watch::view(options.json)?;
    let result = runtime::block_on(play(options, view.as_mut()));
    view.close()?;
    let totals = result?;
    if !options.json {
        totals.tell();
    }
    Ok(())
}

async fn play(options: &DemoOptions, view: &mut dyn View) -> Result<Totals, Failure> {
    let mut interrupts = Interrupts::new();
    #[cfg(feature = "coinbase")]
    if options.wire {
        return wire::play(options, &mut interrupts, view).await;
    }
    let config = SimulatorConfig::default().with_seed(options.seed).with_speed(Some(options.speed));
    let start = config.start;
    let config = if options.faults { config.with_faults(faults()) } else { config };
    let simulator = Simulator::new(config)?;
    let end = options.duration.and_then(|duration| market_end(start, duration, options.speed));
    let plan = Plan {
        source: Source::Simulated { seed: options.seed, speed: options.speed, wire: false },
        symbols: simulator.products().await?.into_iter().map(|product| product.symbol).collect(),
        base: Timeframe::M1,
        targets: TARGETS.to_vec(),
        start,
        until: end.map_or(Until::Interrupted, Until::Market),
    };
    watch::follow(&simulator, &plan, &mut interrupts, view).await
}

/// The last market time of a demo that ends by itself: counted in market time, so that equal demos are equal.
fn market_end(start: Timestamp, duration: Duration, speed: f64) -> Option<Timestamp> {
    #[allow(clippy::cast_possible_truncation, reason = "float-to-int casts saturate")]
    let millis = (duration.as_secs_f64() * speed * 1_000.0).round() as i64;
    start.checked_add_millis(millis)
}

/// One of each, a few market minutes apart.
fn faults() -> Vec<Fault> {
    let minute = 60_000;
    let at = |minutes: u64, for_ms: u64, kind: FaultKind| Fault { at_ms: minutes * minute, for_ms, kind };
    let mut faults = vec![
        at(3, minute, FaultKind::Duplicate),
        at(6, 130_000, FaultKind::Gap),
        at(14, 150_000, FaultKind::Disconnect),
    ];
    if let Ok(silent) = Symbol::new("ETH-USD") {
        faults.push(at(10, 140_000, FaultKind::Stale(silent)));
    }
    faults
}
