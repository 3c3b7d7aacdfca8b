use std::io;

#[cfg(feature = "coinbase")]
use livermore_coinbase::{CoinbaseError, fake::StartError};
use livermore_core::{
    ErrorKind,
    alert::RulesError,
    control::{ControlError, Verdict},
    exchange::{CsvError, ExchangeError},
    ids::{CommandId, InvalidId, Timeframe},
    indicator::IndicatorError,
    market::{NotAMultiple, SequenceError},
    settings::{PathError, SettingsError},
};

use crate::store::Holder;

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
    #[error("{}", with_cause(.0))]
    Exchange(#[from] ExchangeError),
    #[cfg(feature = "coinbase")]
    #[error("{}", with_cause(.0))]
    Coinbase(#[from] CoinbaseError),
    #[cfg(feature = "coinbase")]
    #[error("the simulated exchange cannot start: {}", with_cause(.0))]
    Simulation(#[from] StartError),
    #[cfg(feature = "coinbase")]
    #[error("{path}: {reason}")]
    CandleFile { path: String, reason: String },
    #[cfg(feature = "coinbase")]
    #[error("another process writes to {path}; wait until it has ended, or name another file")]
    CandleFileInUse { path: String },
    #[cfg(feature = "coinbase")]
    #[error("{path}: cannot be written: {error}")]
    OutputFile { path: String, error: io::Error },
    #[cfg(feature = "coinbase")]
    #[error(
        "--output writes CSV, which can be gone on with; leave out --format, or print JSON lines and redirect them"
    )]
    OnlyCsv,
    #[cfg(feature = "coinbase")]
    #[error(
        "interrupted after {rows} candles, which are whole{}",
        if *resumable { "; the same command goes on from there" } else { "" }
    )]
    Halted { rows: u64, resumable: bool },
    #[cfg(feature = "coinbase")]
    #[error("--quote: nothing is traded for {quote}; things are traded for {quotes}")]
    NoQuote { quote: String, quotes: String },
    #[error("{}", in_full(.0))]
    Settings(#[from] SettingsError),
    #[error("{0}")]
    Argument(InvalidId),
    #[error("{0}")]
    Path(PathError),
    #[error("nothing is at {path}")]
    NoSuchPath { path: String },
    #[error(
        "--store is no store{}; a store is one of\n  \
         file:FOLDER                                     for example file:./.livermore\n  \
         postgres://USER:PASSWORD@HOST:PORT/DATABASE     for example postgres://livermore_app@localhost/livermore",
        perhaps(.meant.as_deref())
    )]
    StoreUrl { meant: Option<String> },
    #[cfg(not(feature = "pg"))]
    #[error("--store: this livermore was built without PostgreSQL; build it with the feature pg, or use file:FOLDER")]
    WithoutPostgres,
    #[error(
        "another process uses the folder {folder}{}\nwait until it has ended, or keep settings in PostgreSQL, which many \
         processes may use at once: --store postgres://…",
        by(.holder.as_ref())
    )]
    FolderInUse { folder: String, holder: Option<Holder> },
    #[cfg(feature = "pg")]
    #[error("{0}\n`livermore doctor` with the same --store lists what is missing and what to type")]
    NotSetUp(SettingsError),
    #[error("a folder has no tables to migrate; give --store postgres://OWNER:PASSWORD@HOST:PORT/DATABASE")]
    NothingToMigrate,
    #[cfg(feature = "pg")]
    #[error("the tables are not those of this program; `livermore doctor` with the same --store says what to type")]
    NotMigratedStore,
    #[error("interrupted; what was migrated stays, and the same command goes on from there")]
    Interrupted,
    #[error("{count} of the checks failed")]
    Doctor { count: usize, retryable: bool },
    #[error(
        "--bus is no command log{}; a command log is one of\n  \
         file:FOLDER                                     for example file:./.livermore\n  \
         redis://USER:PASSWORD@HOST:PORT/DATABASE        for example redis://localhost\n  \
         postgres://USER:PASSWORD@HOST:PORT/DATABASE     for example postgres://livermore_app@localhost/livermore\n  \
         memory                                          for `livermore inbox` alone",
        perhaps(.meant.as_deref())
    )]
    BusUrl { meant: Option<String> },
    #[error(
        "--bus memory is within one process: `livermore inbox --bus memory` takes commands from its standard input; to \
         send them from here, give --bus postgres://… or another log that both can reach"
    )]
    MemoryBus,
    #[error("--bell rings beside a log in PostgreSQL: give --bus postgres://… and --bell redis://HOST:PORT")]
    Bell,
    #[error(
        "another process uses the command log in {folder}{}\nwait until it has ended, or record commands where many \
         processes may at once: --bus redis://… or --bus postgres://…",
        by(.holder.as_ref())
    )]
    LogInUse { folder: String, holder: Option<Holder> },
    #[cfg(not(all(feature = "pg", feature = "redis")))]
    #[error("--bus: this livermore was built without {what}; build it with all features, or use another log")]
    WithoutBus { what: &'static str },
    #[error("{}", control_in_full(.0))]
    Control(#[from] ControlError),
    #[error("{0}\nthis call has recorded nothing")]
    NothingRecorded(Box<Self>),
    #[error("--payload: is not JSON, line {line}, column {column}; write an object such as '{{\"level\":\"mute\"}}'")]
    Payload { line: usize, column: usize },
    #[error("--id names one command, and each symbol is removed by one of its own; remove them one by one")]
    OneIdForMany,
    #[error("{known}\nask again with: {again}")]
    Pending { known: String, again: String },
    #[error("{kind} {id}: {verdict} ({code}){detail}")]
    Ended { id: CommandId, kind: String, verdict: &'static str, code: String, detail: String },
    #[error("{id} cannot be taken back: it has ended before, {verdict}")]
    NotCancelled { id: CommandId, verdict: Verdict },
    #[error("interrupted before {id} was effective; ask again with: {again}")]
    NotWatched { id: CommandId, again: String },
    #[cfg(unix)]
    #[error("--admin-socket {path}: {error}")]
    AdminSocket { path: String, error: io::Error },
    #[cfg(unix)]
    #[error("--admin-socket {path}: another process listens there; wait until it has ended, or name another path")]
    AdminSocketInUse { path: String },
    #[cfg(unix)]
    #[error(
        "--admin-socket {path}: no process can be reached there ({error}), and nothing was paused; name the path that was \
         given to the running `livermore inbox --admin-socket PATH`"
    )]
    NobodyAtAdminSocket { path: String, error: io::Error },
    #[cfg(unix)]
    #[error(
        "--admin-socket {path}: whether it is paused is not known: no answer ({error})\nask again with the same command: \
         pausing twice does no harm"
    )]
    AdminUnanswered { path: String, error: io::Error },
    #[cfg(unix)]
    #[error("nothing was paused: {reason}")]
    AdminRefused { reason: String, retryable: bool },
    #[error("the inbox did not stop in time; the leases it holds end by themselves")]
    NotStopped,
    #[error("ended at once; the leases it holds end by themselves")]
    EndedAtOnce,
    #[error("no editor: set EDITOR to one, for example EDITOR=nano")]
    NoEditor,
    #[error("{}\nwhat you wrote is kept in {path}", in_full(.error))]
    Edit { path: String, error: SettingsError },
    #[error("{count} could not be migrated")]
    NotMigrated { count: usize },
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error("the program cannot start: {0}")]
    Start(io::Error),
}

