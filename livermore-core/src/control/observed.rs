use serde::{Deserialize, Serialize};

use super::{Desired, Phase};
use crate::ids::{CommandId, Epoch, Generation, Revision, Timestamp};

/// What one user's monitor is really doing, as its runner last reported.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// Of the lease it was reported under.
    pub epoch: Epoch,
    /// The data plane is as this generation of the desired state wants it.
    pub generation: Generation,
    /// How much of the data plane runs.
    pub phase: Phase,
    /// The settings in use.
    pub settings_revision: Revision,
    /// A pause that the log has not decided yet keeps the data plane from the desired phase: whatever the generation,
    /// nothing counts as reached.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_back: bool,
    /// Whether the data plane is as it should be, and if not, what is in the way.
    pub health: Health,
    /// The jobs of the desired state that have begun.
    pub jobs: Vec<JobReport>,
    /// When, by the runner's clock.
    pub at: Timestamp,
}

/// Whether the data plane is as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Health {
    /// It is.
    Converged,
    /// It is on the way there.
    Converging,
    /// It is not, and the runner tries again.
    Degraded {
        /// What does not work.
        component: String,
        /// Why.
        cause: String,
    },
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobReport {
    /// The command that asked for it.
    pub id: CommandId,
    /// How far it is.
    pub state: JobState,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum JobState {
    /// `done` of `total` steps; `total` may grow.
    Running {
        /// Steps done.
        done: u64,
        /// Steps in all, as far as is known.
        total: u64,
    },
    /// All of it is done.
    Done,
    /// It was given up.
    Failed {
        /// Why.
        reason: String,
    },
}

impl JobState {
    /// Whether nothing follows.
    pub const fn is_finished(&self) -> bool {
        !matches!(self, Self::Running { .. })
    }
}

impl Observed {
    /// The report on a job.
    pub fn job(&self, id: CommandId) -> Option<&JobState> {
        self.jobs.iter().find(|report| report.id == id).map(|report| &report.state)
    }

    /// Whether a job is known to have ended.
    pub fn has_finished(&self, id: CommandId) -> bool {
        self.job(id).is_some_and(JobState::is_finished)
    }

    /// Whether the data plane has caught up with `desired`, jobs aside.
    pub fn has_reached(&self, desired: &Desired) -> bool {
        !self.held_back && self.generation >= desired.generation
    }
}
