mod snapshot;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    CommandRecord, CommandStatus, ControlError, ControlPolicy, Decision, Desired, Holder, JobState, Lease, Observed,
    Outcome, OutcomeCode, Overview, Submission, Tenure, Verdict, submission::later,
};
use crate::ids::{CommandId, Epoch, Seq, Timestamp, UserId};

/// The command log of one user, without clock or disk: what may happen to commands, leases and states, and what may not.
///
/// Stores that live in one process are made of it, and the model checker explores it; stores that decide elsewhere
/// (in SQL or in a script) keep to the same rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserLog {
    user: UserId,
    desired: Desired,
    observed: Option<Observed>,
    epoch: Epoch,
    term: Option<Term>,
    records: BTreeMap<Seq, CommandRecord>,
    ids: BTreeMap<CommandId, Seq>,
    open: BTreeSet<Seq>,
    last_seq: Seq,
}

/// Who holds the lease, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Term {
    holder: Holder,
    until: Timestamp,
}

/// What has happened in a log, in the order in which it happened. Applied in that order to an empty log, the same log
/// comes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Entry {
    /// A command was recorded.
    Submitted(Box<CommandRecord>),
    /// Deciding a command was begun, or given back.
    Attempts {
        /// Which.
        seq: Seq,
        /// How often it was begun now.
        attempts: u32,
    },
    /// A command was decided.
    Decided {
        /// Which.
        seq: Seq,
        /// Its id.
        id: CommandId,
        /// What became of it.
        outcome: Outcome,
        /// The desired state, where it changed.
        desired: Option<Desired>,
    },
    /// A lease was taken, renewed or given back.
    Leased {
        /// Its epoch.
        epoch: Epoch,
        /// Who holds it.
        holder: Holder,
        /// Until when.
        until: Timestamp,
    },
    /// A runner reported.
    Observed(Observed),
    /// An operator has said that this desired state holds.
    Rebased(Desired),
    /// The payload of an old command was dropped, or all of it.
    Forgotten {
        /// Which.
        seq: Seq,
        /// Whether its outcome is kept.
        outcome_kept: bool,
    },
    /// Sequence numbers were given up to this one; commands that are not here were dropped.
    Numbered {
        /// The last.
        last_seq: Seq,
    },
}

/// The oldest undecided command, with everything its decision depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Next {
    /// The command; its attempts include the one that begins now.
    pub record: CommandRecord,
    /// The desired state.
    pub desired: Desired,
    /// What was observed last.
    pub observed: Option<Observed>,
    /// Now, by the store's clock.
    pub now: Timestamp,
}

impl UserLog {
    /// An empty log.
    pub fn new(user: UserId) -> Self {
        Self {
            user,
            desired: Desired::default(),
            observed: None,
            epoch: Epoch::ZERO,
            term: None,
            records: BTreeMap::new(),
            ids: BTreeMap::new(),
            open: BTreeSet::new(),
            last_seq: Seq::ZERO,
        }
    }

    /// Records a command, or finds it recorded.
    pub fn submit(
        &mut self,
        now: Timestamp,
        submission: &Submission,
        policy: &ControlPolicy,
        log: &mut Vec<Entry>,
    ) -> Result<CommandRecord, ControlError> {
        self.expire(now, log);
        let id = submission.id();
        if let Some(known) = self.find(id) {
            let same = known.hash == submission.hash();
            return if same { Ok(known.clone()) } else { Err(ControlError::IdReused { id }) };
        }
        self.check_not_regressed()?;
        if self.open.len() >= policy.max_open as usize {
            return Err(ControlError::Busy { retry_after: policy.retry_after });
        }
        let Some(seq) = self.last_seq.next() else {
            return Err(ControlError::Setup { reason: "the sequence numbers of this user are used up".to_owned() });
        };
        let record = submission.recorded(self.user, seq, now, policy);
        self.commit(Entry::Submitted(Box::new(record.clone())), log);
        Ok(record)
    }