impl Failure {
    /// 2: the input or the command line is wrong. 3: something needed is out of reach. 4: not known yet. 5: a command, or
    /// who asks, was refused. 6: someone else came first. 130: ended by the operator halfway. 1: anything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Output(_) | Self::Start(_) => 1,
            Self::Exchange(error) => asked(error.kind()),
            #[cfg(feature = "coinbase")]
            Self::Coinbase(error) => asked(error.kind()),
            #[cfg(feature = "coinbase")]
            Self::OutputFile { .. } | Self::Simulation(StartError::Bind(_) | StartError::Certificate(_)) => 1,
            #[cfg(feature = "coinbase")]
            Self::CandleFileInUse { .. } => 3,
            #[cfg(feature = "coinbase")]
            Self::Halted { .. } => 130,
            #[cfg(feature = "coinbase")]
            Self::CandleFile { .. } | Self::OnlyCsv | Self::NoQuote { .. } | Self::Simulation(_) => 2,
            #[cfg(unix)]
            Self::AdminSocketInUse { .. }
            | Self::NobodyAtAdminSocket { .. }
            | Self::AdminRefused { retryable: true, .. } => 3,
            #[cfg(unix)]
            Self::AdminUnanswered { .. } => 4,
            #[cfg(unix)]
            Self::AdminSocket { .. } | Self::AdminRefused { .. } => 2,
            Self::FolderInUse { .. } | Self::LogInUse { .. } | Self::Doctor { retryable: true, .. } => 3,
            Self::Interrupted | Self::NotWatched { .. } | Self::EndedAtOnce => 130,
            Self::NotStopped => 1,
            Self::Pending { .. } => 4,
            Self::Ended { .. } | Self::NotCancelled { .. } => 5,
            Self::NothingRecorded(failure) => failure.exit_code(),
            Self::Control(error) => match error.kind() {
                ErrorKind::Conflict => 6,
                ErrorKind::Unavailable | ErrorKind::Closed => 3,
                _ => 2,
            },
            #[cfg(not(feature = "pg"))]
            Self::WithoutPostgres => 2,
            #[cfg(not(all(feature = "pg", feature = "redis")))]
            Self::WithoutBus { .. } => 2,
            #[cfg(feature = "pg")]
            Self::NotSetUp(_) | Self::NotMigratedStore => 2,
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
            | Self::Argument(_)
            | Self::Path(_)
            | Self::NoSuchPath { .. }
            | Self::StoreUrl { .. }
            | Self::NothingToMigrate
            | Self::BusUrl { .. }
            | Self::MemoryBus
            | Self::Bell
            | Self::Payload { .. }
            | Self::OneIdForMany
            | Self::Doctor { .. }
            | Self::NoEditor
            | Self::NotMigrated { .. } => 2,
        }
    }
}

/// The exit code of a question to an exchange.
const fn asked(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Unavailable | ErrorKind::Closed => 3,
        ErrorKind::Denied => 5,
        _ => 2,
    }
}

fn perhaps(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!(" (did you mean {meant}:?)"))
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" ({holder})"))
}

/// Every problem of a document on a line of its own; the cause of a failure where the message does not have it.
pub(crate) fn in_full(error: &SettingsError) -> String {
    match error {
        SettingsError::Invalid { problems } => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            format!("the settings are not valid:{}", lines.concat())
        }
        other => with_cause(other),
    }
}

/// The same for what a command log answers.
pub(crate) fn control_in_full(error: &ControlError) -> String {
    match error {
        ControlError::Invalid { problems } => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            format!("the command is not valid:{}", lines.concat())
        }
        other => with_cause(other),
    }
}

/// An error with its cause, where the message does not have it.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    match error.source().map(ToString::to_string) {
        Some(cause) if !text.contains(&cause) => format!("{text}: {cause}"),
        _ => text,
    }
}
