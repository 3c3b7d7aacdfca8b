use std::fmt;

/// What a caller can do about an error; every error of this workspace has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input breaks a documented rule. Correct it; the same call fails again.
    InvalidInput,
    /// The input is valid, but a different state is needed first (a gap to repair, a series to start).
    WrongState,
    /// Someone else changed the same thing first. Read again, decide again.
    Conflict,
    /// The thing asked for does not exist.
    NotFound,
    /// The other side cannot be reached or did not answer in time. The same call may succeed later.
    Unavailable,
    /// The other side refuses who asks. Correct the credentials or their permissions; the same call fails again.
    Denied,
    /// The component was closed and will not answer again.
    Closed,
}

impl ErrorKind {
    /// Whether the same call, unchanged, may succeed later.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Unavailable => true,
            Self::InvalidInput | Self::WrongState | Self::Conflict | Self::NotFound | Self::Denied | Self::Closed => {
                false
            }
        }
    }
}

/// What went wrong below, in words without the values it went wrong with: the source of an error that may be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    /// A fault in these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}
