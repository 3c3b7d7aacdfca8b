#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod alert;
pub mod control;
#[cfg(feature = "file")]
mod disk;
mod error;
mod exact;
pub mod exchange;
pub mod ids;
pub mod indicator;
pub mod keys;
pub mod market;
pub mod settings;
#[cfg(feature = "test-util")]
pub mod testkit;

pub use error::{ErrorKind, Fault};

/// What most programs need.
pub mod prelude {
    pub use crate::{
        ErrorKind,
        alert::{Alert, AlertRules, Evaluator, Observation},
        exchange::{ExchangeAdapter, MarketEvent},
        ids::{Exchange, Symbol, Timeframe, Timestamp, UserId},
        indicator::{IndicatorEngine, MacdV, MacdVConfig, MacdVEngine, MacdVSeries, Stage},
        market::{Aggregator, Candle, NoTradeFill},
    };
}
