use std::io::{self, Write};

use super::{
    View,
    event::{Source, WatchEvent},
};
use crate::{failure::Failure, number::price};

/// One JSON object per event.
pub(super) struct JsonView(io::StdoutLock<'static>);

impl JsonView {
    pub(super) fn new() -> Self {
        Self(io::stdout().lock())
    }
}

impl View for JsonView {
    fn show(&mut self, event: &WatchEvent<'_>) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(event).map_err(io::Error::from)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        Ok(self.0.flush()?)
    }
}

/// One line of text per event, for files and pipes.
pub(super) struct LineView(io::StdoutLock<'static>);

impl LineView {
    pub(super) fn new() -> Self {
        Self(io::stdout().lock())
    }
}

impl View for LineView {
    fn show(&mut self, event: &WatchEvent<'_>) -> Result<(), Failure> {
        writeln!(self.0, "{}", text(event))?;
        Ok(self.0.flush()?)
    }
}

/// An event as one line.
pub(super) fn text(event: &WatchEvent<'_>) -> String {
    match event {
        WatchEvent::Start { source: Source::Simulated { seed, speed, wire }, market_time, symbols } => format!(
            "demo: a simulated market of {} products, seed {seed}, {speed}x speed, from {market_time}; nothing leaves this {}",
            symbols.len(),
            if *wire { "machine" } else { "process" },
        ),
        #[cfg(feature = "coinbase")]
        WatchEvent::Start { source: Source::Exchange { name }, market_time, symbols } => {
            format!("{name}: {} products, from {market_time}", symbols.len())
        }
        WatchEvent::Warm { market_time, series, bars } => {
            format!("{market_time}  warm: {series} series from {bars} candles of history")
        }
        WatchEvent::Bar(bar) => {
            let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
            let stage = match (bar.stage, bar.not_ready) {
                (Some(stage), _) => stage.to_string(),
                (None, Some(reason)) => reason.to_string(),
                (None, None) => String::new(),
            };
            format!(
                "{}  {:8} {:>3}  {:>12}  MACD-V {:>7}  signal {:>7}  {stage}{}",
                bar.time,
                bar.symbol,
                bar.timeframe,
                price(bar.close),
                number(bar.macd_v),
                number(bar.signal),
                if bar.synthetic { "  no trades" } else { "" },
            )
        }
        WatchEvent::Alert(alert) => {
            let what = match alert.kind.level() {
                Some(level) => format!("MACD-V crossed {level} {}wards", alert.direction.as_str()),
                None => format!("MACD-V reversed {}wards", alert.direction.as_str()),
            };
            format!(
                "{}  {:8} {:>3}  {:>12}  ALERT {what}: {:.1} after {:.1}, {}",
                alert.time,
                alert.symbol,
                alert.timeframe,
                price(alert.price),
                alert.macd_v,
                alert.previous_macd_v,
                alert.stage,
            )
        }
        WatchEvent::Feed { market_time, symbol, what } => {
            let symbol = symbol.map_or("all", |symbol| symbol.as_str());
            format!("{market_time}  {symbol:8} feed {what}")
        }
        WatchEvent::End { .. } => "ended".to_owned(),
    }
}
