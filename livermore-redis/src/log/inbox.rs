use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use livermore_core::{
    control::{
        Bells, CommandInbox, CommandRecord, ControlError, Decision, Desired, Holder, Lease, Next, Observed,
        OutcomeCode, Verdict,
    },
    ids::{Epoch, Seq, Timestamp, UserId},
    keys,
};
use redis::Value;
use uuid::Uuid;

use super::{
    Inner, RedisCommandLog,
    bus::regressed,
    record::{Stored, desired, lost_entry, observed},
    word,
};
use crate::{
    RedisError,
    link::Answer,
    reply::{number, text},
    script::{DECIDE, FORGET, LEASE, OBSERVE},
};

#[async_trait]
impl CommandInbox for RedisCommandLog {
    async fn acquire(&self, users: &[UserId], holder: &Holder, ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        let incarnation = Uuid::new_v4().simple().to_string();
        let calls: Vec<LeaseCall<'_>> =
            users.iter().map(|user| LeaseCall { user: *user, holder, last: incarnation.clone() }).collect();
        let epochs = self.0.lease("acquire", &calls, ttl).await?;
        Ok(users
            .iter()
            .zip(epochs)
            .filter_map(|(user, epoch)| Some(Lease { user: *user, epoch: epoch?, holder: holder.clone() }))
            .collect())
    }

    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        let epochs = self.0.lease("renew", &lease_calls(leases), ttl).await?;
        Ok(leases.iter().zip(epochs).filter(|(_, epoch)| epoch.is_some()).map(|(lease, _)| lease.clone()).collect())
    }

    async fn release(&self, leases: &[Lease]) -> Result<(), ControlError> {
        self.0.lease("release", &lease_calls(leases), Duration::ZERO).await.map(drop)
    }

    async fn waiting(&self, users: &[UserId]) -> Result<Vec<UserId>, ControlError> {
        const STEP: &str = "asking who has undecided commands";
        self.0.check_open()?;
        let length = |index: usize| {
            let mut command = redis::cmd("HSTRLEN");
            command.arg(keys::command_state(users[index])).arg("open");
            command
        };
        let answers = self.0.servers.run_each(STEP, users, length).await?;
        let mut waiting = Vec::new();
        for (user, answer) in users.iter().zip(answers) {
            match answer {
                Answer::Value(Value::Int(0)) => {}
                Answer::Value(Value::Int(_)) => waiting.push(*user),
                _ => return Err(RedisError::unexpected(STEP).into()),
            }
        }
        Ok(waiting)
    }

    async fn next(&self, lease: &Lease) -> Result<Option<Next>, ControlError> {
        loop {
            match self.0.begin(lease).await? {
                Begun::Nothing => return Ok(None),
                Begun::Command(next) => return Ok(Some(*next)),
                Begun::Unreadable(seq) => {
                    let detail = format!("entry {seq} of the stream cannot be read");
                    let decision = Decision::refusal(Verdict::Rejected, OutcomeCode::UNREADABLE, detail);
                    self.decide(lease, seq, decision).await?;
                }
            }
        }
    }

    async fn decide(&self, lease: &Lease, seq: Seq, decision: Decision) -> Result<CommandRecord, ControlError> {
        const STEP: &str = "writing a decision down";
        let Decision { verdict, code, detail, changed, desired, is_done } = decision;
        let flag = |flag: bool| if flag { "1" } else { "0" }.to_owned();
        let generation = desired.as_ref().map(|desired| desired.generation.to_string()).unwrap_or_default();
        let desired = desired.map(|desired| json(&desired)).unwrap_or_default();
        let arguments = [
            "decide".to_owned(),
            seq.to_string(),
            flag(is_done),
            verdict.as_str().to_owned(),
            code.as_str().to_owned(),
            detail.unwrap_or_default(),
            flag(changed),
            generation,
            desired,
        ];
        // Asked again after a lost answer, it answers what is recorded.
        let parts = match self.0.fenced(STEP, lease, &arguments).await {
            Err(RedisError::NoAnswer { .. }) => self.0.fenced(STEP, lease, &arguments).await?,
            other => other?,
        };
        let (_, parts) = self.0.admitted(STEP, lease, parts)?;
        let stored = parts.first().ok_or_else(|| RedisError::unexpected(STEP))?;
        Stored::read(STEP, lease.user, stored)?.record()?.ok_or_else(|| lost_entry(seq))
    }

    async fn postpone(&self, lease: &Lease, seq: Seq) -> Result<(), ControlError> {
        const STEP: &str = "giving an attempt back";
        let reply = self.0.fenced(STEP, lease, &["postpone".to_owned(), seq.to_string()]).await?;
        self.0.admitted(STEP, lease, reply).map(drop)
    }

    async fn states(&self, lease: &Lease) -> Result<(Desired, Option<Observed>), ControlError> {
        const STEP: &str = "reading desired and observed state";
        self.0.check_open()?;
        let mut command = redis::cmd("HMGET");
        command.arg(keys::command_state(lease.user));
        command.arg(&["epoch", "holder", "generation", "desired", "observed"]);
        let Answer::Value(Value::Array(parts)) = self.0.servers.run(STEP, lease.user, &command).await? else {
            return Err(RedisError::unexpected(STEP).into());
        };
        let [epoch, holder, generation, wanted, seen] = parts.as_slice() else {
            return Err(RedisError::unexpected(STEP).into());
        };
        let Some(epoch) = number(epoch).and_then(|epoch| Epoch::new(epoch).ok()) else { return Err(state_lost()) };
        if epoch != lease.epoch || text(holder).as_deref() != Some(lease.holder.as_str()) {
            return Err(ControlError::StaleEpoch { held: lease.epoch, current: epoch });
        }
        let or_empty =
            |value: &Value| if *value == Value::Nil { Value::SimpleString(String::new()) } else { value.clone() };
        Ok((desired(STEP, generation, &or_empty(wanted))?, observed(STEP, &or_empty(seen))?))
    }

    async fn observe(&self, lease: &Lease, observed: Observed) -> Result<(), ControlError> {
        const STEP: &str = "writing a report down";
        self.0.check_open()?;
        let observed = Observed { epoch: lease.epoch, ..observed };
        let mut arguments = vec![
            "observe".to_owned(),
            lease.epoch.to_string(),
            lease.holder.to_string(),
            observed.generation.to_string(),
            json(&observed),
            keys::signals_channel(lease.user),
        ];
        for report in observed.jobs.iter().filter(|report| report.state.is_finished()) {
            arguments.extend([report.id.to_string(), json(&report.state)]);
        }
        let reply = self.0.eval(STEP, lease.user, &OBSERVE, &arguments).await?;
        self.0.admitted(STEP, lease, reply).map(drop)
    }

    async fn rebase(&self, user: UserId) -> Result<Desired, ControlError> {
        const STEP: &str = "rebasing the desired state";
        self.0.check_open()?;
        let (_, parts) = self.0.eval(STEP, user, &OBSERVE, &["rebase".to_owned()]).await?;
        match parts.as_slice() {
            [generation, wanted] => Ok(desired(STEP, generation, wanted)?),
            _ => Err(RedisError::unexpected(STEP).into()),
        }
    }

    async fn forget(&self, users: &[UserId]) -> Result<(), ControlError> {
        const STEP: &str = "forgetting old commands";
        self.0.check_open()?;
        let keep = self.0.policy.keep.as_millis().to_string();
        let calls = users.iter().map(|user| {
            let mut arguments = self.0.common(*user).to_vec();
            arguments.push(keep.clone().into_bytes());
            (*user, arguments)
        });
        self.0.servers.eval_each(STEP, &FORGET, calls).await?;
        Ok(())
    }

    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError> {
        self.0.check_open()?;
        Ok(self.0.listening.bells(users).await?)
    }

    async fn close(&self) {
        self.0.close();
    }
}

