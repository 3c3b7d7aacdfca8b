use std::{collections::HashSet, sync::Arc};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, field, info_span, warn};

use super::{
    super::{
        Clock, CommandInbox, ControlError, Degraded, Health, Job, JobProgress, JobReport, JobState, Lease, Observed,
        Phase, Reconciler,
    },
    backoff::Backoff,
    config::ExecutorConfig,
    volatile::Goal,
};
use crate::ids::{CommandId, Generation, Revision};

/// Brings one user's data plane to the desired state and reports what came of it, as long as the lease is held.
pub(super) struct Plane {
    pub(super) lease: Lease,
    pub(super) inbox: Arc<dyn CommandInbox>,
    pub(super) reconciler: Arc<dyn Reconciler>,
    pub(super) config: Arc<ExecutorConfig>,
    pub(super) clock: Clock,
    pub(super) goals: watch::Receiver<Goal>,
}

/// The lease is lost: another process has taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

type Reported = watch::Sender<Observed>;

impl Plane {
    /// Runs until told to stop or until the lease is lost; the data plane is stopped then. `before` is what an earlier
    /// process has reported.
    pub(super) async fn run(self, before: Option<&Observed>, stop: CancellationToken) -> Result<(), Lost> {
        // Made here: the report must not miss what the others do before it is first polled.
        let (observed, news) = watch::channel(self.at_first(before));
        let work = async {
            tokio::select! {
                () = self.converge(&observed) => Ok(()),
                () = self.work_off_jobs(&observed) => Ok(()),
                lost = self.report(news) => Err(lost),
            }
        };
        let ended = stop.run_until_cancelled(work).await.unwrap_or(Ok(()));
        // Whatever belongs to this user must end before another process can hold the lease.
        if timeout(self.config.margin, self.reconciler.stop(&self.lease)).await.is_err() {
            warn!(user = %self.lease.user, epoch = %self.lease.epoch, "the data plane did not stop in time");
        }
        ended
    }

    /// What an earlier process has reached counts no longer; the jobs it has finished are finished.
    fn at_first(&self, before: Option<&Observed>) -> Observed {
        let finished = before.into_iter().flat_map(|before| &before.jobs).filter(|job| job.state.is_finished());
        Observed {
            epoch: self.lease.epoch,
            generation: Generation::ZERO,
            phase: Phase::Stopped,
            settings_revision: Revision::ZERO,
            held_back: false,
            health: Health::Converging,
            jobs: finished.cloned().collect(),
            at: (self.clock)(),
        }
    }

    /// Converges on each goal; gives up halfway when it changes, and tries again when it does not work.
    async fn converge(&self, observed: &Reported) {
        let mut goals = self.goals.clone();
        let mut retry = Backoff::new(self.config.first_retry, self.config.longest_retry);
        loop {
            let Goal { desired, held_back } = goals.borrow_and_update().clone();
            let (user, generation) = (self.lease.user, desired.generation);
            let command = desired.made_by.map(field::display);
            let span = info_span!("converge", %user, %generation, command);
            let result = tokio::select! {
                result = self.reconciler.converge(&self.lease, &desired).instrument(span) => result,
                changed = goals.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            };
            let pause = match result {
                Ok(()) => {
                    debug!(%user, %generation, command, "converged");
                    retry.reset();
                    observed.send_modify(|observed| {
                        observed.generation = generation;
                        observed.phase = desired.phase;
                        observed.held_back = held_back;
                        observed.settings_revision = desired.settings_revision;
                        observed.health = Health::Converged;
                        observed.at = (self.clock)();
                    });
                    None
                }
                Err(Degraded { component, cause }) => {
                    let pause = retry.pause();
                    warn!(%user, %generation, command, component, ?pause, "not converged");
                    observed.send_modify(|observed| {
                        observed.health = Health::Degraded { component, cause };
                        observed.at = (self.clock)();
                    });
                    Some(pause)
                }
            };
            tokio::select! {
                changed = goals.changed() => if changed.is_err() { return },
                () = after(pause) => {}
            }
        }
    }

