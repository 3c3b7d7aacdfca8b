//! What the tests of commands share.

use std::{fmt::Write as _, time::Duration};

use livermore_core::{
    control::{
        Case, Command, CommandInbox, CommandRecord, ControlError, ControlPolicy, Decision, Desired, Health, Holder,
        Lease, Next, Observed, PauseLevel, Phase, Step, Submission, decide,
    },
    ids::{CommandId, Epoch, Generation, Revision, Timestamp},
    settings::Actor,
};
use livermore_pg::{PgCommandLog, PgConfig};
use livermore_tests::fault_proxy::FaultProxy;
use tokio::time::Instant;

use crate::support::{APP, Database, user};

pub(crate) const HOUR: Duration = Duration::from_hours(1);

pub(crate) async fn log(database: &Database) -> PgCommandLog {
    log_of(&database.config()).await
}

pub(crate) async fn log_of(config: &PgConfig) -> PgCommandLog {
    PgCommandLog::connect(config, ControlPolicy::default()).await.expect("the log connects")
}

pub(crate) fn through(proxy: &FaultProxy, database: &Database) -> PgConfig {
    PgConfig::from_url(database.server.url_through(proxy.address(), APP, &database.name))
}

/// The same id for the same number.
pub(crate) fn id(number: u64) -> CommandId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    CommandId::from_parts(Timestamp::from_secs(1_522_800_000).unwrap(), random)
}

pub(crate) fn submission(number: u64, command: &Command) -> Submission {
    Submission::new(id(number), command, Actor::new("test").unwrap()).unwrap()
}

pub(crate) fn pause(number: u64) -> Submission {
    submission(number, &Command::Pause { level: PauseLevel::Stop })
}

pub(crate) fn resume(number: u64) -> Submission {
    submission(number, &Command::Resume)
}

pub(crate) fn holder(name: &str) -> Holder {
    Holder::new(name).unwrap()
}

/// The lease of a user nobody else holds.
pub(crate) async fn lease(log: &PgCommandLog, number: u64) -> Lease {
    lease_for(log, number, "runner:1", HOUR).await.expect("the lease is free")
}

pub(crate) async fn lease_for(log: &PgCommandLog, number: u64, name: &str, ttl: Duration) -> Option<Lease> {
    log.acquire(&[user(number)], &holder(name), ttl).await.unwrap().pop()
}

/// What is decided about a command that does not ask the settings.
pub(crate) fn decision(next: &Next) -> Decision {
    let case = Case {
        record: &next.record,
        desired: &next.desired,
        observed: next.observed.as_ref(),
        now: next.now,
        max_attempts: 3,
    };
    match decide(case, None) {
        Step::Decided(decision) => decision,
        Step::AskSettings { .. } => Decision { is_done: true, ..Decision::expired() },
    }
}

/// Decides the oldest command, if there is one.
pub(crate) async fn decide_next(log: &PgCommandLog, lease: &Lease) -> Result<Option<CommandRecord>, ControlError> {
    let Some(next) = log.next(lease).await? else { return Ok(None) };
    log.decide(lease, next.record.seq, decision(&next)).await.map(Some)
}

/// Tries until it succeeds, for at most 20 s, and shows the last error otherwise.
pub(crate) async fn eventually<T, F>(what: &str, mut call: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, ControlError>>,
{
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) if Instant::now() > deadline => panic!("{what}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// A report that the data plane has got to a generation.
pub(crate) fn report(generation: u64) -> Observed {
    Observed {
        epoch: Epoch::ZERO,
        generation: Generation::new(generation).unwrap(),
        phase: Phase::Running,
        settings_revision: Revision::ZERO,
        held_back: false,
        health: Health::Converged,
        jobs: Vec::new(),
        at: Timestamp::from_secs(1_522_800_000).unwrap(),
    }
}

/// A desired state of this generation.
pub(crate) fn desired(generation: u64) -> Desired {
    Desired { generation: Generation::new(generation).unwrap(), ..Desired::default() }
}

/// Everything an error says, with its sources.
pub(crate) fn all_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, " {error} {error:?}");
        source = error.source();
    }
    text
}
