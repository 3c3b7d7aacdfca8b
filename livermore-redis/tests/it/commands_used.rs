//! Which commands the server is sent, and which never.

use std::{collections::BTreeSet, time::Duration};

use futures_util::StreamExt;
use livermore_core::{
    control::{CacheScope, Command, CommandBus, CommandInbox, CommandQuery, ControlPolicy, Doorbell, Stage},
    ids::Seq,
    keys,
};
use livermore_redis::{RedisBell, RedisCommandLog, RedisConfig, acl::AclRole};
use livermore_tests::{
    fault_proxy::FaultProxy,
    redis::{self, Redis},
};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{TTL, code, config, decide_next, lease, log, open, pause, resume, submission, user};

/// What the server was sent since its start, without what this test sends itself.
fn used(server: &Redis) -> BTreeSet<String> {
    let stats = server.run(&["INFO", "commandstats"]);
    let names = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(':'));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// Everything a log and a bell do, for several users at once.
async fn busy(server: &Redis) {
    let (runner, sender) = (log(server).await, log(server).await);
    let bell = RedisBell::open(&config(server.url())).unwrap();
    for id in [7, 70, 77] {
        let mut bells = runner.bells(&[user(id)]).await.unwrap();
        let mut signals = sender.signals(user(id)).await.unwrap();
        let held = lease(&runner, user(id), "runner").await;
        for round in 0..10 {
            let command = if round % 2 == 0 { pause() } else { resume() };
            sender.submit(user(id), &command).await.unwrap();
            bell.ring(user(id), Seq::ZERO);
            timeout(TTL, bells.next()).await.unwrap().unwrap();
            let waiting = sender.wait(user(id), command.id(), Stage::Decided, TTL);
            let (decided, waited) = tokio::join!(decide_next(&runner, &held), waiting);
            assert!(decided.is_some() && waited.is_ok());
        }
        timeout(TTL, signals.next()).await.unwrap().unwrap();
        let taken_back = pause();
        sender.submit(user(id), &taken_back).await.unwrap();
        sender.cancel(user(id), taken_back.id()).await.unwrap();
        sender.history(user(id), CommandQuery::newest(100)).await.unwrap();
        runner.waiting(&[user(id)]).await.unwrap();
        runner.renew(std::slice::from_ref(&held), TTL).await.unwrap();
        runner.observe(&held, crate::basics::observed(1)).await.unwrap();
        runner.forget(&[user(id)]).await.unwrap();
        runner.release(&[held]).await.unwrap();
    }
}

/// A command that blocks would hold up everything else on its connection for longer than an answer may take.
#[tokio::test]
async fn case_29_and_39_no_command_blocks_and_none_looks_through_all_keys() {
    let Some(server) = redis::durable() else { return };
    let before = used(&server);
    busy(&server).await;
    let after = used(&server);
    let ours: BTreeSet<&String> = after.difference(&before).collect();
    assert!(["evalsha", "xadd", "publish"].iter().all(|name| ours.iter().any(|used| used == name)), "{ours:?}");
    let allowed: BTreeSet<&str> = AclRole::ALL.iter().flat_map(|role| role.commands()).collect();
    let others: Vec<_> = ours.iter().filter(|name| !allowed.contains(name.as_str())).collect();
    assert!(others.is_empty(), "not in the table of access rules: {others:?}");
    // And none of those blocks, or looks through all keys.
    for category in ["blocking", "keyspace", "dangerous"] {
        let listed = server.run(&["ACL", "CAT", category]);
        let listed: BTreeSet<&str> = listed.lines().collect();
        let found: Vec<_> = allowed.iter().filter(|name| listed.contains(**name)).collect();
        match category {
            "blocking" => assert!(!listed.is_empty() && found.is_empty(), "{found:?}"),
            // Of one key by its name, or about the server.
            "keyspace" => assert_eq!(found, [&"del", &"exists", &"pexpire"]),
            _ => assert_eq!(found, [&"info"]),
        }
    }
}

