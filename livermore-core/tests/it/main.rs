//! Tests of the crate through its public face.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod alerts;
mod candle_closer;
mod candle_csv;
mod contracts;
mod control;
mod executor;
mod indicator_laws;
mod journal;
mod no_allocation;
mod published_values;
mod rate_budget;
mod settings;
mod settings_store;
mod simulator;
mod supervisor;
mod talib;