/// One user's part of taking or keeping leases.
struct LeaseCall<'a> {
    user: UserId,
    holder: &'a Holder,
    /// The epoch that is held; or, where there is none, a name for a new incarnation.
    last: String,
}

fn lease_calls(leases: &[Lease]) -> Vec<LeaseCall<'_>> {
    leases
        .iter()
        .map(|lease| LeaseCall { user: lease.user, holder: &lease.holder, last: lease.epoch.to_string() })
        .collect()
}

/// What there is to decide.
enum Begun {
    Nothing,
    Command(Box<Next>),
    Unreadable(Seq),
}

impl Inner {
    /// The epochs, as far as the leases are held.
    async fn lease(
        &self,
        what: &str,
        calls: &[LeaseCall<'_>],
        ttl: Duration,
    ) -> Result<Vec<Option<Epoch>>, ControlError> {
        const STEP: &str = "taking or keeping leases";
        self.check_open()?;
        // Longer than a century is not needed, and would not fit.
        let ttl = ttl.as_millis().min(100 * 365 * 86_400_000).to_string();
        let arguments = |call: &LeaseCall<'_>| {
            let texts = [what, call.holder.as_str(), ttl.as_str(), call.last.as_str()];
            (call.user, texts.iter().map(|text| text.as_bytes().to_vec()).collect())
        };
        let calls: Vec<(UserId, Vec<Vec<u8>>)> = calls.iter().map(arguments).collect();
        let replies = self.servers.eval_each(STEP, &LEASE, calls).await?;
        let epoch = |value: &Value| {
            let epoch = number(value).and_then(|epoch| Epoch::new(epoch).ok());
            epoch.map(|epoch| (epoch > Epoch::ZERO).then_some(epoch)).ok_or_else(|| RedisError::unexpected(STEP).into())
        };
        replies.iter().map(|reply| epoch(&reply.0)).collect()
    }

