use super::{MigrationError, Problem, Stored, document::NotADocument};
use crate::ErrorKind;

/// Why settings could not be read or written. Nothing was changed, except where the variant says otherwise.
///
/// No message and no `Debug` output holds a document, a credential or a database row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SettingsError {
    #[error("the settings are not valid: {}", join(problems))]
    Invalid { problems: Vec<Problem> },
    /// Someone else saved in between. Read `current`, decide again, save again.
    #[error("the settings were changed in between (now at revision {})", revision_of(current.as_deref()))]
    Conflict { current: Option<Box<Stored>> },
    #[error("the settings have version {found}; this program knows versions up to {max} and does not write newer ones")]
    Newer { found: u32, max: u32 },
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// What is stored for this user cannot be read; other users are not affected.
    #[error("the stored settings cannot be read: {reason}")]
    Unreadable { reason: String },
    #[error("there is no revision {revision} in the history")]
    NoSuchRevision { revision: crate::ids::Revision },
    #[error("the settings store cannot be reached: {step}")]
    Unavailable {
        step: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    #[error("the settings store is busy: {step}")]
    Busy { step: String },
    /// The store is there, but not as it must be; an operator has to act.
    #[error("the settings store cannot be used: {reason}")]
    Setup { reason: String },
    #[error("the settings store was closed")]
    Closed,
}

impl SettingsError {
    /// What a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::InvalidInput,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::Newer { .. } | Self::Migration(_) | Self::Unreadable { .. } | Self::Setup { .. } => {
                ErrorKind::WrongState
            }
            Self::NoSuchRevision { .. } => ErrorKind::NotFound,
            Self::Unavailable { .. } | Self::Busy { .. } => ErrorKind::Unavailable,
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

fn revision_of(stored: Option<&Stored>) -> String {
    stored.map_or_else(|| "none: nothing is stored".to_owned(), |stored| stored.revision.to_string())
}

impl From<NotADocument> for SettingsError {
    fn from(NotADocument(problems): NotADocument) -> Self {
        Self::Invalid { problems }
    }
}
