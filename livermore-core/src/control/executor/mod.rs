//! The loop of a runner: leases, decisions, data planes.

mod backoff;
mod config;
mod decider;
mod held;
mod keeper;
mod leader;
mod pause;
mod pauses;
mod plane;
mod recorder;
mod status;
mod volatile;
mod waits;

pub use config::ExecutorConfig;
pub use pause::{PauseRefused, Recording, VolatilePause};
pub use status::{ExecutorStatus, Leading};

use std::{fmt, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use self::{leader::Leader, pause::Order};
use super::{Clock, CommandBus, CommandInbox, Reconciler, SettingsCommands};
use crate::ids::Timestamp;

/// Decides the commands of many users and keeps their data planes as desired, for as long as it is held.
///
/// It takes the lease of each user that no other process holds, decides what was recorded before, and only then starts
/// the user's data plane: a pause sent while nothing ran is honoured before anything starts. It lives through every error
/// of the log and of the settings: what cannot be decided now is decided later.
///
/// Dropping it stops everything at once; [`stop`](Self::stop) also gives the leases back, so that another process takes
/// over without waiting for their end.
pub struct Executor {
    status: watch::Receiver<ExecutorStatus>,
    stop: CancellationToken,
    orders: mpsc::Sender<Order>,
    task: Option<JoinHandle<()>>,
}

/// What an executor works with.
#[derive(Debug, Clone)]
pub struct ExecutorParts {
    /// Where commands are recorded.
    pub inbox: Arc<dyn CommandInbox>,
    /// Carries out commands that change settings.
    pub settings: Arc<dyn SettingsCommands>,
    /// Makes data planes match.
    pub reconciler: Arc<dyn Reconciler>,
}

impl Executor {
    /// Begins to work, in tasks of the current tokio runtime. `clock` is only told to people; the log has its own.
    pub fn start(
        parts: ExecutorParts,
        config: ExecutorConfig,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let (sender, status) = watch::channel(ExecutorStatus::default());
        let stop = CancellationToken::new();
        let clock: Clock = Arc::new(clock);
        let leader = Leader::new(parts, Arc::new(config), clock, sender, stop.clone());
        // Each waits for its answer.
        let (orders, received) = mpsc::channel(1);
        let task = Some(tokio::spawn(leader.run(received)));
        Self { status, stop, orders, task }
    }

    /// What it is doing, kept up to date.
    pub fn status(&self) -> watch::Receiver<ExecutorStatus> {
        self.status.clone()
    }

    /// Pauses a user's data plane in this process at once, whether or not the log can be reached, and records the pause
    /// as a command of this id as soon as it can.
    ///
    /// It lies over the desired state: the data plane converges on what stops more of the two. It outlives the loss of the
    /// lease, and holds from the first moment when the lease is taken again. It is lifted once the desired state shows what
    /// the log has decided about it; commands decided before it in the log count as before it. Until then nothing is
    /// reported as reached ([`Observed::held_back`](super::Observed::held_back)). **With the process it is forgotten**
    /// unless it is recorded; the answer tells how far that is. Other processes learn of it through the log alone.
    ///
    /// `bus` is the other end of the executor's log.
    pub async fn pause_volatile(
        &self,
        pause: VolatilePause,
        bus: Arc<dyn CommandBus>,
    ) -> Result<watch::Receiver<Recording>, PauseRefused> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order { pause, bus, answer }).await.map_err(|_| PauseRefused::Ending)?;
        answered.await.unwrap_or(Err(PauseRefused::Ending))
    }

    /// Stops deciding, then every data plane, then gives the leases back.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // A panic of the task has been told where it happened.
            let _ = task.await;
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("stopped", &self.stop.is_cancelled()).finish_non_exhaustive()
    }
}