    /// What is recorded of a command. One whose time is over is not shown as waiting.
    pub fn status(&mut self, now: Timestamp, id: CommandId, log: &mut Vec<Entry>) -> Option<CommandStatus> {
        self.expire(now, log);
        let record = self.find(id)?.clone();
        Some(record.with_effect(self.observed.as_ref(), self.epoch))
    }

    /// Takes a command back, if it is undecided and not [claimed](CommandRecord::is_claimed).
    pub fn cancel(
        &mut self,
        now: Timestamp,
        id: CommandId,
        log: &mut Vec<Entry>,
    ) -> Result<CommandRecord, ControlError> {
        self.expire(now, log);
        let record = self.find(id).ok_or(ControlError::NotFound { id })?;
        if record.is_open() && !record.is_claimed() {
            let (seq, detail) = (record.seq, "its sender took it back".to_owned());
            let decision = Decision::refusal(Verdict::Cancelled, OutcomeCode::CANCELLED, detail);
            self.close(now, seq, None, decision, log);
        }
        self.find(id).cloned().ok_or(ControlError::NotFound { id })
    }

    /// The newest `limit` commands before `before`.
    pub fn history(
        &mut self,
        now: Timestamp,
        before: Option<Seq>,
        limit: usize,
        log: &mut Vec<Entry>,
    ) -> Vec<CommandStatus> {
        self.expire(now, log);
        let (observed, epoch) = (self.observed.as_ref(), self.epoch);
        let newest = self.records.values().rev().filter(|record| before.is_none_or(|before| record.seq < before));
        newest.take(limit).map(|record| record.clone().with_effect(observed, epoch)).collect()
    }

    /// What is to be done, what is done as far as told, and who decides.
    pub fn overview(&self, now: Timestamp) -> Overview {
        let runner = self.term.as_ref().filter(|term| term.until > now).map(|term| Tenure {
            holder: term.holder.clone(),
            epoch: self.epoch,
            remaining: Duration::from_millis(term.until.millis_since(now).unsigned_abs()),
        });
        Overview { desired: self.desired.clone(), observed: self.observed.clone(), runner }
    }

    /// Gives the lease to `holder`, if nobody else holds it. A holder that asks again keeps its epoch.
    pub fn acquire(&mut self, now: Timestamp, holder: &Holder, ttl: Duration, log: &mut Vec<Entry>) -> Option<Lease> {
        let held = self.term.as_ref().filter(|term| term.until > now);
        let epoch = match held {
            Some(term) if term.holder == *holder => self.epoch,
            Some(_) => return None,
            None => self.epoch.next()?,
        };
        let until = later(now, ttl);
        self.commit(Entry::Leased { epoch, holder: holder.clone(), until }, log);
        Some(Lease { user: self.user, epoch, holder: holder.clone() })
    }

    /// Keeps a lease; false if another holder has taken over.
    pub fn renew(&mut self, now: Timestamp, lease: &Lease, ttl: Duration, log: &mut Vec<Entry>) -> bool {
        let mine = self.check_epoch(lease).is_ok();
        if mine {
            let until = later(now, ttl);
            self.commit(Entry::Leased { epoch: lease.epoch, holder: lease.holder.clone(), until }, log);
        }
        mine
    }

    /// Gives a lease back, so that another holder need not wait for its end.
    pub fn release(&mut self, now: Timestamp, lease: &Lease, log: &mut Vec<Entry>) {
        if self.check_epoch(lease).is_ok() {
            self.commit(Entry::Leased { epoch: lease.epoch, holder: lease.holder.clone(), until: now }, log);
        }
    }

    /// Whether a command waits to be decided.
    pub fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// Begins to decide the oldest undecided command: the attempt is counted first.
    pub fn next(&mut self, now: Timestamp, lease: &Lease, log: &mut Vec<Entry>) -> Result<Option<Next>, ControlError> {
        self.check_epoch(lease)?;
        self.check_not_regressed()?;
        self.expire(now, log);
        let Some(record) = self.open.first().and_then(|seq| self.records.get(seq)) else { return Ok(None) };
        let (seq, attempts) = (record.seq, record.attempts.saturating_add(1));
        self.commit(Entry::Attempts { seq, attempts }, log);
        let (desired, observed) = (self.desired.clone(), self.observed.clone());
        Ok(self.records.get(&seq).cloned().map(|record| Next { record, desired, observed, now }))
    }

