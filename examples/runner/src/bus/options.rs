use clap::Args;

use super::{BusPlace, BusUrl};
use crate::failure::Failure;

/// Which command log, for every command that has one.
#[derive(Debug, Args)]
pub(crate) struct BusOption {
    /// Where commands are recorded: memory, file:FOLDER, redis://… or postgres://….
    // The variable's value may hold a password, and the help would show it.
    #[arg(
        long,
        global = true,
        env = "LIVERMORE_BUS_URL",
        hide_env_values = true,
        default_value = super::url::DEFAULT,
        value_name = "URL"
    )]
    pub(crate) bus: BusUrl,
    /// A Redis server that rings beside a log in PostgreSQL: redis://…. Without it PostgreSQL rings alone.
    #[arg(long, global = true, env = "LIVERMORE_BELL_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) bell: Option<BusUrl>,
}

impl BusOption {
    /// The Redis server beside a log in PostgreSQL.
    pub(super) fn bell(&self) -> Result<Option<&str>, Failure> {
        let Some(bell) = &self.bell else { return Ok(None) };
        match (self.bus.place()?, bell.place()) {
            (BusPlace::Postgres(_), Ok(BusPlace::Redis(url))) => Ok(Some(url)),
            _ => Err(Failure::Bell),
        }
    }

    /// The Redis server on which plain messages may come.
    #[cfg(feature = "redis")]
    pub(super) fn redis(&self) -> Result<Option<&str>, Failure> {
        match self.bus.place()? {
            BusPlace::Redis(url) => Ok(Some(url)),
            _ => self.bell(),
        }
    }
}