    /// Does the jobs of the desired state, all at once.
    async fn work_off_jobs(&self, observed: &Reported) {
        let mut goals = self.goals.clone();
        let mut begun: HashSet<CommandId> = HashSet::new();
        // Dropped with this future, and all workers with it.
        let mut workers = JoinSet::new();
        loop {
            let desired = goals.borrow_and_update().desired.clone();
            observed.send_if_modified(|observed| {
                // A job that has left the desired state has been heard of.
                let before = observed.jobs.len();
                observed.jobs.retain(|report| desired.jobs.iter().any(|job| job.id == report.id));
                observed.jobs.len() != before
            });
            for job in &desired.jobs {
                let waits = job.task.needs_exchange() && desired.phase == Phase::Stopped;
                if !waits && !observed.borrow().has_finished(job.id) && begun.insert(job.id) {
                    workers.spawn(self.job(job.clone(), observed.clone()));
                }
            }
            tokio::select! {
                changed = goals.changed() => if changed.is_err() { return },
                Some(_) = workers.join_next() => {}
            }
        }
    }

    /// One job, to its end.
    fn job(&self, job: Job, observed: Reported) -> impl Future<Output = ()> + Send + 'static {
        let (lease, reconciler) = (self.lease.clone(), Arc::clone(&self.reconciler));
        let span = info_span!("job", user = %lease.user, command = %job.id);
        async move {
            let id = job.id;
            let progress = {
                let observed = observed.clone();
                JobProgress::new(move |state| tell(&observed, id, state))
            };
            let work = tokio::spawn(async move { reconciler.run_job(&lease, &job, &progress).await }.in_current_span());
            let state = match AbortOnDrop(work).join().await {
                Ok(Ok(())) => JobState::Done,
                Ok(Err(reason)) => JobState::Failed { reason },
                Err(error) if error.is_panic() => {
                    JobState::Failed { reason: format!("internal error; see the log for command {id}") }
                }
                // The runtime is ending.
                Err(_) => return,
            };
            tell(&observed, id, state);
        }
        .instrument(span)
    }

    /// Writes what is observed to the log: at once, except for mere progress.
    async fn report(&self, mut news: watch::Receiver<Observed>) -> Lost {
        let mut retry = Backoff::new(self.config.first_retry, self.config.longest_retry);
        let mut last: Option<(Observed, Instant)> = None;
        loop {
            if news.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Some((before, at)) = &last
                && without_progress(before) == without_progress(&news.borrow())
            {
                tokio::select! {
                    () = sleep_until(*at + self.config.report) => {}
                    changed = until_more_than_progress(&mut news, before) => if changed.is_err() { continue },
                }
            }
            loop {
                let state = news.borrow_and_update().clone();
                match self.inbox.observe(&self.lease, state.clone()).await {
                    Ok(()) => {
                        retry.reset();
                        last = Some((state, Instant::now()));
                        break;
                    }
                    Err(ControlError::StaleEpoch { .. } | ControlError::Closed) => return Lost,
                    Err(error) => {
                        warn!(user = %self.lease.user, %error, "what is observed could not be reported");
                        sleep(retry.pause()).await;
                    }
                }
            }
        }
    }
}

fn tell(observed: &Reported, id: CommandId, state: JobState) {
    observed.send_modify(|observed| match observed.jobs.iter_mut().find(|report| report.id == id) {
        Some(report) if report.state.is_finished() => {}
        Some(report) => report.state = state,
        None => observed.jobs.push(JobReport { id, state }),
    });
}

/// The same state, with nothing in it that changes all the time.
fn without_progress(observed: &Observed) -> Observed {
    let mut observed = observed.clone();
    observed.jobs.retain(|report| report.state.is_finished());
    observed
}

async fn until_more_than_progress(
    news: &mut watch::Receiver<Observed>,
    before: &Observed,
) -> Result<(), watch::error::RecvError> {
    let before = without_progress(before);
    news.wait_for(|observed| without_progress(observed) != before).await.map(|_| ())
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn join(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns after `pause`; never without one.
async fn after(pause: Option<std::time::Duration>) {
    match pause {
        Some(pause) => sleep(pause).await,
        None => std::future::pending().await,
    }
}
