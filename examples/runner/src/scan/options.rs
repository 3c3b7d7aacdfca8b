use clap::Args;

use crate::coinbase::CoinbaseOptions;

#[derive(Debug, Args)]
pub(crate) struct ScanOptions {
    /// How many.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) top: u16,
    /// The currency things are traded for.
    #[arg(long, default_value = "USD", value_name = "CURRENCY")]
    pub(crate) quote: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) coinbase: CoinbaseOptions,
}
