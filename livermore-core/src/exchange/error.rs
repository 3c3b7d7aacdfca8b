use std::time::Duration;

use crate::{
    ErrorKind,
    ids::{Exchange, Symbol, Timeframe},
};

/// Why an exchange did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ExchangeError {
    #[error("{exchange} does not list {symbol}{}", hint(suggestion.as_ref()))]
    UnknownSymbol { exchange: Exchange, symbol: Symbol, suggestion: Option<Symbol> },
    #[error("{exchange} has no {timeframe} candles of its own (it has {available})")]
    UnsupportedTimeframe { exchange: Exchange, timeframe: Timeframe, available: String },
    #[error("the request is not valid: {reason}")]
    InvalidRequest { reason: String },
    #[error("{exchange} cannot be reached: {step}")]
    Unavailable {
        exchange: Exchange,
        /// What was being done.
        step: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    #[error("{exchange} asks for fewer requests: {step}{}", wait(*retry_after))]
    RateLimited {
        exchange: Exchange,
        /// What was being done.
        step: String,
        /// How long the exchange asks to wait, where it says.
        retry_after: Option<Duration>,
    },
    #[error("{exchange} refuses the credentials: {reason}")]
    Denied {
        exchange: Exchange,
        /// What is wrong with them and how to mend it; never the credentials.
        reason: String,
    },
    #[error("{exchange} answered what cannot be understood: {place}: {reason}")]
    Malformed {
        exchange: Exchange,
        /// Where in the answer, for example `candles[3].low`.
        place: String,
        reason: String,
    },
    #[error("the connection to {exchange} was closed")]
    Closed { exchange: Exchange },
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(" (again in {} s)", wait.as_secs())).unwrap_or_default()
}

fn hint(suggestion: Option<&Symbol>) -> String {
    suggestion.map(|symbol| format!(" (did you mean {symbol}?)")).unwrap_or_default()
}

impl ExchangeError {
    /// What a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownSymbol { .. } => ErrorKind::NotFound,
            Self::UnsupportedTimeframe { .. } | Self::InvalidRequest { .. } => ErrorKind::InvalidInput,
            Self::Unavailable { .. } | Self::RateLimited { .. } | Self::Malformed { .. } => ErrorKind::Unavailable,
            Self::Denied { .. } => ErrorKind::Denied,
            Self::Closed { .. } => ErrorKind::Closed,
        }
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }
}
