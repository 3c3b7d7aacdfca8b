use std::{collections::HashSet, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Body, payload};
use crate::{
    ids::{Revision, Symbol, Timeframe, did_you_mean},
    settings::{Mode, Problem, ProblemCode, UserSettings},
};

/// What a sender tells a running monitor to do.
///
/// On the wire a command is its [kind](CommandKind) and a payload, a JSON object; see [`Command::parse`]. Each command
/// sets a register of the desired state or changes the settings, so that doing it twice does no harm.
///
/// `Debug` shows the kind only: payloads never reach a log.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Stop a part of the data plane. Never starts anything: of two pauses the deeper one holds.
    Pause {
        /// How much stops.
        level: PauseLevel,
    },
    /// Everything runs again.
    Resume,
    /// Take over settings that were changed elsewhere.
    ReloadSettings {
        /// At least this revision; what is stored when it is not given.
        revision: Option<Revision>,
    },
    /// Change `mode` in the settings.
    SwitchMode {
        /// The new mode.
        mode: Mode,
    },
    /// Add a symbol to the monitored ones.
    AddSymbol {
        /// The symbol.
        symbol: Symbol,
    },
    /// Remove a symbol from the monitored ones.
    RemoveSymbol {
        /// The symbol.
        symbol: Symbol,
    },
    /// Add several symbols in one change of the settings.
    BulkAddSymbols {
        /// The symbols, each once.
        symbols: Vec<Symbol>,
    },
    /// Fetch history again.
    ForceBackfill(Backfill),
    /// Forget cached market data.
    ClearCache {
        /// Which.
        scope: CacheScope,
    },
}

/// The name of a command, as it is stored and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names of the commands")]
pub enum CommandKind {
    Pause,
    Resume,
    ReloadSettings,
    SwitchMode,
    AddSymbol,
    RemoveSymbol,
    BulkAddSymbols,
    ForceBackfill,
    ClearCache,
}

/// How much a pause stops. Each level includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PauseLevel {
    /// No alerts; data and indicators go on.
    Mute,
    /// No alerts and no indicators; the connection stays and candles are collected.
    Hold,
    /// Nothing of the data plane runs; no connection is open.
    #[default]
    Stop,
}

/// History to be fetched again.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backfill {
    /// Of these symbols, each once, 1 to 50.
    pub symbols: Vec<Symbol>,
    /// In these timeframes, each once; every configured one when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeframes: Vec<Timeframe>,
    /// So many days back, 1 to 365; as many bars as the indicators need when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
}

/// Which cached market data is forgotten; always of one user only.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "lowercase")]
pub enum CacheScope {
    /// All of it.
    All,
    /// Of one symbol.
    Symbol {
        /// The symbol.
        symbol: Symbol,
    },
    /// Of one timeframe.
    Timeframe {
        /// The timeframe.
        timeframe: Timeframe,
    },
}

impl Command {
    /// Most symbols in one backfill.
    pub const MAX_BACKFILL_SYMBOLS: usize = 50;
    /// Most days of one backfill.
    pub const MAX_BACKFILL_DAYS: u16 = 365;

    /// The command's name.
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::Pause { .. } => CommandKind::Pause,
            Self::Resume => CommandKind::Resume,
            Self::ReloadSettings { .. } => CommandKind::ReloadSettings,
            Self::SwitchMode { .. } => CommandKind::SwitchMode,
            Self::AddSymbol { .. } => CommandKind::AddSymbol,
            Self::RemoveSymbol { .. } => CommandKind::RemoveSymbol,
            Self::BulkAddSymbols { .. } => CommandKind::BulkAddSymbols,
            Self::ForceBackfill(_) => CommandKind::ForceBackfill,
            Self::ClearCache { .. } => CommandKind::ClearCache,
        }
    }

    /// Reads a command from its kind and payload; an object without members and null are the same.
    ///
    /// Members that are not known are refused: a command that is half understood is not carried out.
    pub fn parse(kind: CommandKind, payload: &Value) -> Result<Self, Vec<Problem>> {
        let command = payload::read(kind, payload)?;
        let problems = command.problems();
        if problems.is_empty() { Ok(command) } else { Err(problems) }
    }

    /// The payload, an object.
    pub fn payload(&self) -> Value {
        payload::write(self)
    }

    /// The payload as it is stored.
    pub fn body(&self) -> Body {
        Body::new(&self.payload())
    }

    /// Everything that is wrong with it, for commands put together in code.
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Self::BulkAddSymbols { symbols } => distinct("/payload/symbols", symbols, UserSettings::MAX_SYMBOLS),
            Self::ForceBackfill(backfill) => backfill.problems(),
            _ => Vec::new(),
        }
    }
}

