use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::time::{Instant, timeout};
use tracing::warn;

use super::{
    super::{Bells, Clock, CommandInbox, ControlError, Desired, Health, Lease, Observed, Phase},
    config::ExecutorConfig,
};
use crate::ids::{Generation, Revision, UserId};

/// Asks the store for leases.
pub(super) struct Keeper {
    pub(super) inbox: Arc<dyn CommandInbox>,
    pub(super) config: Arc<ExecutorConfig>,
    pub(super) clock: Clock,
}

/// What a keeper came back with.
pub(super) struct Kept {
    /// Leases that hold until `until`.
    pub(super) renewed: Vec<Lease>,
    pub(super) until: Instant,
    /// Leases somebody else has taken.
    pub(super) lost: Vec<Lease>,
    pub(super) taken: Vec<Taken>,
    pub(super) bells: Option<Bells>,
    pub(super) trouble: Option<String>,
}

/// A lease that was free.
pub(super) struct Taken {
    pub(super) lease: Lease,
    pub(super) until: Instant,
    pub(super) desired: Desired,
    pub(super) observed: Option<Observed>,
    /// The desired state is older than what this process has seen.
    pub(super) regressed: bool,
}

impl Keeper {
    /// Renews what is held, takes what is free, and listens if nobody does. `free` names the generation seen last.
    pub(super) async fn keep(self, held: Vec<Lease>, free: Vec<(UserId, Generation)>, listen: bool) -> Kept {
        let mut kept = Kept {
            renewed: Vec::new(),
            // Counted from before the question: the store counts from some time after it.
            until: self.end_of_a_lease(),
            lost: Vec::new(),
            taken: Vec::new(),
            bells: None,
            trouble: None,
        };
        if let Err(error) = self.try_keep(&mut kept, held, free, listen).await {
            warn!(%error, "leases could not be renewed or taken");
            kept.trouble = Some(error.to_string());
        }
        kept
    }

    async fn try_keep(
        &self,
        kept: &mut Kept,
        held: Vec<Lease>,
        free: Vec<(UserId, Generation)>,
        listen: bool,
    ) -> Result<(), ControlError> {
        if listen {
            kept.bells = Some(self.bounded("listening for bells", self.inbox.bells(&self.config.users)).await?);
        }
        if !held.is_empty() {
            kept.until = self.end_of_a_lease();
            kept.renewed = self.bounded("renewing leases", self.inbox.renew(&held, self.config.lease)).await?;
            let renewed: HashSet<&Lease> = kept.renewed.iter().collect();
            kept.lost = held.into_iter().filter(|lease| !renewed.contains(lease)).collect();
        }
        if free.is_empty() {
            return Ok(());
        }
        let users: Vec<UserId> = free.iter().map(|(user, _)| *user).collect();
        let free: HashMap<UserId, Generation> = free.into_iter().collect();
        let until = self.end_of_a_lease();
        let taking = self.inbox.acquire(&users, &self.config.holder, self.config.lease);
        for lease in self.bounded("taking leases", taking).await? {
            let seen = free.get(&lease.user).copied().unwrap_or_default();
            let (desired, observed) = self.bounded("reading states", self.inbox.states(&lease)).await?;
            let regressed = seen > desired.generation;
            if regressed {
                self.report_regression(&lease, seen).await;
            }
            kept.taken.push(Taken { lease, until, desired, observed, regressed });
        }
        Ok(())
    }

    /// The log has forgotten what this process has seen. That is written down, so that nobody builds on it.
    async fn report_regression(&self, lease: &Lease, seen: Generation) {
        let cause = "the command log is older than the monitor".to_owned();
        let observed = Observed {
            epoch: lease.epoch,
            generation: seen,
            phase: Phase::Stopped,
            settings_revision: Revision::ZERO,
            held_back: false,
            health: Health::Degraded { component: "command log".to_owned(), cause },
            jobs: Vec::new(),
            at: (self.clock)(),
        };
        match self.bounded("reporting a loss", self.inbox.observe(lease, observed)).await {
            Err(ControlError::StoreRegressed { .. }) | Ok(()) => {}
            Err(error) => warn!(%error, "the loss could not be reported"),
        }
    }

    fn end_of_a_lease(&self) -> Instant {
        Instant::now() + self.config.lease.saturating_sub(self.config.margin)
    }

    async fn bounded<T>(
        &self,
        step: &str,
        call: impl Future<Output = Result<T, ControlError>>,
    ) -> Result<T, ControlError> {
        let silent = || ControlError::Unavailable { step: format!("{step} took too long"), source: None };
        timeout(self.config.renew, call).await.unwrap_or_else(|_| Err(silent()))
    }
}
