use std::{sync::Arc, time::Duration};

use livermore_core::{
    control::{
        Backfill, CacheScope, Command, CommandBus, CommandRecord, ControlError, Effect, Expiry, Outcome, PauseLevel,
        Stage, Submission, Waited,
    },
    exchange::SplitMix64,
    ids::{CommandId, Revision, Symbol, Timestamp, UserId},
    settings::{Actor, Mode},
};
use tokio::time::{Instant, sleep};

/// What one sender was told of one command.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) user: UserId,
    pub(crate) submission: Submission,
    /// The log has said that it is recorded.
    pub(crate) recorded: Option<CommandRecord>,
    /// The log has not always said clearly whether it is recorded.
    pub(crate) unclear: bool,
    /// Final outcomes it was told, in order.
    pub(crate) outcomes: Vec<Outcome>,
    /// It was told that the command is effective.
    pub(crate) effective: bool,
    /// The truthful word that the log has lost its state.
    pub(crate) lost: bool,
}

/// Sends commands for one user as long as there is more to send, as its seed says, and remembers everything it was told.
/// What is not recorded within `patience` is given up.
pub(crate) async fn send(
    bus: Arc<dyn CommandBus>,
    user: UserId,
    seed: u64,
    patience: Duration,
    more: impl Fn() -> bool + Send,
) -> Vec<Told> {
    let mut random = SplitMix64::new(seed);
    let mut told = Vec::new();
    while more() {
        told.push(one(&*bus, user, patience, &mut random).await);
        sleep(Duration::from_millis(random.below(120))).await;
    }
    told
}

async fn one(bus: &dyn CommandBus, user: UserId, patience: Duration, random: &mut SplitMix64) -> Told {
    let command = any_command(random);
    let expiry = if random.below(5) == 0 {
        Expiry::After(Duration::from_millis(200 + random.below(2_000)))
    } else {
        Expiry::Default
    };
    let submission = Submission::new(new_id(random), &command, Actor::new("chaos").unwrap()).unwrap();
    let submission = submission.with_expiry(expiry);
    let mut told =
        Told { user, submission, recorded: None, unclear: false, outcomes: Vec::new(), effective: false, lost: false };
    told.submit(bus, patience).await;
    if told.recorded.is_none() {
        return told;
    }
    match random.below(10) {
        0 => told.submit(bus, Duration::from_secs(2)).await,
        1 => told.cancel(bus).await,
        2 => told.abuse_the_id(bus).await,
        _ => {}
    }
    let stage = if random.below(3) == 0 { Stage::Effective } else { Stage::Decided };
    told.wait(bus, stage, Duration::from_millis(500 + random.below(2_500))).await;
    told
}

impl Told {
    async fn submit(&mut self, bus: &dyn CommandBus, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            match bus.submit(self.user, &self.submission).await {
                Ok(record) => {
                    if let Some(before) = &self.recorded {
                        assert_eq!((before.seq, &before.hash), (record.seq, &record.hash), "recorded twice");
                    }
                    self.outcomes.extend(record.outcome.clone());
                    self.recorded = Some(record);
                    return;
                }
                Err(ControlError::OutcomeUnknown { .. }) => self.unclear = true,
                Err(ControlError::StateLost { .. }) => self.lost = true,
                Err(error) if error.is_retryable() => {}
                Err(error) => panic!("a valid command was refused: {error}"),
            }
            if Instant::now() > deadline {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn cancel(&mut self, bus: &dyn CommandBus) {
        match bus.cancel(self.user, self.submission.id()).await {
            Ok(record) => self.outcomes.extend(record.outcome),
            Err(ControlError::StateLost { .. }) => self.lost = true,
            Err(error) => assert!(error.is_retryable(), "a recorded command cannot be cancelled: {error}"),
        }
    }

    /// Another command under the same id must never get through.
    async fn abuse_the_id(&self, bus: &dyn CommandBus) {
        let other = Command::ReloadSettings { revision: Some(Revision::ZERO) };
        let other = Submission::new(self.submission.id(), &other, Actor::new("chaos").unwrap()).unwrap();
        match bus.submit(self.user, &other).await {
            Err(ControlError::IdReused { .. } | ControlError::StateLost { .. }) => {}
            Err(error) => assert!(error.is_retryable(), "not the right refusal: {error}"),
            Ok(_) => panic!("another command was taken under the id {}", self.submission.id()),
        }
    }

    async fn wait(&mut self, bus: &dyn CommandBus, stage: Stage, time: Duration) {
        match bus.wait(self.user, self.submission.id(), stage, time).await {
            Ok(Waited::Reached(status)) => {
                self.effective |= status.effect == Effect::Effective;
                self.outcomes.extend(status.record.outcome);
            }
            Ok(Waited::Pending { .. }) => {}
            Err(ControlError::StateLost { .. }) => self.lost = true,
            Err(error) => panic!("a recorded command cannot be waited for: {error}"),
        }
    }
}

fn new_id(random: &mut SplitMix64) -> CommandId {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&random.next_u64().to_be_bytes());
    CommandId::from_parts(now(), bytes)
}

#[allow(clippy::disallowed_methods, reason = "real processes and servers, real time")]
pub(crate) fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap()).unwrap()
}

fn any_command(random: &mut SplitMix64) -> Command {
    let symbol = |random: &mut SplitMix64| Symbol::new(&format!("S{}-USD", random.below(12))).unwrap();
    match random.below(12) {
        0 => Command::Pause { level: PauseLevel::Stop },
        1 => Command::Pause { level: PauseLevel::Mute },
        2 | 3 => Command::Resume,
        4 => Command::SwitchMode { mode: Mode::ScalperMacdv },
        5 => Command::SwitchMode { mode: Mode::ALL[usize::from(random.below(2) == 0) * 2] },
        6 | 7 => Command::AddSymbol { symbol: symbol(random) },
        8 => Command::RemoveSymbol { symbol: symbol(random) },
        9 => {
            let first = random.below(10);
            let symbols = (first..first + 3).map(|n| Symbol::new(&format!("S{n}-USD")).unwrap()).collect();
            Command::BulkAddSymbols { symbols }
        }
        10 => Command::ForceBackfill(Backfill { symbols: vec![symbol(random)], timeframes: Vec::new(), days: Some(1) }),
        _ => Command::ClearCache { scope: CacheScope::All },
    }
}
