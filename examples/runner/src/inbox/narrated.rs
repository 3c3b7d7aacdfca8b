use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use livermore_core::{
    control::{
        Bells, CommandInbox, CommandKind, CommandRecord, ControlError, Decision, Desired, Health, Holder, Lease, Next,
        Observed,
    },
    ids::{Epoch, Seq, UserId},
};
use tokio::time::sleep;

use super::event::{Event, Reporter};
use crate::clock::Stopwatch;

/// An inbox that tells what passes through it, and holds decisions back where it is told to.
#[derive(Debug)]
pub(super) struct Narrated {
    pub(super) inbox: Arc<dyn CommandInbox>,
    pub(super) reporter: Arc<Reporter>,
    pub(super) decide_delay: Duration,
    pub(super) notes: Arc<Mutex<Notes>>,
}

/// What was seen, for what is told later.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Under which epoch each user is led.
    epochs: HashMap<UserId, Epoch>,
    /// Since when a command is being decided.
    begun: HashMap<(UserId, Seq), Stopwatch>,
    /// What was told of each user last.
    told: HashMap<UserId, Observed>,
}

impl Notes {
    pub(super) fn epoch(notes: &Mutex<Self>, user: UserId) -> Epoch {
        lock(notes).epochs.get(&user).copied().unwrap_or_default()
    }
}

/// What no panic can leave half changed.
fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Narrated {
    /// Passes an answer on, and tells of a lease that has moved on.
    fn checked<T>(
        &self,
        step: &'static str,
        lease: &Lease,
        answer: Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        refused(&self.reporter, step, lease, &answer);
        answer
    }

    fn observed(&self, user: UserId, observed: &Observed) {
        let before = lock(&self.notes).told.insert(user, observed.clone());
        let is_news = before.is_none_or(|before| {
            (before.generation, &before.health, before.held_back, before.epoch)
                != (observed.generation, &observed.health, observed.held_back, observed.epoch)
        });
        match &observed.health {
            Health::Converged if is_news && !observed.held_back => self.reporter.tell(&Event::Converged {
                user,
                generation: observed.generation,
                phase: observed.phase,
                settings_revision: observed.settings_revision,
            }),
            Health::Degraded { component, .. } if is_news => {
                self.reporter.tell(&Event::Degraded { user, component: component.clone() });
            }
            _ => {}
        }
    }
}

fn refused<T>(reporter: &Reporter, step: &'static str, lease: &Lease, answer: &Result<T, ControlError>) {
    if let Err(ControlError::StaleEpoch { held, current }) = answer {
        reporter.tell(&Event::Refused { user: lease.user, epoch: *held, current: *current, step });
    }
}

/// A kind of another version may hold anything.
pub(super) fn known_kind(name: &str) -> &'static str {
    CommandKind::from_name(name).map_or("unknown", CommandKind::as_str)
}

#[async_trait]
impl CommandInbox for Narrated {
    async fn acquire(&self, users: &[UserId], holder: &Holder, ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        let leases = self.inbox.acquire(users, holder, ttl).await?;
        lock(&self.notes).epochs.extend(leases.iter().map(|lease| (lease.user, lease.epoch)));
        Ok(leases)
    }

    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        self.inbox.renew(leases, ttl).await
    }

    async fn release(&self, leases: &[Lease]) -> Result<(), ControlError> {
        self.inbox.release(leases).await
    }

    async fn waiting(&self, users: &[UserId]) -> Result<Vec<UserId>, ControlError> {
        self.inbox.waiting(users).await
    }

    async fn next(&self, lease: &Lease) -> Result<Option<Next>, ControlError> {
        let next = self.checked("decide", lease, self.inbox.next(lease).await)?;
        if let Some(Next { record, .. }) = &next {
            lock(&self.notes).begun.insert((lease.user, record.seq), Stopwatch::start());
            let kind = known_kind(&record.kind);
            self.reporter.tell(&Event::Deciding { user: lease.user, id: record.id, seq: record.seq, kind });
        }
        Ok(next)
    }

    async fn decide(&self, lease: &Lease, seq: Seq, decision: Decision) -> Result<CommandRecord, ControlError> {
        let (inbox, reporter, notes) = (Arc::clone(&self.inbox), Arc::clone(&self.reporter), Arc::clone(&self.notes));
        let (delay, lease) = (self.decide_delay, lease.clone());
        // A decision that is held back is on its way: it is written whether or not somebody still waits for it.
        let decided = tokio::spawn(async move {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            let answer = inbox.decide(&lease, seq, decision).await;
            refused(&reporter, "decide", &lease, &answer);
            let took = lock(&notes).begun.remove(&(lease.user, seq)).map_or(Duration::ZERO, Stopwatch::elapsed);
            if let Ok(CommandRecord { id, kind, outcome: Some(outcome), .. }) = &answer {
                reporter.tell(&Event::Decided {
                    user: lease.user,
                    id: *id,
                    seq,
                    kind: known_kind(kind),
                    verdict: outcome.verdict,
                    code: outcome.code.to_string(),
                    took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                });
            }
            answer
        });
        // The runtime is ending.
        decided.await.unwrap_or(Err(ControlError::Closed))
    }

    async fn postpone(&self, lease: &Lease, seq: Seq) -> Result<(), ControlError> {
        lock(&self.notes).begun.remove(&(lease.user, seq));
        self.checked("postpone", lease, self.inbox.postpone(lease, seq).await)?;
        self.reporter.tell(&Event::Postponed { user: lease.user, seq });
        Ok(())
    }

    async fn states(&self, lease: &Lease) -> Result<(Desired, Option<Observed>), ControlError> {
        self.checked("read", lease, self.inbox.states(lease).await)
    }

    async fn observe(&self, lease: &Lease, observed: Observed) -> Result<(), ControlError> {
        self.checked("report", lease, self.inbox.observe(lease, observed.clone()).await)?;
        self.observed(lease.user, &observed);
        Ok(())
    }

    async fn rebase(&self, user: UserId) -> Result<Desired, ControlError> {
        self.inbox.rebase(user).await
    }

    async fn forget(&self, users: &[UserId]) -> Result<(), ControlError> {
        self.inbox.forget(users).await
    }

    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError> {
        self.inbox.bells(users).await
    }

    async fn close(&self) {
        self.inbox.close().await;
    }
}
