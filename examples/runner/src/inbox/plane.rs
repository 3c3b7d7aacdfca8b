use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use livermore_core::control::{Degraded, Desired, Job, JobProgress, JobState, Lease, Reconciler};
use tokio::time::sleep;

use super::event::{Event, Reporter};

/// A data plane that does nothing but take its time, and fails as often as it is told.
#[derive(Debug)]
pub(super) struct PretendedPlane {
    delay: Duration,
    failures_left: AtomicU64,
    reporter: Arc<Reporter>,
}

/// Steps of every job.
const STEPS: u64 = 5;

impl PretendedPlane {
    pub(super) fn new(delay: Duration, failures: u64, reporter: Arc<Reporter>) -> Self {
        Self { delay, failures_left: AtomicU64::new(failures), reporter }
    }
}

#[async_trait]
impl Reconciler for PretendedPlane {
    async fn converge(&self, _: &Lease, _: &Desired) -> Result<(), Degraded> {
        sleep(self.delay).await;
        let fails = self.failures_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match fails {
            Ok(_) => Err(Degraded {
                component: "pretended plane".to_owned(),
                cause: "a failure that was asked for".to_owned(),
            }),
            Err(_) => Ok(()),
        }
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
        self.reporter.tell(&Event::Stopped { user: lease.user });
    }
}
