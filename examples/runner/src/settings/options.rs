use clap::{Args, Subcommand};
use livermore_core::ids::{Revision, UserId};

use crate::store::StoreOption;

/// Where settings are, whose, and how the answer is printed.
#[derive(Debug, Args)]
pub(crate) struct SettingsOptions {
    #[command(flatten)]
    pub(crate) store: StoreOption,
    /// Whose settings.
    #[arg(long, global = true, default_value = "1")]
    pub(crate) user: UserId,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Take an environment variable that is named and not set here for an error, not a note.
    #[arg(long, global = true)]
    pub(crate) check_env: bool,
    /// Why, for the history.
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(subcommand)]
    pub(crate) command: SettingsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// Print the settings, or the value at a path.
    Get {
        /// A place: symbols.monitored or /symbols/monitored.
        path: Option<String>,
    },
    /// Set the value at a path.
    Set {
        /// A place: mode or /mode.
        path: String,
        /// JSON, or plain text where it is not JSON.
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Remove the value at a path: its default holds again.
    Unset {
        /// A place.
        path: String,
    },
    /// Open the settings in $VISUAL or $EDITOR and save what comes back.
    Edit,
    /// Merge a JSON document into the settings (RFC 7396): null removes, arrays replace whole.
    Patch {
        /// The JSON text, or - for standard input.
        patch: String,
    },
    /// Show what changed from one revision to another, or to what is stored now.
    Diff {
        /// The older revision.
        from: u64,
        /// The newer revision.
        to: Option<u64>,
    },
    /// Check what is stored, or a file, and list every problem.
    Validate {
        /// A file, or - for standard input.
        file: Option<String>,
    },
    /// Bring stored settings up to date.
    Migrate {
        /// Change nothing; tell what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Everybody's settings, not one user's.
        #[arg(long)]
        all_users: bool,
    },
    /// List what was saved, newest first.
    History {
        /// How many entries.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Make an old revision the current one, as a new revision.
    Rollback {
        /// The old revision.
        revision: u64,
    },
    /// Print the settings in an envelope that import takes.
    Export,
    /// Put the settings of an export in the place of those stored.
    Import {
        /// A file, or - for standard input.
        file: String,
    },
    /// Back to the defaults; extensions and unknown members stay.
    Reset,
    /// Print the JSON Schema of the settings.
    Schema,
}

/// A revision typed by a person.
pub(super) fn revision(number: u64) -> Result<Revision, livermore_core::ids::InvalidId> {
    Revision::new(number)
}
