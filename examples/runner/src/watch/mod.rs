//! Watching a market: of the simulator, or of an exchange.

mod event;
mod line_view;
mod market;
mod table_view;

pub(crate) use event::{Source, WatchEvent};
pub(crate) use market::Watch;

use std::io::IsTerminal;
#[cfg(feature = "coinbase")]
use std::time::Duration;

use futures_util::StreamExt;
use livermore_core::{
    exchange::{EventBody, ExchangeAdapter, ExchangeError, Subscription},
    ids::{Symbol, Timeframe, Timestamp},
};

use self::{
    line_view::{JsonView, LineView},
    table_view::TableView,
};
use crate::{failure::Failure, interrupt::Interrupts};

/// Where events are shown.
pub(crate) trait View {
    /// Shows one event.
    fn show(&mut self, event: &WatchEvent<'_>) -> Result<(), Failure>;

    /// Shows the values of bars that are still forming; views that only tell what is final do nothing.
    fn forming(&mut self, _watch: &Watch, _now: Timestamp) -> Result<(), Failure> {
        Ok(())
    }

    /// Gives the terminal back.
    fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// A table on a terminal, lines elsewhere, JSON where it is asked for.
pub(crate) fn view(json: bool) -> Result<Box<dyn View>, Failure> {
    if json {
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

impl Totals {
    /// The last line on standard error.
    pub(crate) fn tell(self) {
        eprintln!("{} bars, {} alerts, {} repaired after faults of the feed", self.bars, self.alerts, self.repaired);
    }
}

/// What is watched, and how.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    pub(crate) symbols: Vec<Symbol>,
    /// The candles that are listened to.
    pub(crate) base: Timeframe,
    /// What is computed of them for every product.
    pub(crate) targets: Vec<Timeframe>,
    /// Market time now: what came before is history.
    pub(crate) start: Timestamp,
    pub(crate) until: Until,
}

/// When watching ends by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Interrupted,
    /// With the last event of this market time.
    Market(Timestamp),
    /// After this real time.
    #[cfg(feature = "coinbase")]
    Real(Duration),
}

/// Watches until the end of the plan, or Ctrl-C.
pub(crate) async fn follow(
    exchange: &dyn ExchangeAdapter,
    plan: &Plan,
    interrupts: &mut Interrupts,
    view: &mut dyn View,
) -> Result<Totals, Failure> {
    view.show(&WatchEvent::Start { source: plan.source, market_time: plan.start, symbols: &plan.symbols })?;
    let mut watch = Watch::new(plan.base, plan.targets.clone());
    let mut end = std::pin::pin!(after(plan.until));
    let result = tokio::select! {
        result = listen(exchange, plan, &mut watch, view) => result,
        () = interrupts.next() => Ok(()),
        () = &mut end => Ok(()),
    };
    exchange.close().await;
    result?;
    let totals = watch.totals();
    view.show(&WatchEvent::End { bars: totals.bars, alerts: totals.alerts, repaired: totals.repaired })?;
    Ok(totals)
}

async fn after(until: Until) {
    match until {
        #[cfg(feature = "coinbase")]
        Until::Real(duration) => tokio::time::sleep(duration).await,
        Until::Interrupted | Until::Market(_) => std::future::pending().await,
    }
}

/// Takes one event after another. May be dropped whenever it waits: nothing is half taken.
async fn listen(
    exchange: &dyn ExchangeAdapter,
    plan: &Plan,
    watch: &mut Watch,
    view: &mut dyn View,
) -> Result<(), Failure> {
    watch.warm_up(exchange, &plan.symbols, plan.start, view).await?;
    let subscription =
        Subscription { symbols: plan.symbols.clone(), candles: vec![plan.base], tickers: false, trades: false };
    let mut events = exchange.subscribe(subscription).await?;
    while let Some(event) = events.next().await {
        let time = event.time;
        if matches!(plan.until, Until::Market(end) if time > end) {
            break;
        }
        let refused = match &event.body {
            EventBody::Refused { reason } => Some(reason.clone()),
            _ => None,
        };
        watch.take(exchange, event, view).await?;
        view.forming(watch, time)?;
        if let Some(reason) = refused {
            return Err(ExchangeError::Denied { exchange: exchange.exchange(), reason }.into());
        }
    }
    Ok(())
}
