//! Bells and signals: speed, and the truth about what may have been missed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use livermore_core::{
    control::{
        Bell, Bells, CommandBus, CommandInbox, ControlError, Doorbell, DoorbellState, Expiry, Signal, Signals, Stage,
        Waited,
    },
    ids::{Generation, Seq, UserId},
};
use livermore_pg::PgConfig;
use livermore_tests::fault_proxy::FaultProxy;
use tokio::{
    sync::broadcast,
    time::{Instant, sleep, timeout},
};

use super::support::{decide_next, id, lease, log, log_of, pause, report, resume, through};
use crate::support::{Database, database, user};

const SOON: Duration = Duration::from_secs(10);

async fn next<T>(stream: &mut (impl futures_util::Stream<Item = T> + Unpin)) -> Option<T> {
    timeout(SOON, stream.next()).await.expect("something is heard in 10 s")
}

/// Ends the connections that listen.
async fn deafen(database: &Database) {
    database
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        )
        .await;
}

#[tokio::test]
async fn bells_and_signals_cross_processes_and_not_users() {
    let Some(database) = database().await else { return };
    let (sender, runner) = (log(&database).await, log(&database).await);
    let lease = lease(&runner, 7).await;
    let mut bells = runner.bells(&[user(7)]).await.unwrap();
    let mut signals = sender.signals(user(7)).await.unwrap();
    for number in 1..=3 {
        sender.submit(user(8), &pause(number)).await.unwrap();
        sender.submit(user(7), &pause(number)).await.unwrap();
        assert_eq!(next(&mut bells).await, Some(Bell::Rang(user(7))));
        decide_next(&runner, &lease).await.unwrap().unwrap();
        assert_eq!(next(&mut signals).await, Some(Signal::Decided(id(number))));
    }
    runner.observe(&lease, report(1)).await.unwrap();
    assert_eq!(next(&mut signals).await, Some(Signal::Observed(Generation::new(1).unwrap())));
    // Ended by whoever looked, or taken back: also told.
    sender.submit(user(7), &resume(4).with_expiry(Expiry::After(Duration::ZERO))).await.unwrap();
    sleep(Duration::from_millis(5)).await;
    assert!(runner.next(&lease).await.unwrap().is_none());
    assert_eq!(next(&mut signals).await, Some(Signal::Decided(id(4))));
    sender.submit(user(7), &resume(5)).await.unwrap();
    sender.cancel(user(7), id(5)).await.unwrap();
    assert_eq!(next(&mut signals).await, Some(Signal::Decided(id(5))));
    CommandInbox::close(&runner).await;
    CommandBus::close(&sender).await;
    while let Some(bell) = next(&mut bells).await {
        assert_eq!(bell, Bell::Rang(user(7)));
    }
    assert_eq!(next(&mut signals).await, None);
    assert!(matches!(sender.signals(user(7)).await.err(), Some(ControlError::Closed)));
}

#[tokio::test]
async fn case_72_a_lost_listener_says_so_and_comes_back() {
    let Some(database) = database().await else { return };
    let config = PgConfig { poll_interval_ms: 60_000, ..database.config() };
    let log = log_of(&config).await;
    let mut bells = log.bells(&[user(7)]).await.unwrap();
    let mut signals = log.signals(user(7)).await.unwrap();
    for number in 1..=3 {
        deafen(&database).await;
        // Lost, and there again.
        for _ in 0..2 {
            assert_eq!(next(&mut bells).await, Some(Bell::Missed));
            assert_eq!(next(&mut signals).await, Some(Signal::Missed));
        }
        log.submit(user(7), &pause(number)).await.unwrap();
        assert_eq!(next(&mut bells).await, Some(Bell::Rang(user(7))));
        log.cancel(user(7), id(number)).await.unwrap();
        assert_eq!(next(&mut signals).await, Some(Signal::Decided(id(number))));
    }
}

#[tokio::test]
async fn case_72_a_silent_listener_is_noticed() {
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let log = log_of(&PgConfig { poll_interval_ms: 500, ..through(&proxy, &database) }).await;
    let mut bells = log.bells(&[user(7)]).await.unwrap();
    proxy.abandon();
    assert_eq!(next(&mut bells).await, Some(Bell::Missed));
    assert_eq!(next(&mut bells).await, Some(Bell::Missed));
    log.submit(user(7), &pause(1)).await.unwrap();
    assert_eq!(next(&mut bells).await, Some(Bell::Rang(user(7))));
}

