use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use super::{Body, BodyHash, Command, CommandKind, JobState, Observed};
use crate::{
    ids::{CommandId, Epoch, Generation, Seq, Timestamp, UserId},
    settings::Actor,
};

/// A recorded command, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandRecord {
    /// Whose monitor it is for.
    pub user: UserId,
    /// The sender's name for it.
    pub id: CommandId,
    /// Its place among the user's commands, from 1, without a gap.
    pub seq: Seq,
    /// The command's name. A newer sender may know more names than this program.
    pub kind: String,
    /// The payload.
    pub body: Body,
    /// Of kind and body.
    pub hash: BodyHash,
    /// Who sent it.
    pub sender: Actor,
    /// When it was recorded, by the store's clock.
    pub submitted_at: Timestamp,
    /// It must not be applied later than this, by the store's clock.
    pub not_after: Option<Timestamp>,
    /// How often deciding it was begun.
    pub attempts: u32,
    /// What became of it; none while it is undecided.
    pub outcome: Option<Outcome>,
    /// How the job it asked for has ended.
    pub job: Option<JobState>,
}

/// What became of a command. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, for programs.
    pub code: OutcomeCode,
    /// Why, for people.
    pub detail: Option<String>,
    /// Whether the desired state or the settings changed.
    pub changed: bool,
    /// The generation of the desired state afterwards.
    pub generation: Generation,
    /// The lease it was decided under; none if no runner was involved.
    pub epoch: Option<Epoch>,
    /// When, by the store's clock.
    pub decided_at: Timestamp,
}

/// The final states of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is part of the desired state or the settings now.
    Applied,
    /// It was refused; nothing changed.
    Rejected,
    /// It was not decided in time; nothing changed.
    Expired,
    /// Its sender took it back; nothing changed.
    Cancelled,
    /// Deciding it did not work; nothing changed, unless the detail says otherwise.
    Failed,
}

/// Why a command ended as it did: lower-case words joined by `_`. The constants are those of this program.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutcomeCode(Cow<'static, str>);

/// Whether a command has taken effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Effect {
    /// It is not applied, or not yet decided.
    None,
    /// The data plane, or the job, has not got there, or a pause that the log does not know yet lies over it.
    Pending,
    /// The data plane is as the command wants it, and its job is done.
    Effective,
    /// Its job was given up.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A recorded command and its effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandStatus {
    /// The record.
    #[serde(flatten)]
    pub record: CommandRecord,
    /// Whether it has taken effect.
    pub effect: Effect,
}

impl CommandRecord {
    /// The command, or why this program cannot carry it out.
    pub fn command(&self) -> Result<Command, (OutcomeCode, String)> {
        let Ok(kind) = CommandKind::from_name(&self.kind) else {
            let detail = format!("this runner does not know the command {:?}; update it", shortened(&self.kind));
            return Err((OutcomeCode::UNSUPPORTED, detail));
        };
        let Some(payload) = self.body.payload() else {
            return Err((OutcomeCode::UNREADABLE, "the payload cannot be read".to_owned()));
        };
        Command::parse(kind, &payload).map_err(|problems| {
            let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
            (OutcomeCode::INVALID, list.join("; "))
        })
    }

    /// Whether it is undecided.
    pub const fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    /// Whether it is undecided and its time is over.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && self.not_after.is_some_and(|not_after| now > not_after)
    }

    /// Whether nobody but its runner may end it: deciding a change of the settings has begun, so that the change may
    /// have been saved already.
    pub fn is_claimed(&self) -> bool {
        self.is_open() && self.attempts > 0 && self.changes_settings()
    }

    /// Whether it is a change of the settings.
    pub fn changes_settings(&self) -> bool {
        CommandKind::from_name(&self.kind).is_ok_and(CommandKind::changes_settings)
    }

    /// Whether the command has taken effect, from what was observed and the epoch of the current lease.
    pub fn effect(&self, observed: Option<&Observed>, current: Epoch) -> Effect {
        let Some(outcome) = self.outcome.as_ref().filter(|outcome| outcome.verdict == Verdict::Applied) else {
            return Effect::None;
        };
        match &self.job {
            Some(JobState::Failed { reason }) => return Effect::Failed { reason: reason.clone() },
            Some(JobState::Done) => return Effect::Effective,
            Some(JobState::Running { .. }) => return Effect::Pending,
            None if matches!(self.kind.as_str(), "force-backfill" | "clear-cache") => return Effect::Pending,
            None => {}
        }
        let reached = |observed: &Observed| {
            observed.epoch == current && !observed.held_back && observed.generation >= outcome.generation
        };
        if observed.is_some_and(reached) { Effect::Effective } else { Effect::Pending }
    }

    /// The record with its effect.
    pub fn with_effect(self, observed: Option<&Observed>, current: Epoch) -> CommandStatus {
        let effect = self.effect(observed, current);
        CommandStatus { record: self, effect }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

impl Verdict {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[allow(missing_docs, reason = "the codes say it; docs/commands.md explains each")]
impl OutcomeCode {
    pub const CHANGED: Self = Self::known("changed");
    pub const UNCHANGED: Self = Self::known("unchanged");
    pub const INVALID: Self = Self::known("invalid");
    pub const UNSUPPORTED: Self = Self::known("unsupported");
    pub const UNREADABLE: Self = Self::known("unreadable");
    pub const NOT_IMPLEMENTED: Self = Self::known("not_implemented");
    pub const TOO_MANY_JOBS: Self = Self::known("too_many_jobs");
    pub const SETTINGS_REFUSED: Self = Self::known("settings_refused");
    pub const NO_SUCH_REVISION: Self = Self::known("no_such_revision");
    pub const EXPIRED: Self = Self::known("expired");
    pub const CANCELLED: Self = Self::known("cancelled");
    pub const INTERNAL: Self = Self::known("internal");
    pub const POISON: Self = Self::known("poison");

    const fn known(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// What a store has kept.
    pub fn from_stored(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OutcomeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
