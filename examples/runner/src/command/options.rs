#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use livermore_core::{
    control::Expiry,
    ids::{CommandId, UserId},
};

use crate::{bus::BusOption, cli::duration, store::StoreOption};

/// Which log, whose monitor, and how the answer is printed.
#[derive(Debug, Args)]
pub(crate) struct Talk {
    #[command(flatten)]
    pub(crate) bus: BusOption,
    /// Whose monitor.
    #[arg(long, global = true, default_value = "1")]
    pub(crate) user: UserId,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// How a command is sent.
#[derive(Debug, Args)]
pub(crate) struct Sending {
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// How far to wait [default: effective; decided for force-backfill].
    #[arg(long, global = true, value_enum)]
    pub(crate) wait: Option<WaitFor>,
    /// How long to wait.
    #[arg(long, global = true, default_value = "5s", value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// It must not be applied later than this: a time such as 5m, or never [default: never for commands that stop
    /// something, otherwise 5m].
    #[arg(long, global = true, value_name = "TIME", value_parser = expiry)]
    pub(crate) not_after: Option<Expiry>,
    /// The command's id, a UUID: sent again under the same id, a command is never applied twice [default: a new one].
    #[arg(long, global = true, value_name = "UUID")]
    pub(crate) id: Option<CommandId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitFor {
    /// Until it is applied or refused.
    Decided,
    /// Until the monitor is as the command wants it.
    Effective,
    /// Not at all.
    None,
}

#[derive(Debug, Args)]
pub(crate) struct CommandOptions {
    #[command(subcommand)]
    pub(crate) command: CommandCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CommandCommand {
    /// Send a command by its kind and payload.
    Send {
        /// pause, resume, reload-settings, switch-mode, add-symbol, remove-symbol, bulk-add-symbols, force-backfill or
        /// clear-cache.
        kind: String,
        /// The payload, a JSON object, or - for standard input.
        #[arg(long, default_value = "{}", value_name = "JSON")]
        payload: String,
        #[command(flatten)]
        sending: Sending,
    },
    /// List commands, newest first.
    List {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Only those that are not decided.
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        talk: Talk,
    },
    /// Tell what became of a command.
    Show {
        id: CommandId,
        #[command(flatten)]
        talk: Talk,
    },
    /// Take a command back that is not decided.
    Cancel {
        id: CommandId,
        #[command(flatten)]
        talk: Talk,
    },
    /// Take the desired state of a log that has lost its newest entries for right, so that commands are taken again.
    Rebase {
        #[command(flatten)]
        talk: Talk,
    },
    /// Print the JSON Schema of a command's payload, or all of them.
    Schema { kind: Option<String> },
    /// Follow commands until Ctrl-C, or one until it is effective.
    Watch {
        id: Option<CommandId>,
        #[command(flatten)]
        talk: Talk,
    },
}

/// The commands by their short names.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Stop a running monitor, or a part of it.
    Pause {
        /// mute: no alerts; hold: no indicators either; stop: no connection either.
        #[arg(long, default_value = "stop")]
        level: String,
        /// Ask the process that listens here instead of the log, which need not be in reach: see livermore inbox.
        #[cfg(unix)]
        #[arg(long, value_name = "PATH", conflicts_with_all = ["id", "not_after", "wait", "timeout"])]
        admin_socket: Option<PathBuf>,
        #[command(flatten)]
        sending: Sending,
    },
    /// Let everything run again.
    Resume {
        #[command(flatten)]
        sending: Sending,
    },
    /// Take over settings that were changed elsewhere.
    Reload {
        /// At least this revision; what is stored when it is not given.
        #[arg(long)]
        revision: Option<u64>,
        #[command(flatten)]
        sending: Sending,
    },
    /// Change the mode in the settings.
    Mode {
        /// The new mode.
        name: String,
        #[command(flatten)]
        sending: Sending,
    },
    /// Add, remove and list monitored symbols.
    Symbols {
        #[command(subcommand)]
        command: SymbolsCommand,
    },
    /// Fetch history again.
    Backfill {
        /// Of these symbols, 50 at most.
        #[arg(required = true, value_name = "SYMBOL")]
        symbols: Vec<String>,
        /// In these timeframes, separated by commas [default: every one that is configured].
        #[arg(long, value_delimiter = ',', value_name = "TIMEFRAMES")]
        timeframes: Vec<String>,
        /// So many days back, 365 at most [default: as many bars as the indicators need].
        #[arg(long, value_name = "N")]
        days: Option<u64>,
        #[command(flatten)]
        sending: Sending,
    },
    /// Look after cached market data.
    Cache {
        #[command(subcommand)]
        command: CacheCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SymbolsCommand {
    /// Add symbols to the monitored ones, in one change of the settings.
    Add {
        #[arg(required = true, value_name = "SYMBOL")]
        symbols: Vec<String>,
        #[command(flatten)]
        sending: Sending,
    },
    /// Remove symbols from the monitored ones, one command each.
    Remove {
        #[arg(required = true, value_name = "SYMBOL")]
        symbols: Vec<String>,
        #[command(flatten)]
        sending: Sending,
    },
    /// List the monitored symbols of the settings.
    List {
        #[command(flatten)]
        store: StoreOption,
        /// Whose settings.
        #[arg(long, default_value = "1")]
        user: UserId,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Forget cached market data of this user: all of it, of a symbol, or of a timeframe.
    Clear {
        /// Of this symbol.
        #[arg(long, conflicts_with = "timeframe")]
        symbol: Option<String>,
        /// Of this timeframe.
        #[arg(long)]
        timeframe: Option<String>,
        #[command(flatten)]
        sending: Sending,
    },
}

fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry::Never);
    }
    duration(text).map(Expiry::After).map_err(|error| format!("{error}, or never"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries() {
        assert_eq!(expiry("never"), Ok(Expiry::Never));
        assert_eq!(expiry("5m"), Ok(Expiry::After(Duration::from_mins(5))));
        assert!(expiry("0s").is_err() && expiry("nevr").is_err_and(|told| told.ends_with("or never")));
    }
}