    /// Takes an attempt back that something outside the command kept from being finished.
    pub fn postpone(&mut self, lease: &Lease, seq: Seq, log: &mut Vec<Entry>) -> Result<(), ControlError> {
        self.check_epoch(lease)?;
        let begun = self.records.get(&seq).filter(|record| record.is_open() && record.attempts > 0);
        // An attempt that may have changed the settings stays counted: it is what keeps the command claimed.
        if let Some(record) = begun.filter(|record| !record.changes_settings() || record.attempts > 1) {
            let attempts = record.attempts - 1;
            self.commit(Entry::Attempts { seq, attempts }, log);
        }
        Ok(())
    }

    /// Writes a decision down, once. The answer is what is recorded, be it this decision or an earlier one.
    pub fn decide(
        &mut self,
        now: Timestamp,
        lease: &Lease,
        seq: Seq,
        decision: Decision,
        log: &mut Vec<Entry>,
    ) -> Result<CommandRecord, ControlError> {
        self.check_epoch(lease)?;
        let Some(record) = self.records.get(&seq) else {
            return Err(ControlError::StateLost { reason: format!("command {seq} is gone") });
        };
        if record.is_open() {
            let late = record.is_overdue(now) && decision.verdict == Verdict::Applied && !decision.is_done;
            let decision = if late { Decision::expired() } else { decision };
            if let Some(next) = &decision.desired
                && Some(next.generation) != self.desired.generation.next()
            {
                return Err(ControlError::StoreRegressed { seen: next.generation, found: self.desired.generation });
            }
            self.close(now, seq, Some(lease.epoch), decision, log);
        }
        self.records
            .get(&seq)
            .cloned()
            .ok_or_else(|| ControlError::StateLost { reason: format!("command {seq} is gone") })
    }

    /// The desired state, and what was observed last.
    pub fn states(&self, lease: &Lease) -> Result<(Desired, Option<Observed>), ControlError> {
        self.check_epoch(lease)?;
        Ok((self.desired.clone(), self.observed.clone()))
    }

    /// Takes a runner's report.
    pub fn observe(&mut self, lease: &Lease, observed: Observed, log: &mut Vec<Entry>) -> Result<(), ControlError> {
        self.check_epoch(lease)?;
        self.commit(Entry::Observed(Observed { epoch: lease.epoch, ..observed }), log);
        self.check_not_regressed()
    }

    /// An operator's word that the desired state holds although a runner has seen a later generation.
    pub fn rebase(&mut self, log: &mut Vec<Entry>) -> Desired {
        if self.check_not_regressed().is_err() {
            let seen = self.observed.as_ref().map(|observed| observed.generation);
            if let Some(generation) = seen.and_then(crate::ids::Generation::next) {
                self.commit(Entry::Rebased(Desired { generation, ..self.desired.clone() }), log);
            }
        }
        self.desired.clone()
    }

    /// Drops what is older than the policy keeps.
    pub fn forget(&mut self, now: Timestamp, policy: &ControlPolicy, log: &mut Vec<Entry>) {
        let old = |record: &CommandRecord, keep: Duration| {
            record.outcome.as_ref().is_some_and(|outcome| later(outcome.decided_at, keep) < now)
        };
        let stale = self.records.values().filter_map(|record| {
            if old(record, policy.keep_outcome) {
                Some(Entry::Forgotten { seq: record.seq, outcome_kept: false })
            } else if old(record, policy.keep) && !record.body.as_str().is_empty() {
                Some(Entry::Forgotten { seq: record.seq, outcome_kept: true })
            } else {
                None
            }
        });
        let stale: Vec<Entry> = stale.collect();
        stale.into_iter().for_each(|entry| self.commit(entry, log));
    }

