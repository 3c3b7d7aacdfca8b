use crate::{ErrorKind, ids::InvalidId, market::SequenceError};

/// Why an indicator refused an input, a configuration or a snapshot. The indicator is unchanged after any of these.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum IndicatorError {
    #[error("{parameter} is {value}; it must be {rule}")]
    Config { parameter: &'static str, value: String, rule: &'static str },
    #[error("the snapshot cannot be restored: {reason}")]
    Snapshot { reason: String },
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    #[error(transparent)]
    Id(#[from] InvalidId),
}

impl IndicatorError {
    /// What a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Config { .. } | Self::Snapshot { .. } | Self::Id(_) => ErrorKind::InvalidInput,
            Self::Sequence(error) => error.kind(),
        }
    }
}
