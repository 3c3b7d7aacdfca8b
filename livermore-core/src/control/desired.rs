use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Backfill, CacheScope, PauseLevel};
use crate::ids::{CommandId, Generation, Revision, Seq};

/// What one user's monitor should be doing: the registers that commands set.
///
/// It changes only together with a command's decision, by one generation at a time. What is really going on is the
/// [`Observed`](super::Observed) state. Mode and symbols are not here: they are settings, and this names their revision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Desired {
    /// How often it has changed.
    pub generation: Generation,
    /// How much of the data plane should run.
    pub phase: Phase,
    /// The settings should be at least at this revision.
    pub settings_revision: Revision,
    /// Work to be done once, oldest first. Finished jobs leave with the next change.
    pub jobs: Vec<Job>,
    /// The command that made this generation.
    pub made_by: Option<CommandId>,
}

/// How much of the data plane should run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Everything.
    #[default]
    Running,
    /// Everything but alerts.
    Muted,
    /// Candles are collected; no indicators, no alerts.
    Held,
    /// Nothing; no connection is open.
    Stopped,
}

/// Work a command asks for, done by a worker beside the decisions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Job {
    /// The command that asks for it.
    pub id: CommandId,
    /// Its place among the user's commands.
    pub seq: Seq,
    /// What to do.
    pub task: Task,
}

/// What a job does. Doing it twice does no harm.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Task {
    /// Fetches history again.
    Backfill(Backfill),
    /// Forgets cached market data.
    ClearCache(CacheScope),
}

impl Desired {
    /// Most jobs that may be open at once.
    pub const MAX_JOBS: usize = 16;
}

impl Phase {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Muted => "muted",
            Self::Held => "held",
            Self::Stopped => "stopped",
        }
    }
}

impl From<PauseLevel> for Phase {
    fn from(level: PauseLevel) -> Self {
        match level {
            PauseLevel::Mute => Self::Muted,
            PauseLevel::Hold => Self::Held,
            PauseLevel::Stop => Self::Stopped,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Task {
    /// Whether it talks to an exchange, and so waits while the data plane is stopped.
    pub const fn needs_exchange(&self) -> bool {
        matches!(self, Self::Backfill(_))
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backfill(backfill) => backfill.fmt(f),
            Self::ClearCache(scope) => scope.fmt(f),
        }
    }
}