    /// Whether nothing has ever happened here.
    pub fn is_empty(&self) -> bool {
        self.last_seq == Seq::ZERO && self.epoch == Epoch::ZERO
    }

    /// Takes over what has happened before: the entries of a journal, in order.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Submitted(record) => {
                self.last_seq = self.last_seq.max(record.seq);
                self.ids.insert(record.id, record.seq);
                if record.is_open() {
                    self.open.insert(record.seq);
                }
                self.records.insert(record.seq, *record);
            }
            Entry::Attempts { seq, attempts } => {
                if let Some(record) = self.records.get_mut(&seq) {
                    record.attempts = attempts;
                }
            }
            Entry::Decided { seq, id: _, outcome, desired } => {
                if let Some(record) = self.records.get_mut(&seq).filter(|record| record.is_open()) {
                    record.outcome = Some(outcome);
                    self.open.remove(&seq);
                    self.desired = desired.unwrap_or_else(|| std::mem::take(&mut self.desired));
                }
            }
            Entry::Leased { epoch, holder, until } => {
                self.epoch = epoch;
                self.term = Some(Term { holder, until });
            }
            Entry::Observed(observed) => {
                for report in observed.jobs.iter().filter(|report| report.state.is_finished()) {
                    let record = self.ids.get(&report.id).and_then(|seq| self.records.get_mut(seq));
                    if let Some(record) =
                        record.filter(|record| !record.job.as_ref().is_some_and(JobState::is_finished))
                    {
                        record.job = Some(report.state.clone());
                    }
                }
                self.observed = Some(observed);
            }
            Entry::Rebased(desired) => self.desired = desired,
            Entry::Forgotten { seq, outcome_kept: true } => {
                if let Some(record) = self.records.get_mut(&seq) {
                    record.body = super::Body::from_stored(String::new());
                }
            }
            Entry::Forgotten { seq, outcome_kept: false } => {
                if let Some(record) = self.records.remove(&seq) {
                    self.ids.remove(&record.id);
                }
            }
            Entry::Numbered { last_seq } => self.last_seq = self.last_seq.max(last_seq),
        }
    }

    fn find(&self, id: CommandId) -> Option<&CommandRecord> {
        self.ids.get(&id).and_then(|seq| self.records.get(seq))
    }

    fn check_epoch(&self, lease: &Lease) -> Result<(), ControlError> {
        if lease.epoch == self.epoch && self.term.as_ref().is_some_and(|term| term.holder == lease.holder) {
            Ok(())
        } else {
            Err(ControlError::StaleEpoch { held: lease.epoch, current: self.epoch })
        }
    }

    fn check_not_regressed(&self) -> Result<(), ControlError> {
        match &self.observed {
            Some(observed) if observed.generation > self.desired.generation => {
                Err(ControlError::StoreRegressed { seen: observed.generation, found: self.desired.generation })
            }
            _ => Ok(()),
        }
    }

    /// Ends every undecided command whose time is over, except those only their runner may end.
    fn expire(&mut self, now: Timestamp, log: &mut Vec<Entry>) {
        let over =
            |seq: &&Seq| self.records.get(seq).is_some_and(|record| record.is_overdue(now) && !record.is_claimed());
        let over: Vec<Seq> = self.open.iter().filter(over).copied().collect();
        over.into_iter().for_each(|seq| self.close(now, seq, None, Decision::expired(), log));
    }

    fn close(&mut self, now: Timestamp, seq: Seq, epoch: Option<Epoch>, decision: Decision, log: &mut Vec<Entry>) {
        let Some(id) = self.records.get(&seq).map(|record| record.id) else { return };
        let Decision { verdict, code, detail, changed, desired, is_done: _ } = decision;
        let generation = desired.as_ref().map_or(self.desired.generation, |desired| desired.generation);
        let outcome = Outcome { verdict, code, detail, changed, generation, epoch, decided_at: now };
        self.commit(Entry::Decided { seq, id, outcome, desired }, log);
    }

    fn commit(&mut self, entry: Entry, log: &mut Vec<Entry>) {
        self.apply(entry.clone());
        log.push(entry);
    }
}
