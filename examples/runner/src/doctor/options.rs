use clap::Args;
use livermore_core::ids::UserId;

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
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
