//! A local socket of a running inbox, for the one command that must get through when the log cannot be reached: a
//! pause. One line of JSON each way.

mod client;
mod server;
mod socket;

pub(crate) use client::pause;
pub(crate) use server::serve;
pub(crate) use socket::AdminSocket;

use livermore_core::{
    control::{PauseLevel, Verdict},
    ids::{CommandId, UserId},
};
use serde::{Deserialize, Serialize};

/// Longest line either way.
const LONGEST_LINE: usize = 4_096;

/// What is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    command: String,
    user: UserId,
    #[serde(default)]
    level: PauseLevel,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Answer {
    /// The log has decided it.
    Recorded { user: UserId, id: CommandId, process: String, verdict: Verdict, code: String, detail: Option<String> },
    /// The log has it, and has not decided it; it holds in this process.
    Undecided { user: UserId, id: CommandId, process: String },
    /// It holds in this process, and nobody else knows of it.
    Volatile { user: UserId, id: CommandId, process: String },
    /// Nothing has changed.
    Refused { reason: String, retryable: bool },
}
