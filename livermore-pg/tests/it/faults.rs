//! Connections that break, hang or are too few.

use std::{collections::BTreeSet, future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use futures_util::future::join_all;
use livermore_core::settings::{Expect, HistoryQuery, Save, SettingsError, SettingsStore};
use livermore_pg::{PgConfig, PgSettingsStore, migrate};
use livermore_tests::{
    fault_proxy::{FaultProxy, Way},
    postgres::own,
};
use sqlx::{Connection, Executor};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::support::{
    APP, Database, OWNER, Random, cause, database, eventually, number_of, numbered, revision, save, save_of, until,
    user,
};

fn through(proxy: &FaultProxy, database: &Database) -> PgConfig {
    PgConfig::from_url(database.server.url_through(proxy.address(), APP, &database.name))
}

/// How many connections of the program the server has.
const BACKENDS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'livermore_app'";

/// How many connections wait for a lock.
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test]
async fn case_43_a_server_that_is_not_there() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = listener.local_addr().unwrap();
    // Accepts nothing: the kernel answers, and then there is silence.
    let silent = PgConfig::from_url(format!("postgres://app@{nobody}/db"));
    let begun = Instant::now();
    let error = PgSettingsStore::connect(&silent).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains(&nobody.to_string()), "{error:?}");
    assert!(begun.elapsed() < Duration::from_millis(2_500), "{:?}", begun.elapsed());
    drop(listener);
    let error = PgSettingsStore::connect(&silent).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn case_44_46_a_server_that_is_killed_and_comes_back() {
    let Some(server) = own() else { return };
    server.run("postgres", "CREATE ROLE livermore_owner LOGIN; CREATE ROLE livermore_app LOGIN").await;
    server.run("postgres", "CREATE DATABASE db OWNER livermore_owner").await;
    migrate(&PgConfig::from_url(server.url(OWNER, "db")), Some(APP)).await.unwrap();
    let store = PgSettingsStore::connect(&PgConfig::from_url(server.url(APP, "db"))).await.unwrap();
    store.save(user(7), save(1)).await.unwrap();
    let mut watch = store.watch(user(7)).await.unwrap();
    server.signal("KILL");
    let begun = Instant::now();
    let refused = loop {
        match store.save(user(7), save(2).with_cause(cause("during"))).await {
            Ok(_) => sleep(Duration::from_millis(5)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, SettingsError::Unavailable { .. }), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_millis(2_500), "{:?}", begun.elapsed());
    server.restart();
    let made =
        eventually("saving after the restart", || store.save(user(7), save(2).with_cause(cause("during")))).await;
    assert_eq!(made, revision(2), "nothing was held back to be done later");
    let told = timeout(Duration::from_secs(10), futures_util::StreamExt::next(&mut watch)).await.unwrap();
    assert_eq!(told, Some(revision(2)));
}

#[tokio::test]
async fn case_45_proxy_cuts_around_commit() {
    const SEED: u64 = 45;
    const CUTS: u64 = 1_000;
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let store = PgSettingsStore::connect(&through(&proxy, &database)).await.unwrap();
    store.save(user(7), save(0)).await.unwrap();
    let before = (proxy.passed(Way::Out), proxy.passed(Way::Back));
    store.save(user(7), save(1)).await.unwrap();
    // What one save sends and receives, so that cuts fall into it and around its commit.
    let sent = proxy.passed(Way::Out) - before.0;
    let received = proxy.passed(Way::Back) - before.1;
    let mut random = Random(SEED);
    let (mut rounds, mut cuts) = (0, 0);
    while cuts < CUTS {
        let round = rounds;
        rounds += 1;
        let with = save(round).with_cause(cause(&format!("command {round}")));
        if random.below(2) == 0 {
            proxy.cut_after(Way::Out, random.below(sent + 20));
        } else {
            proxy.cut_after(Way::Back, random.below(received + 20));
        }
        let made = eventually("saving again with the same cause", || store.save(user(7), with.clone())).await;
        assert_eq!(made, revision(round + 3), "round {round} of seed {SEED}");
        cuts += u64::from(!proxy.disarm());
    }
    assert!(rounds < CUTS * 3, "only {cuts} of {rounds} cuts happened");
    let history = store.history(user(7), HistoryQuery::newest(10_000)).await.unwrap();
    let causes: BTreeSet<String> = history.iter().flat_map(|entry| &entry.cause).map(ToString::to_string).collect();
    assert_eq!((history.len() as u64, causes.len() as u64), (rounds + 2, rounds));
}

#[tokio::test]
async fn case_45_without_a_cause_an_unknown_outcome_is_told() {
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let store = PgSettingsStore::connect(&through(&proxy, &database)).await.unwrap();
    store.save(user(7), save(1)).await.unwrap();
    // Everything arrives there, and nothing comes back.
    proxy.cut_after(Way::Back, 0);
    let error = store.save(user(7), save_of(numbered(2), Expect::Revision(revision(1)))).await.unwrap_err();
    assert!(matches!(error, SettingsError::Unavailable { .. }), "{error:?}");
    let stored = store.load(user(7)).await.unwrap().unwrap();
    assert!(stored.revision == revision(1) || stored.document == numbered(2), "{stored:?}");
}

#[tokio::test]
async fn case_47_a_full_pool_is_busy_after_two_seconds() {
    let Some(database) = database().await else { return };
    let config = PgConfig { max_connections: 1, lock_timeout_ms: 4_000, ..database.config() };
    let store = PgSettingsStore::connect(&config).await.unwrap();
    store.save(user(7), save(1)).await.unwrap();
    let mut admin = database.server.admin(&database.name).await;
    let mut holder = admin.begin().await.unwrap();
    holder.execute("SELECT 1 FROM livermore.users WHERE id = 7 FOR UPDATE").await.unwrap();
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { store.save(user(7), save(2)).await })
    };
    // The only connection is taken once the save waits for the lock.
    until(&database, "the save waits for the lock", WAITING, |waiting| waiting > 0).await;
    let begun = Instant::now();
    let error = store.load(user(8)).await.unwrap_err();
    let took = begun.elapsed();
    assert!(matches!(error, SettingsError::Busy { .. }), "{error:?}");
    assert!((1_900..2_500).contains(&took.as_millis()), "{took:?}");
    // The one who waited for the lock is told so as well, and its connection serves the next.
    assert!(matches!(waiting.await.unwrap(), Err(SettingsError::Busy { .. })));
    holder.rollback().await.unwrap();
    store.save(user(7), save(3)).await.unwrap();
}

