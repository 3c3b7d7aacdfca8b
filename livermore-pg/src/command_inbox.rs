use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use livermore_core::{
    control::{
        Bells, CommandInbox, CommandRecord, ControlError, Decision, Desired, Holder, Lease, Next, Observed, Signal,
    },
    ids::{Seq, UserId},
};

use crate::{
    PgCommandLog,
    command_bells::beside,
    command_bus::only,
    command_log::{End, Tried, ask, sql_millis},
    command_rows::{Answer, Read, RecordRow, StatesRow, number, plain, sql_id, time, to_jsonb, user_of},
    command_sql::{ACQUIRE, DECIDE, FORGET, NEXT, OBSERVE, POSTPONE, REBASE, RENEW, STATES, WAITING},
};

impl PgCommandLog {
    /// The leases that are still held, each with a new end.
    async fn prolong(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let Tried { rows, .. } = self
            .twice(End::Runner, "renewing leases", || {
                ask::<(i64, i64)>(RENEW)
                    .bind(leases.iter().map(|lease| sql_id(lease.user)).collect::<Vec<_>>())
                    .bind(leases.iter().map(|lease| lease.epoch.get().cast_signed()).collect::<Vec<_>>())
                    .bind(leases.iter().map(|lease| lease.holder.as_str().to_owned()).collect::<Vec<_>>())
                    .bind(sql_millis(ttl))
            })
            .await?;
        let rows: HashSet<(i64, i64)> = rows.into_iter().map(|Read(row)| row).collect();
        let held = |lease: &&Lease| rows.contains(&(sql_id(lease.user), lease.epoch.get().cast_signed()));
        Ok(leases.iter().filter(held).cloned().collect())
    }
}

