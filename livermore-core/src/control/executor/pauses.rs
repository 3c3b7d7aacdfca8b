use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::watch;
use tracing::warn;

use super::{
    super::{Desired, Phase, Submission},
    backoff::Backoff,
    config::ExecutorConfig,
    pause::{Order, PauseRefused, Recording},
    recorder::{Logged, Recorder},
    volatile::{Goal, VolatilePauses},
};
use crate::{exchange::SplitMix64, ids::UserId};

/// The pauses that hold before the log knows them, and how each gets there.
pub(super) struct Pauses {
    config: Arc<ExecutorConfig>,
    laid: VolatilePauses,
    recorders: FuturesUnordered<BoxFuture<'static, Logged>>,
    random: SplitMix64,
}

impl Pauses {
    pub(super) fn new(config: Arc<ExecutorConfig>, seed: u64) -> Self {
        Self {
            config,
            laid: VolatilePauses::default(),
            recorders: FuturesUnordered::new(),
            random: SplitMix64::new(seed),
        }
    }

    /// Lays a pause and begins to record it; whose, unless it is refused.
    pub(super) fn lay(&mut self, Order { pause, bus, answer }: Order) -> Option<UserId> {
        let user = pause.user;
        let laid = if !self.config.users.contains(&user) {
            Err(PauseRefused::NotRun { user })
        } else if !self.laid.lay(user, pause.id, pause.level) {
            Err(PauseRefused::TooMany { user, most: VolatilePauses::MOST })
        } else {
            warn!(%user, command = %pause.id, level = %pause.level, "paused, whatever the log says");
            let (progress, recording) = watch::channel(Recording::Volatile);
            let recorder = Recorder {
                bus,
                user,
                submission: Submission::pause(pause.id, pause.level, pause.sender),
                progress,
                retry: Backoff::new(self.config.first_retry, self.config.lease),
                random: SplitMix64::new(self.random.next_u64()),
                limit: self.config.lease,
            };
            self.recorders.push(recorder.run().boxed());
            Ok(recording)
        };
        let is_laid = laid.is_ok();
        // Whoever asked may be gone.
        let _ = answer.send(laid);
        is_laid.then_some(user)
    }

    /// Returns whose pause the log has decided; never while none is on its way.
    pub(super) async fn decided(&mut self) -> UserId {
        loop {
            match self.recorders.next().await {
                Some((user, id, Some(generation))) => {
                    self.laid.decided(user, id, generation);
                    return user;
                }
                // The log is closed: it holds until the process ends.
                Some((_, _, None)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// What the user's data plane is to converge on. Lifts the pauses that the desired state shows.
    pub(super) fn goal(&mut self, user: UserId, desired: &Desired) -> Goal {
        self.laid.lift(user, desired.generation);
        self.laid.over(user, desired)
    }

    /// The deepest pause of a user.
    pub(super) fn deepest(&self, user: UserId) -> Option<Phase> {
        self.laid.deepest(user)
    }
}
