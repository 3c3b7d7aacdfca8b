//! Watches: notices are speed, polling is the guarantee.

use std::time::Duration;

use futures_util::StreamExt;
use livermore_core::{
    ids::Revision,
    settings::{SettingsStore, WatchEvents},
};
use livermore_pg::{PgConfig, PgSettingsStore};
use livermore_tests::fault_proxy::FaultProxy;
use tokio::time::{Instant, timeout};

use crate::support::{APP, database, revision, save, until, user};

/// The next revision, and how long it took.
async fn next(watch: &mut WatchEvents) -> (Option<Revision>, Duration) {
    let begun = Instant::now();
    let told = timeout(Duration::from_secs(20), watch.next()).await.expect("a revision is told in 20 s");
    (told, begun.elapsed())
}

/// Connections whose last word was that they listen: for as long as a watch's interval.
const LISTENING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";

/// The same connections, also later: once per interval they are asked whether they are alive.
const LISTENING_OR_ASKED: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^(LISTEN.*|SELECT 1)$'";

#[tokio::test]
async fn a_notice_arrives_long_before_the_poll() {
    let Some(database) = database().await else { return };
    let config = PgConfig { poll_interval_ms: 60_000, ..database.config() };
    let watching = PgSettingsStore::connect(&config).await.unwrap();
    let saving = database.store().await;
    let mut watch = watching.watch(user(7)).await.unwrap();
    until(&database, "the watch listens", LISTENING, |listening| listening == 1).await;
    for number in 1..=3 {
        saving.save(user(8), save(number)).await.unwrap();
        saving.save(user(7), save(number)).await.unwrap();
        let (told, took) = next(&mut watch).await;
        assert_eq!(told, Some(revision(number)));
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}

#[tokio::test]
async fn case_72_the_poll_covers_lost_notices() {
    let Some(database) = database().await else { return };
    let config = PgConfig { poll_interval_ms: 300, ..database.config() };
    let store = PgSettingsStore::connect(&config).await.unwrap();
    store.save(user(7), save(1)).await.unwrap();
    let mut watch = store.watch(user(7)).await.unwrap();
    for number in 2..=4 {
        // A change that rings no bell.
        database.run("UPDATE livermore.users SET settings_revision = settings_revision + 1 WHERE id = 7").await;
        let (told, took) = next(&mut watch).await;
        assert_eq!(told, Some(revision(number)));
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}

#[tokio::test]
async fn case_72_a_lost_listener_comes_back() {
    let Some(database) = database().await else { return };
    let config = PgConfig { poll_interval_ms: 60_000, ..database.config() };
    let store = PgSettingsStore::connect(&config).await.unwrap();
    let saving = database.store().await;
    let mut watch = store.watch(user(7)).await.unwrap();
    for number in 1..=3 {
        until(&database, "the watch listens", LISTENING, |listening| listening == 1).await;
        database
            .run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE 'LISTEN%'",
            )
            .await;
        // Saved while nobody listens: the poll after the reconnect tells it.
        saving.save(user(7), save(number)).await.unwrap();
        let (told, took) = next(&mut watch).await;
        assert_eq!(told, Some(revision(number)));
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[tokio::test]
async fn case_72_a_silent_listener_is_replaced() {
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let url = database.server.url_through(proxy.address(), APP, &database.name);
    let config = PgConfig { poll_interval_ms: 1_000, statement_timeout_ms: 300, ..PgConfig::from_url(url) };
    let store = PgSettingsStore::connect(&config).await.unwrap();
    let saving = database.store().await;
    let mut watch = store.watch(user(7)).await.unwrap();
    until(&database, "the watch listens", LISTENING, |listening| listening == 1).await;
    let mut admin = database.server.admin(&database.name).await;
    let (before,): (String,) = sqlx::query_as("SELECT clock_timestamp()::text").fetch_one(&mut admin).await.unwrap();
    proxy.abandon();
    saving.save(user(7), save(1)).await.unwrap();
    assert_eq!(next(&mut watch).await.0, Some(revision(1)));
    // Or has been asked since whether it is alive.
    let again = format!("{LISTENING_OR_ASKED} AND backend_start > '{before}'");
    until(&database, "it listens again", &again, |listening| listening == 1).await;
    // It listens again: told sooner than by the next poll, three times in a row.
    let mut together = Duration::ZERO;
    for number in 2..=4 {
        saving.save(user(7), save(number)).await.unwrap();
        let (told, took) = next(&mut watch).await;
        assert_eq!(told, Some(revision(number)));
        together += took;
    }
    assert!(together < Duration::from_millis(900), "{together:?}");
}

#[tokio::test]
async fn nonsense_on_the_channel_is_ignored() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    let mut watch = store.watch(user(7)).await.unwrap();
    until(&database, "the watch listens", LISTENING, |listening| listening == 1).await;
    for payload in ["", ":", "7", "7:", "7:x", ":1", "-7:1", "8:5", "7:99999999999999999999", "7:1:2"] {
        database.run(&format!("NOTIFY livermore_settings, '{payload}'")).await;
    }
    store.save(user(7), save(1)).await.unwrap();
    assert_eq!(next(&mut watch).await.0, Some(revision(1)));
}

#[tokio::test]
async fn many_watches_use_one_connection_and_end_with_the_store() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    let mut watches = Vec::new();
    for id in 1..=50 {
        watches.push(store.watch(user(id)).await.unwrap());
    }
    until(&database, "the watches listen", LISTENING, |listening| listening == 1).await;
    let mut admin = database.server.admin(&database.name).await;
    let asked =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'livermore_app'";
    let (count,): (i64,) = sqlx::query_as(asked).fetch_one(&mut admin).await.unwrap();
    assert!(count <= 6, "{count} connections");
    drop(store);
    for mut watch in watches {
        assert_eq!(next(&mut watch).await.0, None);
    }
}
