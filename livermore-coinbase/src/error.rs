use std::time::Duration;

use livermore_core::{
    ErrorKind, Fault,
    exchange::ExchangeError,
    ids::{Exchange, Symbol},
};

/// Why Coinbase could not be used.
///
/// No message, no `Debug` output and no source holds a key, a token, a URL with its query or the body of an answer: of
/// what the exchange says, only a short text is kept.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CoinbaseError {
    /// The configuration is wrong; every problem is listed.
    #[error("the Coinbase configuration is not valid: {}", problems.join("; "))]
    Config {
        /// Field, what was found, what to write.
        problems: Vec<String>,
    },
    /// The API key cannot be used as it is; nothing was sent.
    #[error("the Coinbase API key cannot be used: {reason}")]
    Key {
        /// What is wrong with it and how to mend it; never a part of the key.
        reason: String,
    },
    /// The exchange refuses who asks.
    #[error("Coinbase refuses: {step}: {reason}")]
    Denied {
        /// What was being done.
        step: String,
        /// What is wrong with the key or its permissions and how to mend it.
        reason: String,
    },
    /// The exchange does not know what was asked for.
    #[error("Coinbase does not have it: {step}: {reason}")]
    NotFound {
        /// What was being done.
        step: String,
        /// The exchange's own words, shortened.
        reason: String,
    },
    /// The request breaks a rule, by our own check or by the exchange's.
    #[error("the request is not valid: {step}: {reason}")]
    InvalidRequest {
        /// What was being done.
        step: String,
        /// Which rule.
        reason: String,
    },
    /// Too many requests; the whole client waits.
    #[error("Coinbase asks for fewer requests: {step}{}", again(*retry_after))]
    RateLimited {
        /// What was being done.
        step: String,
        /// The wait the client keeps before it asks again.
        retry_after: Option<Duration>,
    },
    /// There is no connection, or no answer in time.
    #[error("Coinbase cannot be reached: {step}")]
    Unreachable {
        /// What was being done.
        step: String,
        /// What happened to the connection.
        #[source]
        source: Option<Fault>,
    },
    /// The exchange answers that it cannot answer (a status of 500 and above).
    #[error("Coinbase failed: {step}: {reason}")]
    Failed {
        /// What was being done.
        step: String,
        /// The status, and the exchange's own words, shortened.
        reason: String,
    },
    /// The answer cannot be understood.
    #[error("Coinbase answered what cannot be understood: {step}: {place}: {reason}")]
    Malformed {
        /// What was being done.
        step: String,
        /// Where in the answer, for example `candles[3].low`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// What was used is closed.
    #[error("the connection to Coinbase was closed")]
    Closed,
}

impl CoinbaseError {
    /// What a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Config { .. } | Self::InvalidRequest { .. } => ErrorKind::InvalidInput,
            Self::Key { .. } | Self::Denied { .. } => ErrorKind::Denied,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::RateLimited { .. } | Self::Unreachable { .. } | Self::Failed { .. } | Self::Malformed { .. } => {
                ErrorKind::Unavailable
            }
            Self::Closed => ErrorKind::Closed,
        }
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// The same in the words of core; `symbol` is the product that was asked about, if it was one.
    pub(crate) fn into_exchange(self, symbol: Option<&Symbol>) -> ExchangeError {
        let exchange = Exchange::coinbase();
        match (self, symbol) {
            (Self::NotFound { .. }, Some(symbol)) => {
                ExchangeError::UnknownSymbol { exchange, symbol: symbol.clone(), suggestion: None }
            }
            (error @ (Self::Config { .. } | Self::NotFound { .. }), _) => {
                ExchangeError::InvalidRequest { reason: error.to_string() }
            }
            (Self::InvalidRequest { step, reason }, _) => {
                ExchangeError::InvalidRequest { reason: format!("{step}: {reason}") }
            }
            (Self::Key { reason }, _) => ExchangeError::Denied { exchange, reason },
            (Self::Denied { step, reason }, _) => {
                ExchangeError::Denied { exchange, reason: format!("{step}: {reason}") }
            }
            (Self::RateLimited { step, retry_after }, _) => ExchangeError::RateLimited { exchange, step, retry_after },
            (Self::Unreachable { step, source }, _) => {
                ExchangeError::Unavailable { exchange, step, source: source.map(|fault| Box::new(fault).into()) }
            }
            (Self::Failed { step, reason }, _) => {
                ExchangeError::Unavailable { exchange, step, source: Some(Box::new(Fault::new(reason)).into()) }
            }
            (Self::Malformed { step, place, reason }, _) => {
                ExchangeError::Malformed { exchange, place: format!("{step}: {place}"), reason }
            }
            (Self::Closed, _) => ExchangeError::Closed { exchange },
        }
    }
}

impl From<CoinbaseError> for ExchangeError {
    fn from(error: CoinbaseError) -> Self {
        error.into_exchange(None)
    }
}

fn again(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(" (again in {} s)", wait.as_secs_f64().ceil())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_in_core_what_it_says_here() {
        let step = || "reading candles".to_owned();
        let reason = || "because".to_owned();
        let errors = [
            CoinbaseError::Config { problems: vec![reason()] },
            CoinbaseError::Key { reason: reason() },
            CoinbaseError::Denied { step: step(), reason: reason() },
            CoinbaseError::InvalidRequest { step: step(), reason: reason() },
            CoinbaseError::RateLimited { step: step(), retry_after: Some(Duration::from_millis(1_500)) },
            CoinbaseError::Unreachable { step: step(), source: Some(Fault::new(reason())) },
            CoinbaseError::Failed { step: step(), reason: reason() },
            CoinbaseError::Malformed { step: step(), place: "candles[3]".to_owned(), reason: reason() },
            CoinbaseError::Closed,
        ];
        for error in errors {
            let core = ExchangeError::from(error.clone());
            assert_eq!(core.kind(), error.kind(), "{error}");
            assert_eq!(core.is_retryable(), error.is_retryable(), "{error}");
            let told = format!("{core} {:?}", std::error::Error::source(&core));
            let words =
                if matches!(error, CoinbaseError::RateLimited { .. } | CoinbaseError::Closed) { "" } else { "because" };
            assert!(told.contains(words), "{told}");
        }
    }

    #[test]
    fn an_unknown_product_is_named() {
        let symbol = Symbol::new("NOPE-USD").unwrap();
        let error = CoinbaseError::NotFound { step: "reading candles".to_owned(), reason: String::new() };
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let core = error.into_exchange(Some(&symbol));
        assert!(matches!(&core, ExchangeError::UnknownSymbol { symbol: named, .. } if *named == symbol), "{core}");
    }
}
