//! What the commands that ask Coinbase have in common.

mod options;

pub(crate) use options::{CoinbaseOptions, Market};

use livermore_core::ids::Timeframe;

/// The candles Coinbase sends live.
pub(crate) const BASE: Timeframe = Timeframe::M5;
/// What is computed of them for every product.
pub(crate) const TARGETS: [Timeframe; 3] = [Timeframe::M5, Timeframe::M15, Timeframe::H1];
