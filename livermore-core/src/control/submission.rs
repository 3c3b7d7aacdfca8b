use std::time::Duration;

use serde_json::Value;

use super::{Body, BodyHash, Command, CommandKind, CommandRecord, ControlPolicy, PauseLevel};
use crate::{
    ids::{CommandId, Seq, Timestamp, UserId},
    settings::{Actor, Problem},
};

/// A command on its way to the log.
///
/// The sender makes the id and keeps it: submitting the same again, after a lost answer, is answered with what was
/// recorded the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    id: CommandId,
    kind: String,
    body: Body,
    sender: Actor,
    expiry: Expiry,
}

/// When a command that is not decided must not be applied any more. Counted by the store's clock from the moment it is
/// recorded, so that a wrong clock at the sender does no harm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// Never for commands that stop something, after the log's default for others.
    #[default]
    Default,
    /// Never.
    Never,
    /// After this time.
    After(Duration),
}

impl Submission {
    /// A command to be recorded; refused if it breaks a limit.
    pub fn new(id: CommandId, command: &Command, sender: Actor) -> Result<Self, Vec<Problem>> {
        let problems = command.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self::unproblematic(id, command, sender))
    }

    /// A pause: nothing can be wrong with it.
    pub(super) fn pause(id: CommandId, level: PauseLevel, sender: Actor) -> Self {
        Self::unproblematic(id, &Command::Pause { level }, sender)
    }

    fn unproblematic(id: CommandId, command: &Command, sender: Actor) -> Self {
        Self { id, kind: command.kind().as_str().to_owned(), body: command.body(), sender, expiry: Expiry::Default }
    }

    /// A command from its wire form: kind and payload.
    pub fn parse(id: CommandId, kind: &str, payload: &Value, sender: Actor) -> Result<Self, Vec<Problem>> {
        let kind = CommandKind::from_name(kind).map_err(|problem| vec![problem])?;
        Self::new(id, &Command::parse(kind, payload)?, sender)
    }

    /// What a sender of another version might record: nothing is checked. For tests of how a runner takes it.
    #[cfg(feature = "test-util")]
    pub fn unchecked(id: CommandId, kind: &str, body: &str, sender: Actor) -> Self {
        Self { id, kind: kind.to_owned(), body: Body::from_stored(body.to_owned()), sender, expiry: Expiry::Default }
    }

    /// The same with another expiry.
    pub const fn with_expiry(mut self, expiry: Expiry) -> Self {
        self.expiry = expiry;
        self
    }

    /// The sender's name for it.
    pub const fn id(&self) -> CommandId {
        self.id
    }

    /// The command's name.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The payload.
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// Who sends it.
    pub const fn sender(&self) -> &Actor {
        &self.sender
    }

    /// What tells it from another command with the same id.
    pub fn hash(&self) -> BodyHash {
        self.body.hash(&self.kind)
    }

    /// How long it may wait to be decided; none: for ever.
    pub fn time_to_decide(&self, policy: &ControlPolicy) -> Option<Duration> {
        match self.expiry {
            Expiry::Never => None,
            Expiry::After(time) => Some(time),
            Expiry::Default if CommandKind::from_name(&self.kind).is_ok_and(CommandKind::stops) => None,
            Expiry::Default => Some(policy.not_after),
        }
    }

    /// The record of it.
    pub fn recorded(&self, user: UserId, seq: Seq, now: Timestamp, policy: &ControlPolicy) -> CommandRecord {
        CommandRecord {
            user,
            id: self.id,
            seq,
            kind: self.kind.clone(),
            body: self.body.clone(),
            hash: self.hash(),
            sender: self.sender.clone(),
            submitted_at: now,
            not_after: self.time_to_decide(policy).map(|time| later(now, time)),
            attempts: 0,
            outcome: None,
            job: None,
        }
    }
}

/// `now` and then `time`; the end of time at most.
pub(super) fn later(now: Timestamp, time: Duration) -> Timestamp {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    now.checked_add_millis(millis).unwrap_or(Timestamp::MAX)
}
