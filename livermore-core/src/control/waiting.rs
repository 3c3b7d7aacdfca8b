use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{CommandBus, CommandStatus, ControlError, Effect, Sent, Signal, Signals, Stage, Submission, Waited};
use crate::{
    ErrorKind,
    ids::{CommandId, UserId},
};

/// The first pause between two looks at a command where there are signals, and where there are none; each pause is twice
/// as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const FIRST_PAUSE_IN_SILENCE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// So long the first look may take in any case: waiting for no time is a question, which a log elsewhere can answer.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// So long a sender waits for signals before it submits without them.
const FIRST_LISTEN: Duration = Duration::from_secs(1);

/// Waits by looking at the record: at once on a signal, otherwise ever less often. Signals are only speed.
pub(super) async fn wait<B: CommandBus + ?Sized>(
    bus: &B,
    user: UserId,
    id: CommandId,
    stage: Stage,
    time: Duration,
) -> Result<Waited, ControlError> {
    let deadline = Instant::now() + time;
    // Asked for first: what happens between the first look and the first signal must not be missed.
    let signals = timeout_at(deadline, bus.signals(user)).await.ok().and_then(Result::ok);
    Wait::new(user, id, stage, deadline, signals).look(bus).await
}

/// The same for a command that is recorded first: its record is the first look.
pub(super) async fn submit_and_wait<B: CommandBus + ?Sized>(
    bus: &B,
    user: UserId,
    submission: &Submission,
    stage: Stage,
    time: Duration,
) -> Result<Sent, ControlError> {
    let signals = timeout(FIRST_LISTEN.min(time), bus.signals(user)).await.ok().and_then(Result::ok);
    let record = bus.submit(user, submission).await?;
    let mut wait = Wait::new(user, submission.id(), stage, Instant::now() + time, signals);
    if record.is_open() {
        wait.last = Some(CommandStatus { record: record.clone(), effect: Effect::None });
        wait.rest().await;
    }
    Ok(Sent { record, waited: wait.look(bus).await })
}

struct Wait {
    user: UserId,
    id: CommandId,
    stage: Stage,
    deadline: Instant,
    /// Until when the next look may take.
    patience: Instant,
    /// Until the next look, if there is no signal.
    pause: Duration,
    signals: Option<Signals>,
    last: Option<CommandStatus>,
}

impl Wait {
    fn new(user: UserId, id: CommandId, stage: Stage, deadline: Instant, signals: Option<Signals>) -> Self {
        let patience = deadline.max(Instant::now() + FIRST_LOOK);
        let pause = if signals.is_some() { FIRST_PAUSE } else { FIRST_PAUSE_IN_SILENCE };
        Self { user, id, stage, deadline, patience, pause, signals, last: None }
    }

    /// Looks until the stage is reached or the time is up.
    async fn look<B: CommandBus + ?Sized>(mut self, bus: &B) -> Result<Waited, ControlError> {
        let Self { user, id, stage, deadline, .. } = self;
        loop {
            match timeout_at(self.patience, bus.record(user, id)).await {
                Ok(Ok(Some(status))) if stage.is_reached(&status) => return Ok(Waited::Reached(status)),
                Ok(Ok(Some(status))) => self.last = Some(status),
                Ok(Ok(None)) => return Err(ControlError::NotFound { id }),
                // The log may come back before the time is up.
                Ok(Err(error)) if error.kind() == ErrorKind::Unavailable => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Ok(Waited::Pending { id, last: self.last }),
            }
            self.patience = deadline;
            if Instant::now() >= deadline {
                return Ok(Waited::Pending { id, last: self.last });
            }
            self.rest().await;
        }
    }

    /// Returns on a signal that may concern the command, and at the latest when it is time to look again.
    async fn rest(&mut self) {
        let until = self.deadline.min(Instant::now() + self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        while let Some(stream) = &mut self.signals {
            match timeout_at(until, stream.next()).await {
                Ok(Some(Signal::Decided(decided))) if decided != self.id => {}
                Ok(Some(Signal::Observed(_))) if self.stage == Stage::Decided => {}
                Ok(Some(_)) | Err(_) => return,
                // They have ended; the pauses go on.
                Ok(None) => self.signals = None,
            }
        }
        sleep_until(until).await;
    }
}
