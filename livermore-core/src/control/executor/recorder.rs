use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use super::{
    super::{CommandBus, ControlError, Stage, Submission, Waited},
    backoff::{Backoff, jittered},
    pause::Recording,
};
use crate::{
    exchange::SplitMix64,
    ids::{CommandId, Generation, UserId},
};

/// So long a decision is waited for before the log is asked again whether it still has the command.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sees to it that a pause which holds already gets into the log, however long that takes.
pub(super) struct Recorder {
    pub(super) bus: Arc<dyn CommandBus>,
    pub(super) user: UserId,
    pub(super) submission: Submission,
    pub(super) progress: watch::Sender<Recording>,
    pub(super) retry: Backoff,
    pub(super) random: SplitMix64,
    /// Longest wait for the log to record it.
    pub(super) limit: Duration,
}

/// A pause, and from which generation on the desired state shows what became of it; none if that will never be known.
pub(super) type Logged = (UserId, CommandId, Option<Generation>);

impl Recorder {
    /// Submits it under the same id until it is decided: an answer that was lost costs nothing, nor does a log that has
    /// forgotten it.
    pub(super) async fn run(mut self) -> Logged {
        let (user, id) = (self.user, self.submission.id());
        loop {
            match self.attempt().await {
                Ok(Some(generation)) => return (user, id, Some(generation)),
                Ok(None) => {}
                Err(ControlError::Closed) => return (user, id, None),
                Err(error) => {
                    let pause = jittered(&mut self.random, self.retry.pause());
                    warn!(%user, command = %id, %error, ?pause, "a pause that holds is not decided by the log yet");
                    sleep(pause).await;
                }
            }
        }
    }

    async fn attempt(&mut self) -> Result<Option<Generation>, ControlError> {
        let (user, id) = (self.user, self.submission.id());
        let silent = || ControlError::Unavailable { step: "recording a pause took too long".to_owned(), source: None };
        let submitted = timeout(self.limit, self.bus.submit(user, &self.submission)).await;
        let record = submitted.unwrap_or_else(|_| Err(silent()))?;
        self.retry.reset();
        let outcome = if record.is_open() {
            self.progress.send_replace(Recording::Undecided { seq: record.seq });
            match self.bus.wait(user, id, Stage::Decided, PATIENCE).await? {
                Waited::Reached(status) => status.record.outcome,
                Waited::Pending { .. } => None,
            }
        } else {
            record.outcome
        };
        let Some(outcome) = outcome else { return Ok(None) };
        let generation = outcome.generation;
        info!(%user, command = %id, verdict = %outcome.verdict, %generation, "a pause that held is in the log");
        self.progress.send_replace(Recording::Decided(outcome));
        Ok(Some(generation))
    }
}
