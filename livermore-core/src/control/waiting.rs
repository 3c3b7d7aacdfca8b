use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{CommandBus, ControlError, Signal, Signals, Stage, Waited};
use crate::{
    ErrorKind,
    ids::{CommandId, UserId},
};

/// The first pause between two looks at a command; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// So long the first look may take in any case: waiting for no time is a question, which a log elsewhere can answer.
const FIRST_LOOK: Duration = Duration::from_secs(1);

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
    let mut signals = timeout_at(deadline, bus.signals(user)).await.ok().and_then(Result::ok);
    let (mut last, mut pause) = (None, FIRST_PAUSE);
    let mut patience = deadline.max(Instant::now() + FIRST_LOOK);
    loop {
        match timeout_at(patience, bus.record(user, id)).await {
            Ok(Ok(Some(status))) if stage.is_reached(&status) => return Ok(Waited::Reached(status)),
            Ok(Ok(Some(status))) => last = Some(status),
            Ok(Ok(None)) => return Err(ControlError::NotFound { id }),
            // The log may come back before the time is up.
            Ok(Err(error)) if error.kind() == ErrorKind::Unavailable => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(Waited::Pending { id, last }),
        }
        patience = deadline;
        let now = Instant::now();
        if now >= deadline {
            return Ok(Waited::Pending { id, last });
        }
        rung(&mut signals, id, stage, deadline.min(now + pause)).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Returns on a signal that may concern the command, and at the latest at `until`.
async fn rung(signals: &mut Option<Signals>, id: CommandId, stage: Stage, until: Instant) {
    while let Some(stream) = signals {
        match timeout_at(until, stream.next()).await {
            Ok(Some(Signal::Decided(decided))) if decided != id => {}
            Ok(Some(Signal::Observed(_))) if stage == Stage::Decided => {}
            Ok(Some(_)) | Err(_) => return,
            // They have ended; the pauses go on.
            Ok(None) => *signals = None,
        }
    }
    sleep_until(until).await;
}
