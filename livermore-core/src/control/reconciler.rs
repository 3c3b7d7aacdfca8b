use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{Desired, Job, JobState, Lease};

/// Makes one user's data plane what the desired state says. The executor calls it; the rest of the program implements it.
///
/// - [`converge`](Self::converge) is dropped and called anew when the desired state changes meanwhile, for example by a
///   pause while something is starting. So it must be able to begin from wherever it was dropped, and doing it twice must
///   do no harm.
/// - At most one `converge` of a user runs at a time; jobs run beside it.
/// - After [`stop`](Self::stop) nothing of that user may act any more: another process may have taken over.
#[cfg_attr(feature = "test-util", mockall::automock)] // before async_trait, or the mock's methods are not async
#[async_trait]
pub trait Reconciler: fmt::Debug + Send + Sync + 'static {
    /// Makes the data plane match, and returns once it does.
    async fn converge(&self, lease: &Lease, desired: &Desired) -> Result<(), Degraded>;

    /// Does a job to its end. It is dropped when the lease is lost, and begun again by whoever takes over.
    async fn run_job(&self, lease: &Lease, job: &Job, progress: &JobProgress) -> Result<(), String>;

    /// Stops whatever the user's data plane does.
    async fn stop(&self, lease: &Lease);
}

/// What keeps the data plane from being as it should be. The executor tries again, ever less often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degraded {
    /// What does not work.
    pub component: String,
    /// Why, without secrets.
    pub cause: String,
}

/// Where a job tells how far it is.
#[derive(Clone)]
pub struct JobProgress(Arc<dyn Fn(JobState) + Send + Sync>);

impl JobProgress {
    /// Progress is told to `tell`.
    pub fn new(tell: impl Fn(JobState) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// `done` of `total` steps are done. May be called as often as one likes; not every call is reported.
    pub fn set(&self, done: u64, total: u64) {
        (self.0)(JobState::Running { done, total });
    }
}

impl fmt::Debug for JobProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobProgress").finish_non_exhaustive()
    }
}
