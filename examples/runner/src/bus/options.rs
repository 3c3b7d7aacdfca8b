use clap::Args;

use super::BusUrl;

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
}
