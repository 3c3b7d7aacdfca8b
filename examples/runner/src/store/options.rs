use clap::{Args, Subcommand};

use super::StoreUrl;

/// Which store, for every command that has one.
#[derive(Debug, Args)]
pub(crate) struct StoreOption {
    /// Where settings are kept: file:FOLDER or postgres://USER:PASSWORD@HOST:PORT/DATABASE.
    // The variable's value may hold a password, and the help would show it.
    #[arg(
        long,
        global = true,
        env = "LIVERMORE_STORE_URL",
        hide_env_values = true,
        default_value = "file:./.livermore",
        value_name = "URL"
    )]
    pub(crate) store: StoreUrl,
}

#[derive(Debug, Args)]
pub(crate) struct StoreOptions {
    #[command(flatten)]
    pub(crate) store: StoreOption,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Make or update the tables in PostgreSQL. --store is the login of the role that owns them.
    Migrate {
        /// Give this role, the program's, its rights.
        #[arg(long, value_name = "ROLE")]
        grant: Option<String>,
    },
    /// Tell where settings are kept and how far the tables are. Changes nothing.
    Status,
}