/// Every key of a user with what it holds.
fn contents(server: &Redis, id: u64) -> Vec<(String, String)> {
    // Only the test looks like this.
    let found = server.run(&["KEYS", &format!("livermore:{{{id}}}:*")]);
    let mut keys: Vec<&str> = found.lines().collect();
    keys.sort_unstable();
    let read = |key: &str| match server.run(&["TYPE", key]).as_str() {
        "hash" => server.run(&["HGETALL", key]),
        "stream" => server.run(&["XRANGE", key, "-", "+"]),
        "zset" => server.run(&["ZRANGE", key, "0", "-1", "WITHSCORES"]),
        other => panic!("{key} is a {other}"),
    };
    keys.into_iter().map(|key| (key.to_owned(), read(key))).collect()
}

/// What is dropped for one user is dropped for nobody whose number begins alike: by a clear-cache, by the limits of the
/// history, and by the loss of the user's whole log.
#[tokio::test]
async fn case_39_what_user_7_loses_users_70_and_77_keep() {
    let Some(server) = redis::durable() else { return };
    let policy = ControlPolicy { keep: Duration::ZERO, ..ControlPolicy::default() };
    let config = RedisConfig { history: 3, ..config(server.url()) };
    let log = RedisCommandLog::open(&config, policy).await.unwrap();
    for id in [70, 77] {
        let held = lease(&log, user(id), "runner").await;
        for command in [pause(), resume(), pause()] {
            log.submit(user(id), &command).await.unwrap();
            decide_next(&log, &held).await.unwrap();
        }
    }
    // As a market cache would keep them beside the log.
    let cached = ["candles:70:coinbase:BTC-USD:5m", "candles:77:coinbase:BTC-USD:5m"];
    cached.iter().for_each(|key| assert_eq!(server.run(&["SET", key, "x"]), "OK"));
    let before = (contents(&server, 70), contents(&server, 77));
    assert!(before.0.len() > 3 && before.1.len() > 3, "{before:?}");

    let held = lease(&log, user(7), "runner").await;
    for _ in 0..20 {
        log.submit(user(7), &submission(&Command::ClearCache { scope: CacheScope::All })).await.unwrap();
        let decided = decide_next(&log, &held).await.unwrap();
        assert!(["changed", "too_many_jobs"].contains(&code(&decided)), "{decided:?}");
    }
    log.forget(&[user(7)]).await.unwrap();
    let entries = server.run(&["XLEN", &keys::command_log(user(7))]).parse::<u64>().unwrap();
    assert!(entries <= 3, "the history of user 7 was trimmed to {entries}");
    server.run(&["DEL", &keys::command_log(user(7)), &keys::command_state(user(7))]);
    assert!(log.waiting(&[user(7)]).await.is_ok());
    let _ = log.submit(user(7), &pause()).await;

    assert_eq!((contents(&server, 70), contents(&server, 77)), before);
    assert_eq!(server.run(&["EXISTS", cached[0], cached[1]]), "2");
}

/// Why there is a watchdog: to the driver a connection on which nothing comes is a healthy one.
#[tokio::test]
async fn case_28_the_driver_alone_does_not_notice_a_silent_connection() {
    let Some(server) = redis::durable() else { return };
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let client = ::redis::Client::open(redis::url(proxy.address())).unwrap();
    let mut alone = client.get_multiplexed_async_connection().await.unwrap();
    let watched = open(&RedisConfig::from_url(redis::url(proxy.address()))).await;
    let ping = ::redis::cmd("PING");
    assert_eq!(ping.query_async::<String>(&mut alone).await.unwrap(), "PONG");
    watched.submit(user(7), &pause()).await.unwrap();
    proxy.abandon();
    let silent = Instant::now();
    let mut taken = None;
    while silent.elapsed() < Duration::from_secs(10) {
        let error = ping.query_async::<String>(&mut alone).await.expect_err("nothing comes back");
        // Just late, as far as it can tell: nothing to connect again for.
        assert!(error.is_timeout() && !error.is_unrecoverable_error(), "{error}");
        if taken.is_none() && watched.submit(user(7), &resume()).await.is_ok() {
            taken = Some(silent.elapsed());
        }
        sleep(Duration::from_millis(100)).await;
    }
    println!("watched over, replaced after {taken:?}");
    assert!(taken.is_some(), "not replaced within 10 s");
}
