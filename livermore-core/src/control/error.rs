use std::time::Duration;

use crate::{
    ErrorKind,
    ids::{CommandId, Epoch, Generation},
    settings::Problem,
};

/// Why a command, or a step of a runner, was refused. Nothing was changed, except where the variant says otherwise.
///
/// No message and no `Debug` output holds a payload, a credential or a database row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ControlError {
    #[error("the command is not valid: {}", join(problems))]
    Invalid { problems: Vec<Problem> },
    /// Make a new id for a new command.
    #[error("the command id {id} was used before for another command")]
    IdReused { id: CommandId },
    /// Too many commands of this user are undecided.
    #[error("too many commands are undecided; try again in {} s", retry_after.as_secs_f64())]
    Busy { retry_after: Duration },
    #[error("there is no command {id}")]
    NotFound { id: CommandId },
    /// The connection was lost while the answer was on its way: what was asked for has happened, or has not. A submission
    /// may be sent again with the same id.
    #[error("whether it was recorded is not known: the command log did not answer ({step})")]
    OutcomeUnknown {
        step: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    #[error("the command log cannot be reached: {step}")]
    Unavailable {
        step: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Another runner has taken over. Stop.
    #[error("the lease has moved on: this runner holds epoch {held}, the user is at {current}")]
    StaleEpoch { held: Epoch, current: Epoch },
    /// The log has lost what it once held, for example through a restored backup. No command is taken until an operator
    /// says that this state holds (`rebase`).
    #[error(
        "the command log is older than what the monitor has seen (generation {seen}, the log says {found}); restore it, or take it for right: livermore command rebase"
    )]
    StoreRegressed { seen: Generation, found: Generation },
    /// The log has lost its data: what became of the command cannot be known.
    #[error("the command log has lost its state ({reason}); what became of earlier commands is not known")]
    StateLost { reason: String },
    /// The log is there, but not as it must be; an operator has to act.
    #[error("the command log cannot be used: {reason}")]
    Setup { reason: String },
    #[error("the command log was closed")]
    Closed,
}

impl ControlError {
    /// What a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::InvalidInput,
            Self::IdReused { .. } => ErrorKind::Conflict,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Busy { .. } | Self::OutcomeUnknown { .. } | Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::StaleEpoch { .. } | Self::StoreRegressed { .. } | Self::StateLost { .. } | Self::Setup { .. } => {
                ErrorKind::WrongState
            }
            Self::Closed => ErrorKind::Closed,
        }
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