/// Polls a call for so long; `None` if it was not done then, and was dropped. tokio's timer has only milliseconds.
async fn poll_then_drop<T>(patience: Duration, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    let begun = Instant::now();
    while begun.elapsed() < patience {
        let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = polled {
            return Some(answer);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test]
async fn case_48_calls_dropped_midway() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    let mut random = Random(48);
    for id in [7, 8] {
        store.save(user(id), save(id)).await.unwrap();
    }
    // Less time after a call that was answered, more after one that was dropped: on any machine, however busy, a good part
    // of the calls are cut off on the way.
    let (mut dropped, mut longest) = (0, 1_000_u64);
    for round in 0..1_000 {
        let id = 7 + round % 2;
        let answer = poll_then_drop(Duration::from_micros(random.below(longest)), number_of(&store, id)).await;
        longest =
            if answer.is_some() { longest - longest / 10 } else { (longest + longest / 4).min(1_000_000) }.max(20);
        dropped += u32::from(answer.is_none());
        assert!(answer.is_none_or(|answer| answer.unwrap() == Some(id)), "round {round}");
        if round % 50 == 0 {
            assert_eq!(number_of(&store, id).await.unwrap(), Some(id), "round {round}");
        }
    }
    assert!((50..950).contains(&dropped), "{dropped} of 1,000 calls were dropped");
    // All places are free again.
    let together = join_all((0..5).map(|index| number_of(&store, 7 + index % 2))).await;
    assert!(together.into_iter().all(|answer| answer.is_ok()));
    until(&database, "connections are given back", BACKENDS, |connections| connections <= 5).await;
}

#[tokio::test]
async fn case_49_connections_that_died_in_silence() {
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let config = PgConfig { statement_timeout_ms: 300, ..through(&proxy, &database) };
    let store = PgSettingsStore::connect(&config).await.unwrap();
    store.save(user(7), save(1)).await.unwrap();
    for rest in [Duration::ZERO, Duration::from_millis(1_200)] {
        let together = join_all((0..20).map(|_| number_of(&store, 7))).await;
        assert!(together.into_iter().all(|answer| answer.is_ok()), "all five connections are open");
        sleep(rest).await;
        proxy.abandon();
        let begun = Instant::now();
        let all = join_all((0..5).map(|_| number_of(&store, 7))).await;
        assert!(all.iter().all(Result::is_ok), "after {rest:?}: {all:?}");
        assert!(begun.elapsed() < Duration::from_secs(3), "after {rest:?}: {:?}", begun.elapsed());
    }
    // Silent for longer than anyone waits: told in time, and over as soon as it is over.
    proxy.silence(true);
    let begun = Instant::now();
    let error = number_of(&store, 7).await.unwrap_err();
    assert!(matches!(error, SettingsError::Unavailable { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    proxy.silence(false);
    assert_eq!(number_of(&store, 7).await.unwrap(), Some(1));
}

#[tokio::test]
async fn case_50_two_editors_one_revision() {
    let Some(database) = database().await else { return };
    let (alice, bob) = (database.store().await, database.store().await);
    let first = alice.save(user(7), save(1)).await.unwrap();
    let edit = |number| save_of(numbered(number), Expect::Revision(first));
    let (a, b) = tokio::join!(alice.save(user(7), edit(2)), bob.save(user(7), edit(3)));
    let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
    assert_eq!(won.unwrap(), revision(2));
    let Err(SettingsError::Conflict { current: Some(current) }) = lost else { panic!("{lost:?}") };
    assert_eq!(Some(*current), alice.load(user(7)).await.unwrap());
}

#[tokio::test]
async fn case_68_a_client_that_freezes_blocks_nobody() {
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let config = PgConfig { statement_timeout_ms: 500, ..through(&proxy, &database) };
    let frozen = PgSettingsStore::connect(&config).await.unwrap();
    frozen.save(user(7), save(1)).await.unwrap();
    // Its save has reached the server and waits there for a lock when the client is lost.
    let mut admin = database.server.admin(&database.name).await;
    let mut holder = admin.begin().await.unwrap();
    holder.execute("SELECT 1 FROM livermore.users WHERE id = 7 FOR UPDATE").await.unwrap();
    let saving = tokio::spawn({
        let frozen = frozen.clone();
        async move { frozen.save(user(7), save(2)).await }
    });
    until(&database, "the save waits for the lock", WAITING, |waiting| waiting > 0).await;
    proxy.abandon();
    holder.rollback().await.unwrap();
    let other = database.store().await;
    let begun = Instant::now();
    other.save(user(7), save(3)).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let lost = saving.await.unwrap();
    assert!(matches!(lost, Err(SettingsError::Unavailable { .. } | SettingsError::Busy { .. })), "{lost:?}");
    // A transaction held open by other means is ended after the time the connections carry.
    let mut limited = database.server.admin(&database.name).await;
    limited.execute("SET idle_in_transaction_session_timeout = '1s'").await.unwrap();
    limited.execute("BEGIN; SELECT 1 FROM livermore.users WHERE id = 7 FOR UPDATE").await.unwrap();
    let begun = Instant::now();
    eventually("the lock of a frozen holder is freed", || other.save(user(7), save(4))).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn case_68_every_connection_carries_its_limits() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    store.save(user(7), save(1)).await.unwrap();
    let log = "ALTER ROLE livermore_app IN DATABASE {} SET statement_timeout = 0".replace("{}", &database.name);
    database.run(&log).await;
    // What the role or the database says does not undo them.
    let config = PgConfig { statement_timeout_ms: 200, lock_timeout_ms: 60_000, ..database.config() };
    let store = PgSettingsStore::connect(&config).await.unwrap();
    let mut admin = database.server.admin(&database.name).await;
    let mut holder = admin.begin().await.unwrap();
    holder.execute("SELECT 1 FROM livermore.users WHERE id = 7 FOR UPDATE").await.unwrap();
    let error = store.save(user(7), save(2)).await.unwrap_err();
    assert!(matches!(&error, SettingsError::Busy { step } if step.contains("57014")), "{error:?}");
}

#[tokio::test]
async fn case_70_a_reader_sees_every_revision_once() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 25;
    let Some(database) = database().await else { return };
    let store = Arc::new(database.store().await);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for number in 0..EACH {
                store.save(user(7), Save { expect: Expect::Any, ..save(writer * 1_000 + number) }).await.unwrap();
            }
        });
    }
    let mut seen = 0;
    while seen < WRITERS * EACH {
        let newest = store.history(user(7), HistoryQuery::newest(1_000)).await.unwrap();
        let mut news: Vec<u64> =
            newest.iter().map(|entry| entry.revision.get()).filter(|number| *number > seen).collect();
        news.reverse();
        let expected: Vec<u64> = (seen + 1..=seen + news.len() as u64).collect();
        assert_eq!(news, expected, "a revision was skipped or came late");
        seen += news.len() as u64;
    }
    writers.join_all().await;
}