#[tokio::test]
async fn nonsense_on_the_channels_is_ignored() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let mut bells = log.bells(&[user(7)]).await.unwrap();
    let mut signals = log.signals(user(7)).await.unwrap();
    for channel in ["livermore_bell", "livermore_ack"] {
        for payload in ["", ":", "7", "7:", "7:x", ":1", "-7:1", "8:5", "0:1", "7:99999999999999999999", "7:1:2"] {
            database.run(&format!("NOTIFY {channel}, '{payload}'")).await;
        }
    }
    log.submit(user(7), &pause(1)).await.unwrap();
    log.cancel(user(7), id(1)).await.unwrap();
    assert_eq!(next(&mut bells).await, Some(Bell::Rang(user(7))));
    assert_eq!(next(&mut signals).await, Some(Signal::Decided(id(1))));
}

#[tokio::test]
async fn waiting_for_an_answer_takes_no_poll() {
    let Some(database) = database().await else { return };
    let (sender, runner) = (log(&database).await, log(&database).await);
    let lease = lease(&runner, 7).await;
    // The pauses between two looks have become long by the time it is decided.
    sender.submit(user(7), &pause(1)).await.unwrap();
    let waiting = tokio::spawn({
        let sender = sender.clone();
        async move {
            let waited = sender.wait(user(7), id(1), Stage::Decided, SOON).await.unwrap();
            (waited, Instant::now())
        }
    });
    sleep(Duration::from_millis(1_600)).await;
    decide_next(&runner, &lease).await.unwrap().unwrap();
    let decided = Instant::now();
    let (waited, at) = waiting.await.unwrap();
    assert!(matches!(waited, Waited::Reached(_)), "{waited:?}");
    assert!(at.saturating_duration_since(decided) < Duration::from_millis(600), "{:?}", at - decided);
}

/// A doorbell within the process, that may be broken.
#[derive(Debug)]
struct Bellrope {
    broken: bool,
    bells: broadcast::Sender<UserId>,
    told: Mutex<Vec<Signal>>,
}

impl Bellrope {
    fn new(broken: bool) -> Arc<Self> {
        Arc::new(Self { broken, bells: broadcast::Sender::new(16), told: Mutex::default() })
    }
}

#[async_trait]
impl Doorbell for Bellrope {
    fn ring(&self, user: UserId, _: Seq) {
        let _ = self.bells.send(user);
    }

    fn tell(&self, _: UserId, signal: Signal) {
        self.told.lock().unwrap().push(signal);
    }

    async fn bells(&self, _: &[UserId]) -> Result<Bells, ControlError> {
        if self.broken {
            return Err(ControlError::Closed);
        }
        let receiver = self.bells.subscribe();
        Ok(Box::pin(stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.ok().map(|user| (Bell::Rang(user), receiver))
        })))
    }

    async fn signals(&self, _: UserId) -> Result<Signals, ControlError> {
        if self.broken { Err(ControlError::Closed) } else { Ok(Box::pin(stream::pending())) }
    }

    fn state(&self) -> DoorbellState {
        if self.broken { DoorbellState::Degraded } else { DoorbellState::Working }
    }

    async fn close(&self) {}
}

#[tokio::test]
async fn a_doorbell_is_rung_after_the_commit_and_heard_beside_the_notices() {
    let Some(database) = database().await else { return };
    let rope = Bellrope::new(false);
    let log = log(&database).await.with_doorbell(rope.clone());
    let lease = lease(&log, 7).await;
    let mut bells = log.bells(&[user(7)]).await.unwrap();
    let mut signals = log.signals(user(7)).await.unwrap();
    log.submit(user(7), &pause(1)).await.unwrap();
    // Once from each.
    assert_eq!(next(&mut bells).await, Some(Bell::Rang(user(7))));
    assert_eq!(next(&mut bells).await, Some(Bell::Rang(user(7))));
    assert!(log.submit(user(7), &resume(1)).await.is_err());
    decide_next(&log, &lease).await.unwrap().unwrap();
    log.observe(&lease, report(1)).await.unwrap();
    let generation = Generation::new(1).unwrap();
    assert_eq!(*rope.told.lock().unwrap(), [Signal::Decided(id(1)), Signal::Observed(generation)]);
    assert_eq!(next(&mut signals).await, Some(Signal::Decided(id(1))));
    CommandBus::close(&log).await;
    while let Some(bell) = next(&mut bells).await {
        assert_eq!(bell, Bell::Rang(user(7)));
    }
    while next(&mut signals).await.is_some() {}
}

#[tokio::test]
async fn a_broken_doorbell_costs_nothing_but_time() {
    let Some(database) = database().await else { return };
    let log = log(&database).await.with_doorbell(Bellrope::new(true));
    let lease = lease(&log, 7).await;
    let mut bells = log.bells(&[user(7)]).await.unwrap();
    let mut signals = log.signals(user(7)).await.unwrap();
    log.submit(user(7), &pause(1)).await.unwrap();
    assert_eq!(next(&mut bells).await, Some(Bell::Rang(user(7))));
    decide_next(&log, &lease).await.unwrap().unwrap();
    assert_eq!(next(&mut signals).await, Some(Signal::Decided(id(1))));
}
