use std::time::Duration;

use clap::Args;
use livermore_core::ids::Symbol;

use crate::{
    cli::duration,
    coinbase::{CoinbaseOptions, Market},
};

#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// At which exchange.
    #[arg(long, value_enum)]
    #[allow(dead_code, reason = "there is one exchange; that it must be named keeps the command's meaning")]
    pub(crate) market: Market,
    /// The products.
    #[arg(long, value_delimiter = ',', value_name = "SYMBOLS", default_value = "BTC-USD,ETH-USD")]
    pub(crate) symbols: Vec<Symbol>,
    /// End after this time, for example 20s or 2m.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Print one JSON object per event.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) coinbase: CoinbaseOptions,
}
