use std::io;

use livermore_core::{
    ErrorKind,
    alert::RulesError,
    exchange::{CsvError, ExchangeError},
    ids::{InvalidId, Timeframe},
    indicator::IndicatorError,
    market::{NotAMultiple, SequenceError},
    settings::{PathError, SettingsError},
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
    #[error("{}", one_per_line(.0))]
    Settings(#[from] SettingsError),
    #[error("{0}")]
    Argument(InvalidId),
    #[error("{0}")]
    Path(PathError),
    #[error("nothing is at {path}")]
    NoSuchPath { path: String },
    #[error("--store {url}: a store is file:FOLDER, for example file:./.livermore")]
    StoreUrl { url: String },
    #[error("no editor: set EDITOR to one, for example EDITOR=nano")]
    NoEditor,
    #[error("{error}\nwhat you wrote is kept in {path}")]
    Edit { path: String, error: SettingsError },
    #[error("{count} could not be migrated")]
    NotMigrated { count: usize },
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error("the program cannot start: {0}")]
    Start(io::Error),
}

impl Failure {
    /// 6: someone else changed it first. 2: the input or the command line is wrong. 3: something needed is out of reach. 1: anything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Output(_) | Self::Start(_) => 1,
            Self::Exchange(error) if error.is_retryable() => 3,
            Self::Settings(error) | Self::Edit { error, .. } => match error.kind() {
                ErrorKind::Conflict => 6,
                ErrorKind::Unavailable | ErrorKind::Closed => 3,
                _ => 2,
            },
            Self::Csv(_)
            | Self::Hole(_)
            | Self::Timeframe { .. }
            | Self::Input { .. }
            | Self::To(_)
            | Self::Rules(_)
            | Self::Sequence(_)
            | Self::Indicator(_)
            | Self::Exchange(_)
            | Self::Argument(_)
            | Self::Path(_)
            | Self::NoSuchPath { .. }
            | Self::StoreUrl { .. }
            | Self::NoEditor
            | Self::NotMigrated { .. } => 2,
        }
    }
}

/// Every problem of a document on a line of its own.
fn one_per_line(error: &SettingsError) -> String {
    match error {
        SettingsError::Invalid { problems } => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            format!("the settings are not valid:{}", lines.concat())
        }
        other => other.to_string(),
    }
}
