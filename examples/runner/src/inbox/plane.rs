use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use livermore_core::{
    control::{Degraded, Desired, Job, JobProgress, JobState, Lease, Phase, Reconciler},
    ids::UserId,
};
use tokio::time::sleep;

use super::event::{Event, Reporter};

/// A data plane that does nothing but take its time, and fails as often as it is told.
#[derive(Debug)]
pub(super) struct PretendedPlane {
    delay: Duration,
    failures_left: AtomicU64,
    /// What was told of each user last.
    phases: Mutex<HashMap<UserId, Phase>>,
    reporter: Arc<Reporter>,
}

/// Steps of every job.
const STEPS: u64 = 5;

impl PretendedPlane {
    pub(super) fn new(delay: Duration, failures: u64, reporter: Arc<Reporter>) -> Self {
        Self { delay, failures_left: AtomicU64::new(failures), phases: Mutex::default(), reporter }
    }

    /// Tells what a user's plane does now, where that is news.
    fn is_now(&self, user: UserId, phase: Option<Phase>) {
        // No panic can leave it half changed.
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match phase {
            Some(phase) => phases.insert(user, phase),
            None => phases.remove(&user),
        };
        drop(phases);
        match phase {
            Some(phase) if before != Some(phase) => self.reporter.tell(&Event::Plane { user, phase }),
            Some(_) => {}
            None => self.reporter.tell(&Event::Stopped { user }),
        }
    }
}

#[async_trait]
impl Reconciler for PretendedPlane {
    async fn converge(&self, lease: &Lease, desired: &Desired) -> Result<(), Degraded> {
        sleep(self.delay).await;
        let fails = self.failures_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if fails.is_ok() {
            return Err(Degraded {
                component: "pretended plane".to_owned(),
                cause: "a failure that was asked for".to_owned(),
            });
        }
        self.is_now(lease.user, Some(desired.phase));
        Ok(())
    }

    async fn run_job(&self, lease: &Lease, job: &Job, progress: &JobProgress) -> Result<(), String> {
        for done in 0..STEPS {
            progress.set(done, STEPS);
            let state = JobState::Running { done, total: STEPS };
            self.reporter.tell(&Event::Job { user: lease.user, id: job.id, state });
            sleep(self.delay).await;
        }
        self.reporter.tell(&Event::Job { user: lease.user, id: job.id, state: JobState::Done });
        Ok(())
    }

    async fn stop(&self, lease: &Lease) {
        self.is_now(lease.user, None);
    }
}
