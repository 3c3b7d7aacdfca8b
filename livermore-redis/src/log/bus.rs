use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use livermore_core::{
    control::{
        BusCapability, CommandBus, CommandKind, CommandQuery, CommandRecord, CommandStatus, ControlError, Holder,
        Overview, Signals, Submission, Tenure,
    },
    ids::{CommandId, Generation, UserId},
    keys,
};
use redis::Value;
use uuid::Uuid;

use super::{
    Inner, RedisCommandLog, Tail,
    record::{Stored, desired},
    word,
};
use crate::{
    RedisError,
    reply::{Reply, number, text},
    script::{APPEND, LOOK},
};

/// Most commands of one page of a history.
const MAX_PAGE: usize = 1_000;

#[async_trait]
impl CommandBus for RedisCommandLog {
    fn capability(&self) -> BusCapability {
        self.0.capability
    }

    async fn submit(&self, user: UserId, submission: &Submission) -> Result<CommandRecord, ControlError> {
        self.0.check_open()?;
        match self.0.append(user, submission, "").await {
            // It may be recorded. The same id again settles that, unless everything was lost in between.
            Err(RedisError::NoAnswer { step, source }) => {
                let known = self.0.known_incarnation(user);
                match self.0.append(user, submission, &known).await {
                    Err(error) if error.is_retryable() => {
                        let source = source.map(|fault| Box::new(fault).into());
                        Err(ControlError::OutcomeUnknown { step, source })
                    }
                    other => self.0.appended(user, submission, other?),
                }
            }
            other => self.0.appended(user, submission, other?),
        }
    }

    async fn record(&self, user: UserId, id: CommandId) -> Result<Option<CommandStatus>, ControlError> {
        let (stored, tail, lost) = self.0.look(user, "find", id).await?;
        match (stored.record()?, lost) {
            (Some(record), _) => Ok(Some(record.with_effect(tail.observed.as_ref(), tail.epoch))),
            (None, Some(reason)) => Err(ControlError::StateLost { reason: reason.to_owned() }),
            (None, None) => Ok(None),
        }
    }

    async fn cancel(&self, user: UserId, id: CommandId) -> Result<CommandRecord, ControlError> {
        let (stored, _, lost) = self.0.look(user, "cancel", id).await?;
        match (stored.record()?, lost) {
            (Some(record), _) => Ok(record),
            (None, Some(reason)) => Err(ControlError::StateLost { reason: reason.to_owned() }),
            (None, None) => Err(ControlError::NotFound { id }),
        }
    }

    async fn history(&self, user: UserId, query: CommandQuery) -> Result<Vec<CommandStatus>, ControlError> {
        const STEP: &str = "reading the history";
        self.0.check_open()?;
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let before = query.before.map(|before| before.to_string()).unwrap_or_default();
        let limit = query.limit.min(MAX_PAGE).to_string();
        let common = self.0.common(user);
        let mut arguments: Vec<&[u8]> = common.iter().map(Vec::as_slice).collect();
        arguments.extend([&b"history"[..], before.as_bytes(), limit.as_bytes()]);
        let reply = self.0.servers.eval(STEP, user, &LOOK, &arguments).await?;
        let (_, mut parts) = word(STEP, reply)?;
        let tail = Tail::take(STEP, &mut parts)?;
        self.0.notice(user, &tail);
        let Some(Value::Array(commands)) = parts.first() else { return Err(RedisError::unexpected(STEP).into()) };
        let mut statuses = Vec::with_capacity(commands.len());
        for command in commands {
            match Stored::read(STEP, user, command)? {
                Stored::Whole(record) | Stored::Unreadable(record) => {
                    statuses.push(record.with_effect(tail.observed.as_ref(), tail.epoch));
                }
                Stored::Nothing | Stored::Lost(_) => {}
            }
        }
        Ok(statuses)
    }

    async fn overview(&self, user: UserId) -> Result<Overview, ControlError> {
        const STEP: &str = "reading desired and observed state";
        self.0.check_open()?;
        let common = self.0.common(user);
        let mut arguments: Vec<&[u8]> = common.iter().map(Vec::as_slice).collect();
        arguments.push(b"overview");
        let reply = self.0.servers.eval(STEP, user, &LOOK, &arguments).await?;
        let (_, mut parts) = word(STEP, reply)?;
        let tail = Tail::take(STEP, &mut parts)?;
        if let Some(reason) = self.0.notice(user, &tail) {
            return Err(ControlError::StateLost { reason: reason.to_owned() });
        }
        let unexpected = || RedisError::unexpected(STEP);
        let Some(Value::Array(state)) = parts.first() else { return Err(unexpected().into()) };
        let [generation, wanted, holder, remaining] = state.as_slice() else { return Err(unexpected().into()) };
        let holder = text(holder).filter(|holder| !holder.is_empty());
        let tenure = |holder: String| -> Result<Tenure, RedisError> {
            Ok(Tenure {
                holder: Holder::new(&holder).map_err(|_| unexpected())?,
                epoch: tail.epoch,
                remaining: Duration::from_millis(number(remaining).ok_or_else(unexpected)?),
            })
        };
        Ok(Overview {
            desired: desired(STEP, generation, wanted)?,
            runner: holder.map(tenure).transpose()?,
            observed: tail.observed,
        })
    }

