use std::io;

use livermore_core::{
    alert::RulesError,
    exchange::{CsvError, ExchangeError},
    ids::Timeframe,
    indicator::IndicatorError,
    market::{NotAMultiple, SequenceError},
};

/// Why a command ended early. The text is for the person who typed it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Csv(#[from] CsvError),
    #[error("{0}; --max-fill raises the limit if the market really was quiet")]
    Hole(CsvError),
    #[error(
        "{name}, lines 2 to 11, field time: every candle begins at a multiple of {longer}, so these are not {timeframe} \
         candles; use --timeframe {longer}"
    )]
    Timeframe { name: String, timeframe: Timeframe, longer: Timeframe },
    #[error("{path}: cannot be read: {error}")]
    Input { path: String, error: io::Error },
    #[error("--to: {0}")]
    To(#[from] NotAMultiple),
    #[error("{0}")]
    Rules(#[from] RulesError),
    #[error("{0}")]
    Sequence(#[from] SequenceError),
    #[error("{0}")]
    Indicator(#[from] IndicatorError),
    #[error("{0}")]
    Exchange(#[from] ExchangeError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error("the program cannot start: {0}")]
    Start(io::Error),
}

impl Failure {
    /// 2: the input or the command line is wrong. 3: something needed is out of reach. 1: anything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Output(_) | Self::Start(_) => 1,
            Self::Exchange(error) if error.is_retryable() => 3,
            Self::Csv(_)
            | Self::Hole(_)
            | Self::Timeframe { .. }
            | Self::Input { .. }
            | Self::To(_)
            | Self::Rules(_)
            | Self::Sequence(_)
            | Self::Indicator(_)
            | Self::Exchange(_) => 2,
        }
    }
}