    async fn begin(&self, lease: &Lease) -> Result<Begun, ControlError> {
        const STEP: &str = "taking the next command";
        self.check_open()?;
        let who = self.unanswered().get(&lease.user).cloned();
        let who =
            who.unwrap_or_else(|| format!("{}:{}", self.name.simple(), self.attempts.fetch_add(1, Ordering::Relaxed)));
        // Not answered also when this call is dropped on the way.
        self.unanswered().insert(lease.user, who.clone());
        let arguments = ["next".to_owned(), who];
        let reply = match self.fenced(STEP, lease, &arguments).await {
            Err(RedisError::NoAnswer { .. }) => self.fenced(STEP, lease, &arguments).await?,
            other => other?,
        };
        self.unanswered().remove(&lease.user);
        let (word, parts) = self.admitted(STEP, lease, reply)?;
        match (word.as_str(), parts.as_slice()) {
            ("idle", _) => Ok(Begun::Nothing),
            ("next", [now, command, generation, wanted, seen]) => {
                let now = text(now).and_then(|now| now.parse().ok()).and_then(|now| Timestamp::from_millis(now).ok());
                let now = now.ok_or_else(|| RedisError::unexpected(STEP))?;
                match Stored::read(STEP, lease.user, command)? {
                    Stored::Whole(record) => Ok(Begun::Command(Box::new(Next {
                        record,
                        desired: desired(STEP, generation, wanted)?,
                        observed: observed(STEP, seen)?,
                        now,
                    }))),
                    Stored::Unreadable(record) => Ok(Begun::Unreadable(record.seq)),
                    Stored::Lost(_) | Stored::Nothing => Err(RedisError::unexpected(STEP).into()),
                }
            }
            _ => Err(RedisError::unexpected(STEP).into()),
        }
    }

    /// Runs the script of decisions under a lease.
    async fn fenced(
        &self,
        step: &str,
        lease: &Lease,
        arguments: &[String],
    ) -> Result<(String, Vec<Value>), RedisError> {
        let mut all = vec![lease.epoch.to_string(), lease.holder.to_string()];
        all.extend_from_slice(arguments);
        self.eval(step, lease.user, &DECIDE, &all).await
    }

    async fn eval(
        &self,
        step: &str,
        user: UserId,
        script: &crate::script::Script,
        arguments: &[String],
    ) -> Result<(String, Vec<Value>), RedisError> {
        let common = self.common(user);
        let mut all: Vec<&[u8]> = common.iter().map(Vec::as_slice).collect();
        all.extend(arguments.iter().map(String::as_bytes));
        word(step, self.servers.eval(step, user, script, &all).await?)
    }

    /// Lets an answer through unless it says that the lease is gone.
    #[allow(clippy::unused_self, reason = "reads as what it is: this log's rule")]
    fn admitted(
        &self,
        step: &str,
        lease: &Lease,
        (word, parts): (String, Vec<Value>),
    ) -> Result<(String, Vec<Value>), ControlError> {
        match (word.as_str(), parts.as_slice()) {
            ("lost", _) => Err(state_lost()),
            ("stale", [current]) => {
                let current = number(current).and_then(|epoch| Epoch::new(epoch).ok());
                let current = current.ok_or_else(|| RedisError::unexpected(step))?;
                Err(ControlError::StaleEpoch { held: lease.epoch, current })
            }
            ("regressed", [seen, found]) => Err(regressed(step, seen, found)),
            _ => Ok((word, parts)),
        }
    }
}

fn state_lost() -> ControlError {
    let reason = "redis_state_lost: Redis has lost the log of this user, or was emptied; the lease is gone with it";
    ControlError::StateLost { reason: reason.to_owned() }
}

/// Numbers, names and lists: they cannot fail to be written.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
