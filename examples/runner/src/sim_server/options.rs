use std::path::PathBuf;

use clap::Args;
use livermore_core::ids::{Symbol, Timestamp};

use crate::cli::{DEFAULT_SEED, speed};

#[derive(Debug, Args)]
pub(crate) struct SimServerOptions {
    /// Which market: equal seeds give equal markets.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u64,
    /// Market seconds per real second.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// Repeat a file of one-minute candles as this product instead; may be given several times.
    #[arg(long, value_name = "SYMBOL=FILE", value_parser = recorded)]
    pub(crate) csv: Vec<Recorded>,
    /// What begins before this time is history, the rest happens live [default: the middle of the files].
    #[arg(long, value_name = "TIME", value_parser = crate::candles::time, requires = "csv")]
    pub(crate) live_from: Option<Timestamp>,
    /// Fail now and then: lose and repeat messages, go silent, drop connections, refuse requests.
    #[arg(long)]
    pub(crate) faults: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A product and the file of its candles.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) symbol: Symbol,
    pub(crate) file: PathBuf,
}

fn recorded(text: &str) -> Result<Recorded, String> {
    const FORM: &str = "write SYMBOL=FILE, for example BTC-USD=btc.csv";
    let (symbol, file) = text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or(FORM)?;
    let symbol = symbol.parse().map_err(|error| format!("{error}; {FORM}"))?;
    Ok(Recorded { symbol, file: file.into() })
}