impl Backfill {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = distinct("/payload/symbols", &self.symbols, Command::MAX_BACKFILL_SYMBOLS);
        if !self.timeframes.is_empty() {
            problems.extend(distinct("/payload/timeframes", &self.timeframes, Timeframe::ALL.len()));
        }
        if self.days.is_some_and(|days| !(1..=Command::MAX_BACKFILL_DAYS).contains(&days)) {
            let message = format!("is not a whole number from 1 to {}", Command::MAX_BACKFILL_DAYS);
            problems.push(Problem::new("/payload/days", ProblemCode::Range, message));
        }
        problems
    }
}

fn distinct<T: Eq + std::hash::Hash>(pointer: &str, items: &[T], most: usize) -> Vec<Problem> {
    if items.is_empty() {
        return vec![Problem::new(pointer, ProblemCode::Missing, "is empty; at least one is needed")];
    }
    if items.len() > most {
        let message = format!("has {} entries; at most {most} are allowed", items.len());
        return vec![Problem::new(pointer, ProblemCode::TooMany, message)];
    }
    let mut seen = HashSet::new();
    let repeated = items.iter().enumerate().filter(|(_, item)| !seen.insert(*item));
    let problem = |index| Problem::new(format!("{pointer}/{index}"), ProblemCode::Duplicate, "is there twice");
    repeated.map(|(index, _)| problem(index)).collect()
}

impl CommandKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Pause,
        Self::Resume,
        Self::ReloadSettings,
        Self::SwitchMode,
        Self::AddSymbol,
        Self::RemoveSymbol,
        Self::BulkAddSymbols,
        Self::ForceBackfill,
        Self::ClearCache,
    ];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::ReloadSettings => "reload-settings",
            Self::SwitchMode => "switch-mode",
            Self::AddSymbol => "add-symbol",
            Self::RemoveSymbol => "remove-symbol",
            Self::BulkAddSymbols => "bulk-add-symbols",
            Self::ForceBackfill => "force-backfill",
            Self::ClearCache => "clear-cache",
        }
    }

    /// The kind of that name, or what is wrong with it and the accepted ones.
    pub fn from_name(name: &str) -> Result<Self, Problem> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let accepted = format!("accepted: {}", names.join(", "));
            let shown: String = name.chars().take(64).collect();
            Problem::new("/type", ProblemCode::Unknown, format!("{shown:?} is not a command")).with_hint(
                match did_you_mean(name, names) {
                    Some(meant) => format!("did you mean {meant:?}? {accepted}"),
                    None => accepted,
                },
            )
        })
    }

    /// Whether the command is a change of the settings, made with the command's id as its cause.
    pub const fn changes_settings(self) -> bool {
        matches!(self, Self::SwitchMode | Self::AddSymbol | Self::RemoveSymbol | Self::BulkAddSymbols)
    }

    /// Whether the command only takes away, so that it is wanted however late it comes.
    pub const fn stops(self) -> bool {
        matches!(self, Self::Pause | Self::RemoveSymbol)
    }
}

impl fmt::Display for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PauseLevel {
    /// Every level, from the lightest on.
    pub const ALL: [Self; 3] = [Self::Mute, Self::Hold, Self::Stop];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mute => "mute",
            Self::Hold => "hold",
            Self::Stop => "stop",
        }
    }
}

impl fmt::Display for PauseLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({})", self.kind())
    }
}

impl fmt::Debug for Backfill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backfill").field("symbols", &self.symbols.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for CacheScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "CacheScope(all)",
            Self::Symbol { .. } => "CacheScope(symbol)",
            Self::Timeframe { .. } => "CacheScope(timeframe)",
        })
    }
}
