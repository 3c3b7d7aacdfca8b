//! `livermore demo`: a simulated market through the whole pipeline, in one process.

mod event;
mod line_view;
mod table_view;
mod watch;

use std::{io::IsTerminal, time::Duration};

use futures_util::StreamExt;
use livermore_core::{
    exchange::{ExchangeAdapter, Fault, FaultKind, MarketEvent, Simulator, SimulatorConfig, Subscription},
    ids::{Symbol, Timeframe, Timestamp},
};

use self::{
    event::DemoEvent,
    line_view::{JsonView, LineView},
    table_view::TableView,
    watch::Watch,
};
use crate::{cli::DemoOptions, failure::Failure, interrupt::interrupt};

/// What is computed for every product.
pub(crate) const TIMEFRAMES: [Timeframe; 4] = [Timeframe::M1, Timeframe::M5, Timeframe::M15, Timeframe::H1];

/// Where events are shown.
pub(crate) trait View {
    /// Shows one event.
    fn show(&mut self, event: &DemoEvent<'_>) -> Result<(), Failure>;

    /// Shows the values of bars that are still forming; views that only tell what is final do nothing.
    fn forming(&mut self, _watch: &Watch, _now: Timestamp) -> Result<(), Failure> {
        Ok(())
    }

    /// Gives the terminal back.
    fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

pub(crate) fn run(options: &DemoOptions) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Start)?;
    let mut view = view(options)?;
    let result = runtime.block_on(play(options, view.as_mut()));
    view.close()?;
    let totals = result?;
    if !options.json {
        eprintln!(
            "{} bars, {} alerts, {} repaired after faults of the feed",
            totals.bars, totals.alerts, totals.repaired
        );
    }
    Ok(())
}

fn view(options: &DemoOptions) -> Result<Box<dyn View>, Failure> {
    if options.json {
        Ok(Box::new(JsonView::new()))
    } else if std::io::stdout().is_terminal() {
        Ok(Box::new(TableView::new()?))
    } else {
        Ok(Box::new(LineView::new()))
    }
}

/// What was seen in all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) bars: u64,
    pub(crate) alerts: u64,
    pub(crate) repaired: u64,
}

async fn play(options: &DemoOptions, view: &mut dyn View) -> Result<Totals, Failure> {
    let config = SimulatorConfig::default().with_seed(options.seed).with_speed(Some(options.speed));
    let start = config.start;
    let config = if options.faults { config.with_faults(faults()) } else { config };
    let simulator = Simulator::new(config)?;
    let symbols: Vec<Symbol> = simulator.products().await?.into_iter().map(|product| product.symbol).collect();
    view.show(&DemoEvent::Start { seed: options.seed, speed: options.speed, market_time: start, symbols: &symbols })?;
    let mut watch = Watch::warmed_up(&simulator, &symbols, start, view).await?;
    let subscription = Subscription { symbols, candles: vec![Timeframe::M1], tickers: false, trades: false };
    let mut events = simulator.subscribe(subscription).await?;
    let end = options.duration.and_then(|duration| market_end(start, duration, options.speed));
    let mut interrupted = std::pin::pin!(interrupt());
    loop {
        let next = tokio::select! {
            event = events.next() => event,
            () = &mut interrupted => None,
        };
        let Some(MarketEvent { time, .. }) = &next else { break };
        let time = *time;
        if end.is_some_and(|end| time > end) {
            break;
        }
        if let Some(event) = next {
            watch.take(&simulator, event, view).await?;
            view.forming(&watch, time)?;
        }
    }
    drop(events);
    simulator.close().await;
    let totals = watch.totals();
    view.show(&DemoEvent::End { bars: totals.bars, alerts: totals.alerts, repaired: totals.repaired })?;
    Ok(totals)
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
