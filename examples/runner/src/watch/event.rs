use livermore_core::{
    alert::Alert,
    ids::{Symbol, Timeframe, Timestamp},
    indicator::{NotReady, Reading, Stage},
    market::Quality,
};
use serde::Serialize;

/// What is told of a market that is watched. Times are milliseconds of market time; nothing here depends on the real
/// clock, so equal demos tell equal events.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum WatchEvent<'a> {
    Start {
        #[serde(flatten)]
        source: Source,
        market_time: Timestamp,
        symbols: &'a [Symbol],
    },
    /// Every series has its history.
    Warm {
        market_time: Timestamp,
        series: usize,
        bars: u64,
    },
    /// A bar has ended.
    Bar(BarEvent<'a>),
    Alert(&'a Alert),
    /// The feed, or the trust in it, has changed. Without a symbol it is about all.
    Feed {
        market_time: Timestamp,
        symbol: Option<&'a Symbol>,
        what: String,
    },
    End {
        bars: u64,
        alerts: u64,
        repaired: u64,
    },
}

/// Where the market is.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(crate) enum Source {
    /// Simulated, in this process. With `wire` it goes through the protocol of a real exchange.
    Simulated {
        seed: u64,
        speed: f64,
        #[serde(skip)]
        wire: bool,
    },
    /// At an exchange.
    #[cfg(feature = "coinbase")]
    Exchange {
        #[serde(rename = "exchange")]
        name: &'static str,
    },
}

/// The values after one bar.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BarEvent<'a> {
    pub(crate) time: Timestamp,
    pub(crate) symbol: &'a Symbol,
    pub(crate) timeframe: Timeframe,
    pub(crate) close: f64,
    pub(crate) macd_v: Option<f64>,
    pub(crate) signal: Option<f64>,
    pub(crate) histogram: Option<f64>,
    pub(crate) atr: Option<f64>,
    pub(crate) stage: Option<Stage>,
    pub(crate) not_ready: Option<NotReady>,
    pub(crate) synthetic: bool,
    pub(crate) quality: Quality,
}

impl<'a> BarEvent<'a> {
    pub(crate) fn of(symbol: &'a Symbol, reading: &Reading, quality: Quality) -> Self {
        let Reading { time, timeframe, close, synthetic, point } = *reading;
        Self {
            time,
            symbol,
            timeframe,
            close,
            macd_v: point.macd_v(),
            signal: point.signal(),
            histogram: point.histogram(),
            atr: point.atr(),
            stage: point.stage(),
            not_ready: point.not_ready(),
            synthetic,
            quality,
        }
    }
}
