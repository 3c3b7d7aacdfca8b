//! Commands, users and holders for the clauses.

use crate::{
    control::{Backfill, Command, Expiry, Health, Holder, Lease, Observed, PauseLevel, Phase, Submission},
    ids::{CommandId, Generation, Revision, Symbol, Timestamp, UserId},
    settings::Actor,
};

pub(super) fn user(number: u64) -> UserId {
    UserId::new(number).expect("users of the suite are valid")
}

/// An id that differs for each `number`.
pub(super) fn id(number: u64) -> CommandId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    let at = Timestamp::from_secs(1_522_800_000).expect("times of the suite are valid");
    CommandId::from_parts(at, random)
}

pub(super) fn holder(name: &str) -> Holder {
    Holder::new(&format!("suite:{name}")).expect("holders of the suite are valid")
}

pub(super) fn symbol(text: &str) -> Symbol {
    Symbol::new(text).expect("symbols of the suite are valid")
}

pub(super) fn actor(text: &str) -> Actor {
    Actor::new(text).expect("actors of the suite are valid")
}

pub(super) fn generation(number: u64) -> Generation {
    Generation::new(number).expect("generations of the suite are valid")
}

/// A command that waits as long as the policy says, except where `expiry` says otherwise.
pub(super) fn submission(id: CommandId, command: &Command) -> Submission {
    Submission::new(id, command, actor("suite:sender")).expect("commands of the suite are valid")
}

/// Waits for ever.
pub(super) fn pause(id: CommandId) -> Submission {
    submission(id, &Command::Pause { level: PauseLevel::Stop })
}

/// Waits a while.
pub(super) fn resume(id: CommandId) -> Submission {
    submission(id, &Command::Resume)
}

/// Changes the settings.
pub(super) fn add_symbol(id: CommandId) -> Submission {
    submission(id, &Command::AddSymbol { symbol: symbol("BTC-USD") })
}

/// Asks for a job.
pub(super) fn backfill(id: CommandId) -> Submission {
    let backfill = Backfill { symbols: vec![symbol("BTC-USD")], timeframes: Vec::new(), days: Some(3) };
    submission(id, &Command::ForceBackfill(backfill))
}

/// How long the commands of the clauses on expiry wait: short, since some logs have a real clock, and long enough to
/// be begun in time.
pub(super) const SHORT: std::time::Duration = std::time::Duration::from_millis(250);

/// The same for [`SHORT`] only.
pub(super) fn short_lived(submission: Submission) -> Submission {
    submission.with_expiry(Expiry::After(SHORT))
}

/// A report that everything is as this generation wants it.
pub(super) fn observed(lease: &Lease, generation: Generation) -> Observed {
    Observed {
        epoch: lease.epoch,
        generation,
        phase: Phase::Running,
        settings_revision: Revision::ZERO,
        held_back: false,
        health: Health::Converged,
        jobs: Vec::new(),
        at: Timestamp::EPOCH,
    }
}
