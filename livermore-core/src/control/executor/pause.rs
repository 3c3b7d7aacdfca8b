use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::super::{CommandBus, Outcome, PauseLevel};
use crate::{
    ids::{CommandId, Seq, UserId},
    settings::Actor,
};

/// A pause that holds at once in one process, before any log knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolatilePause {
    /// Whose monitor.
    pub user: UserId,
    /// The id under which it is recorded later: a new one.
    pub id: CommandId,
    /// How much stops.
    pub level: PauseLevel,
    /// Who asks for it.
    pub sender: Actor,
}

/// How far the log is with a pause that holds already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// It is not known to be recorded: with the process it would be forgotten.
    Volatile,
    /// It is recorded, and not decided.
    Undecided {
        /// Its place among the user's commands.
        seq: Seq,
    },
    /// It is decided, and holds as long as the log says.
    Decided(Outcome),
}

/// Why a pause was not laid. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
#[non_exhaustive]
pub enum PauseRefused {
    #[error("this process does not run user {user}")]
    NotRun { user: UserId },
    #[error("{most} pauses of user {user} are not decided by the log yet; the deepest of them holds")]
    TooMany { user: UserId, most: usize },
    #[error("this process is ending")]
    Ending,
}

/// A pause on its way to the executor's task.
pub(super) struct Order {
    pub(super) pause: VolatilePause,
    pub(super) bus: Arc<dyn CommandBus>,
    pub(super) answer: oneshot::Sender<Result<watch::Receiver<Recording>, PauseRefused>>,
}
