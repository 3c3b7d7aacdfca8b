use clap::Args;
use livermore_core::ids::UserId;

#[cfg(feature = "coinbase")]
use crate::coinbase::{CoinbaseOptions, Market};
use crate::{bus::BusOption, store::StoreOption};

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) store: StoreOption,
    #[command(flatten)]
    pub(crate) bus: BusOption,
    /// Whose settings and environment variables.
    #[arg(long, default_value = "1")]
    pub(crate) user: UserId,
    /// Also ask this exchange: whether it answers, its clock, and what the key may do.
    #[cfg(feature = "coinbase")]
    #[arg(long, value_enum, value_name = "EXCHANGE")]
    pub(crate) market: Option<Market>,
    #[cfg(feature = "coinbase")]
    #[command(flatten)]
    pub(crate) coinbase: CoinbaseOptions,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
