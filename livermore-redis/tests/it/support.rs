//! What the tests share.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::StreamExt;
use livermore_core::{
    control::{
        Bell, Bells, Case, Command, CommandBus, CommandInbox, CommandRecord, ControlPolicy, Holder, Lease, PauseLevel,
        SettingsAnswer, Signal, Signals, Step, Submission, decide,
    },
    ids::{CommandId, Revision, Symbol, Timestamp, UserId},
    settings::Actor,
};
use livermore_redis::{RedisCommandLog, RedisConfig};
use livermore_tests::redis::Redis;
use tokio::time::{Instant, sleep, timeout};

pub(crate) const TTL: Duration = Duration::from_secs(10);

pub(crate) fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

/// A new id each time.
pub(crate) fn new_id() -> CommandId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number);
    CommandId::from_parts(Timestamp::from_secs(1_700_000_000).unwrap(), random)
}

pub(crate) fn me() -> Actor {
    Actor::new("test").unwrap()
}

pub(crate) fn submission(command: &Command) -> Submission {
    Submission::new(new_id(), command, me()).unwrap()
}

pub(crate) fn pause() -> Submission {
    submission(&Command::Pause { level: PauseLevel::Stop })
}

pub(crate) fn resume() -> Submission {
    submission(&Command::Resume)
}

pub(crate) fn add_symbol() -> Submission {
    submission(&Command::AddSymbol { symbol: Symbol::new("BTC-USD").unwrap() })
}

pub(crate) fn holder(name: &str) -> Holder {
    Holder::new(name).unwrap()
}

/// Short limits, so that what has to be noticed is noticed soon.
pub(crate) fn config(url: impl Into<String>) -> RedisConfig {
    RedisConfig {
        connect_timeout_ms: 1_000,
        response_timeout_ms: 500,
        ping_interval_ms: 300,
        ..RedisConfig::from_url(url)
    }
}

pub(crate) async fn log(server: &Redis) -> RedisCommandLog {
    open(&config(server.url())).await
}

pub(crate) async fn open(config: &RedisConfig) -> RedisCommandLog {
    RedisCommandLog::open(config, ControlPolicy::default()).await.unwrap()
}

pub(crate) async fn lease(log: &RedisCommandLog, user: UserId, name: &str) -> Lease {
    let mut leases = log.acquire(&[user], &holder(name), TTL).await.unwrap();
    leases.pop().expect("nobody else holds it")
}

/// Decides the next command as a runner would, with settings that accept everything; none if there is nothing to decide.
pub(crate) async fn decide_next(log: &RedisCommandLog, lease: &Lease) -> Option<CommandRecord> {
    let next = log.next(lease).await.unwrap()?;
    let case = Case {
        record: &next.record,
        desired: &next.desired,
        observed: next.observed.as_ref(),
        now: next.now,
        max_attempts: 3,
    };
    let step = match decide(case, None) {
        Step::AskSettings { .. } => {
            let answer = SettingsAnswer::At { revision: Revision::new(1).unwrap(), changed: true };
            decide(case, Some(&answer))
        }
        step @ Step::Decided(_) => step,
    };
    let Step::Decided(decision) = step else { panic!("{step:?}") };
    Some(log.decide(lease, next.record.seq, decision).await.unwrap())
}

/// Looks until it is there, and fails with what was seen last.
pub(crate) async fn eventually<T: Debug>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let until = Instant::now() + limit;
    loop {
        match look().await {
            Ok(value) => return value,
            Err(last) => assert!(Instant::now() < until, "{what}: {last}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// The code of an outcome.
pub(crate) fn code(record: &CommandRecord) -> &str {
    record.outcome.as_ref().map_or("undecided", |outcome| outcome.code.as_str())
}

/// What a sender sees of a command.
pub(crate) async fn recorded(log: &RedisCommandLog, user: UserId, id: CommandId) -> CommandRecord {
    CommandBus::record(log, user, id).await.unwrap().expect("it is recorded").record
}

/// The next bell that is more than a word of caution; none at the end.
pub(crate) async fn bell(bells: &mut Bells) -> Option<Bell> {
    loop {
        match timeout(TTL, bells.next()).await.expect("a bell in time") {
            Some(Bell::Missed) => {}
            bell => return bell,
        }
    }
}

/// The next signal that is more than a word of caution; none at the end.
pub(crate) async fn signal(signals: &mut Signals) -> Option<Signal> {
    loop {
        match timeout(TTL, signals.next()).await.expect("a signal in time") {
            Some(Signal::Missed) => {}
            signal => return signal,
        }
    }
}