    async fn signals(&self, user: UserId) -> Result<Signals, ControlError> {
        self.0.check_open()?;
        Ok(self.0.listening.signals(user).await?)
    }

    async fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    async fn append(&self, user: UserId, submission: &Submission, known: &str) -> Result<Reply, RedisError> {
        let common = self.common(user);
        let mut arguments: Vec<&[u8]> = common.iter().map(Vec::as_slice).collect();
        let (id, hash) = (submission.id().to_string(), submission.hash());
        let time = submission.time_to_decide(&self.policy);
        let time = time.map(|time| time.as_millis().to_string());
        let changes_settings = CommandKind::from_name(submission.kind()).is_ok_and(CommandKind::changes_settings);
        let (max_open, bell) = (self.policy.max_open.to_string(), keys::control_channel(user));
        let (sender, time) = (String::from(submission.sender().clone()), time.unwrap_or_default());
        let incarnation = Uuid::new_v4().simple().to_string();
        arguments.extend([
            id.as_bytes(),
            submission.kind().as_bytes(),
            submission.body().as_str().as_bytes(),
            hash.as_str().as_bytes(),
            sender.as_bytes(),
            time.as_bytes(),
            if changes_settings { b"1" } else { b"0" },
            max_open.as_bytes(),
            bell.as_bytes(),
            incarnation.as_bytes(),
            known.as_bytes(),
        ]);
        self.servers.eval("recording a command", user, &APPEND, &arguments).await
    }

    fn appended(&self, user: UserId, submission: &Submission, reply: Reply) -> Result<CommandRecord, ControlError> {
        const STEP: &str = "recording a command";
        let id = submission.id();
        let (word, mut parts) = word(STEP, reply)?;
        let tail = Tail::take(STEP, &mut parts)?;
        let lost = self.notice(user, &tail);
        match (word.as_str(), parts.as_slice()) {
            ("new" | "known", [command, heard @ ..]) => {
                if let Some(listeners) = heard.first().and_then(number) {
                    self.heard.store(if listeners > 0 { 2 } else { 1 }, Ordering::Relaxed);
                }
                let record = Stored::read(STEP, user, command)?.record()?;
                record.ok_or_else(|| RedisError::unexpected(STEP).into())
            }
            ("reused", _) => Err(ControlError::IdReused { id }),
            ("busy", _) => Err(ControlError::Busy { retry_after: self.policy.retry_after }),
            ("lost", _) => {
                let reason = lost.unwrap_or("redis_state_lost: Redis has lost the log of this user");
                Err(ControlError::StateLost { reason: reason.to_owned() })
            }
            ("regressed", [seen, found]) => Err(regressed(STEP, seen, found)),
            _ => Err(RedisError::unexpected(STEP).into()),
        }
    }

    async fn look(
        &self,
        user: UserId,
        what: &str,
        id: CommandId,
    ) -> Result<(Stored, Tail, Option<&'static str>), ControlError> {
        const STEP: &str = "looking at a command";
        self.check_open()?;
        let common = self.common(user);
        let mut arguments: Vec<&[u8]> = common.iter().map(Vec::as_slice).collect();
        let id = id.to_string();
        arguments.extend([what.as_bytes(), id.as_bytes()]);
        let reply = self.servers.eval(STEP, user, &LOOK, &arguments).await?;
        let (_, mut parts) = word(STEP, reply)?;
        let tail = Tail::take(STEP, &mut parts)?;
        let lost = self.notice(user, &tail);
        let stored = parts.first().ok_or_else(|| RedisError::unexpected(STEP))?;
        Ok((Stored::read(STEP, user, stored)?, tail, lost))
    }
}

/// The log is behind what its runner has seen.
pub(super) fn regressed(step: &str, seen: &Value, found: &Value) -> ControlError {
    let generation = |value: &Value| number(value).and_then(|generation| Generation::new(generation).ok());
    match (generation(seen), generation(found)) {
        (Some(seen), Some(found)) => ControlError::StoreRegressed { seen, found },
        _ => RedisError::unexpected(step).into(),
    }
}