#[async_trait]
impl CommandInbox for PgCommandLog {
    async fn acquire(&self, users: &[UserId], holder: &Holder, ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let ids = sql_ids(users);
        let Tried { rows, .. } = self
            .twice(End::Runner, "taking leases", || {
                ask::<(i64, i64)>(ACQUIRE).bind(&ids).bind(holder.as_str()).bind(sql_millis(ttl))
            })
            .await?;
        let rows: HashMap<i64, i64> = rows.into_iter().map(|Read(row)| row).collect();
        let mut leases = Vec::with_capacity(rows.len());
        for user in users {
            if let Some(epoch) = rows.get(&sql_id(*user)) {
                leases.push(Lease { user: *user, epoch: number(*epoch, "an epoch")?, holder: holder.clone() });
            }
        }
        Ok(leases)
    }

    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        self.prolong(leases, ttl).await
    }

    async fn release(&self, leases: &[Lease]) -> Result<(), ControlError> {
        self.prolong(leases, Duration::ZERO).await.map(drop)
    }

    async fn waiting(&self, users: &[UserId]) -> Result<Vec<UserId>, ControlError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let ids = sql_ids(users);
        let rows = self.look(End::Runner, "looking for commands", || ask::<i64>(WAITING).bind(&ids)).await?;
        rows.into_iter().map(|Read(id)| user_of(id)).collect()
    }

    async fn next(&self, lease: &Lease) -> Result<Option<Next>, ControlError> {
        let asked = ask::<Answer<(RecordRow, StatesRow, Option<i64>)>>(NEXT)
            .bind(sql_id(lease.user))
            .bind(lease.epoch.get().cast_signed())
            .bind(lease.holder.as_str());
        // Not a second time: the attempt would count twice.
        let rows = self.once(End::Runner, "beginning to decide a command", asked).await?;
        let (_, (record, states, at)) = only(rows)?.accepted(Some(lease))?;
        let Some(record) = record.found(lease.user)? else { return Ok(None) };
        let (desired, observed) = (states.desired(lease.user)?, states.observed(lease.user)?);
        Ok(Some(Next { record, desired, observed, now: time(at.unwrap_or_default())? }))
    }

    async fn decide(&self, lease: &Lease, seq: Seq, decision: Decision) -> Result<CommandRecord, ControlError> {
        let state = decision.desired.as_ref().map(to_jsonb);
        let detail = decision.detail.as_deref().map(plain);
        let Tried { rows, .. } = self
            .twice(End::Runner, "deciding a command", || {
                ask::<Answer<RecordRow>>(DECIDE)
                    .bind(sql_id(lease.user))
                    .bind(lease.epoch.get().cast_signed())
                    .bind(lease.holder.as_str())
                    .bind(seq.get().cast_signed())
                    .bind(decision.verdict.as_str())
                    .bind(decision.code.as_str())
                    .bind(detail.as_deref())
                    .bind(decision.changed)
                    .bind(decision.is_done)
                    .bind(state.as_deref())
            })
            .await?;
        let (outcome, row) = only(rows)?.accepted(Some(lease))?;
        if outcome == "gone" {
            return Err(ControlError::StateLost { reason: format!("command {seq} is gone") });
        }
        let record = row.required(lease.user)?;
        self.tell(lease.user, Signal::Decided(record.id));
        Ok(record)
    }

    async fn postpone(&self, lease: &Lease, seq: Seq) -> Result<(), ControlError> {
        let asked = ask::<Answer<()>>(POSTPONE)
            .bind(sql_id(lease.user))
            .bind(lease.epoch.get().cast_signed())
            .bind(lease.holder.as_str())
            .bind(seq.get().cast_signed());
        // Not a second time: two attempts would be given back.
        let rows = self.once(End::Runner, "giving an attempt back", asked).await?;
        only(rows)?.accepted(Some(lease)).map(drop)
    }

    async fn states(&self, lease: &Lease) -> Result<(Desired, Option<Observed>), ControlError> {
        let rows = self
            .look(End::Runner, "reading the desired state", || {
                ask::<Answer<StatesRow>>(STATES)
                    .bind(sql_id(lease.user))
                    .bind(lease.epoch.get().cast_signed())
                    .bind(lease.holder.as_str())
            })
            .await?;
        let (_, states) = only(rows)?.accepted(Some(lease))?;
        Ok((states.desired(lease.user)?, states.observed(lease.user)?))
    }

    async fn observe(&self, lease: &Lease, observed: Observed) -> Result<(), ControlError> {
        let observed = Observed { epoch: lease.epoch, ..observed };
        let report = to_jsonb(&observed);
        let ended = || observed.jobs.iter().filter(|job| job.state.is_finished());
        let (ids, ends): (Vec<String>, Vec<String>) =
            ended().map(|job| (job.id.to_string(), to_jsonb(&job.state))).unzip();
        let Tried { rows, .. } = self
            .twice(End::Runner, "reporting", || {
                ask::<Answer<()>>(OBSERVE)
                    .bind(sql_id(lease.user))
                    .bind(lease.epoch.get().cast_signed())
                    .bind(lease.holder.as_str())
                    .bind(&report)
                    .bind(&ids)
                    .bind(&ends)
            })
            .await?;
        only(rows)?.accepted(Some(lease))?;
        self.tell(lease.user, Signal::Observed(observed.generation));
        Ok(())
    }

    async fn rebase(&self, user: UserId) -> Result<Desired, ControlError> {
        let Tried { rows, .. } = self
            .twice(End::Runner, "rebasing the desired state", || ask::<StatesRow>(REBASE).bind(sql_id(user)))
            .await?;
        only(rows)?.desired(user)
    }

    async fn forget(&self, users: &[UserId]) -> Result<(), ControlError> {
        if users.is_empty() {
            return Ok(());
        }
        let policy = &self.inner.policy;
        let ids = sql_ids(users);
        let Tried { rows, .. } = self
            .twice(End::Runner, "forgetting old commands", || {
                ask::<bool>(FORGET).bind(&ids).bind(sql_millis(policy.keep)).bind(sql_millis(policy.keep_outcome))
            })
            .await?;
        only(rows).map(drop)
    }

    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError> {
        let own = self.inner.bells.bells(users).await?;
        let Some(doorbell) = &self.doorbell else { return Ok(own) };
        Ok(beside(own, doorbell.bells(users).await))
    }

    async fn close(&self) {
        self.shut().await;
    }
}

impl PgCommandLog {
    fn tell(&self, user: UserId, signal: Signal) {
        if let Some(doorbell) = &self.doorbell {
            doorbell.tell(user, signal);
        }
    }
}

fn sql_ids(users: &[UserId]) -> Vec<i64> {
    users.iter().copied().map(sql_id).collect()
}
