//! What Redis forgets, and who is told.

use std::{sync::Arc, time::Duration};

use livermore_core::control::{CommandBus, CommandInbox, CommandQuery, ControlError, Stage, Verdict, Waited};
use livermore_tests::redis;

use crate::support::{TTL, code, config, decide_next, eventually, lease, log, pause, recorded, resume, user};

fn is_lost<T: std::fmt::Debug>(answer: Result<T, ControlError>) -> bool {
    match answer {
        Err(error @ ControlError::StateLost { .. }) => error.to_string().contains("redis_state_lost"),
        other => panic!("not a loss: {other:?}"),
    }
}

#[tokio::test]
async fn case_19_killed_between_bell_and_ack_the_outcome_comes_by_asking() {
    let Some(server) = redis::durable() else { return };
    let (runner, sender) = (log(&server).await, log(&server).await);
    let pause = pause();
    sender.submit(user(7), &pause).await.unwrap();
    let waiting = tokio::spawn({
        let (sender, id) = (sender.clone(), pause.id());
        async move { sender.wait(user(7), id, Stage::Decided, Duration::from_secs(30)).await }
    });
    server.kill();
    let error = runner.waiting(&[user(7)]).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    server.restart();
    eventually("the runner decides", Duration::from_secs(15), async || {
        match runner.acquire(&[user(7)], &crate::support::holder("runner"), TTL).await {
            Ok(leases) if leases.len() == 1 => Ok(decide_next(&runner, &leases[0]).await),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .expect("the command survives a kill of the server");
    let Waited::Reached(status) = waiting.await.unwrap().unwrap() else { panic!("not in time") };
    assert_eq!(code(&status.record), "changed");
}

#[tokio::test]
async fn case_20_an_append_only_file_keeps_everything() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let commands = [pause(), resume(), pause()];
    for command in &commands {
        log.submit(user(7), command).await.unwrap();
    }
    let lease = lease(&log, user(7), "runner").await;
    decide_next(&log, &lease).await.unwrap();
    let before = log.history(user(7), CommandQuery::newest(9)).await.unwrap();
    assert_eq!(before.len(), 3);
    server.kill();
    server.restart();
    eventually("it is back", TTL, async || {
        log.history(user(7), CommandQuery::newest(9)).await.map_err(|error| error.to_string())
    })
    .await;
    assert_eq!(log.history(user(7), CommandQuery::newest(9)).await.unwrap(), before);
    assert_eq!(
        log.renew(std::slice::from_ref(&lease), TTL).await.unwrap(),
        std::slice::from_ref(&lease),
        "the lease too"
    );
    assert_eq!(decide_next(&log, &lease).await.unwrap().id, commands[1].id());
}

#[tokio::test]
async fn case_21_an_empty_restart_is_told_and_replays_nothing() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let (decided, open) = (pause(), resume());
    log.submit(user(7), &decided).await.unwrap();
    log.submit(user(7), &open).await.unwrap();
    let old = lease(&log, user(7), "runner").await;
    decide_next(&log, &old).await.unwrap();
    let waiting = tokio::spawn({
        let (log, id) = (log.clone(), open.id());
        async move { log.wait(user(7), id, Stage::Decided, Duration::from_mins(1)).await }
    });
    server.kill();
    server.wipe();
    server.restart();
    assert!(is_lost(waiting.await.unwrap()), "whoever waits is told");
    for id in [decided.id(), open.id()] {
        assert!(is_lost(log.record(user(7), id).await));
        assert!(is_lost(log.cancel(user(7), id).await));
    }
    assert!(is_lost(log.next(&old).await));
    assert!(is_lost(log.states(&old).await));
    assert_eq!(log.renew(std::slice::from_ref(&old), TTL).await.unwrap(), []);
    // New commands are taken, from the first number on, and under a higher epoch than any before.
    let again = pause();
    assert_eq!(log.submit(user(7), &again).await.unwrap().seq.get(), 1);
    let new = lease(&log, user(7), "runner").await;
    assert!(new.epoch > old.epoch, "{} after {}", new.epoch, old.epoch);
    assert!(matches!(log.next(&old).await, Err(ControlError::StaleEpoch { .. })));
    assert_eq!(decide_next(&log, &new).await.unwrap().id, again.id());
    assert_eq!(decide_next(&log, &new).await, None, "nothing of before is there");
    assert!(is_lost(log.record(user(7), open.id()).await), "the old one stays lost");
    assert_eq!(code(&recorded(&log, user(7), again.id()).await), "changed");
    // Who has never seen the lost log cannot know of it.
    let stranger = crate::support::log(&server).await;
    assert_eq!(CommandBus::record(&stranger, user(7), open.id()).await.unwrap(), None);
}

#[tokio::test]
async fn case_22_flushed_while_somebody_waits() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let pause = pause();
    log.submit(user(7), &pause).await.unwrap();
    let waiting = tokio::spawn({
        let (log, id) = (log.clone(), pause.id());
        async move { log.wait(user(7), id, Stage::Decided, Duration::from_mins(1)).await }
    });
    eventually("somebody waits", TTL, async || {
        let calls = server.run(&["INFO", "commandstats"]);
        calls.contains("cmdstat_subscribe").then_some(()).ok_or(calls)
    })
    .await;
    server.run(&["FLUSHALL"]);
    assert!(is_lost(waiting.await.unwrap()));
    log.submit(user(7), &resume()).await.unwrap();
}

#[tokio::test]
async fn case_23_trimmed_beyond_the_cursor_is_a_loss_of_those_and_no_other() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let commands = [pause(), resume(), pause()];
    for command in &commands {
        log.submit(user(7), command).await.unwrap();
    }
    server.run(&["XTRIM", "livermore:{7}:log", "MAXLEN", "1"]);
    let runner = lease(&log, user(7), "runner").await;
    assert_eq!(decide_next(&log, &runner).await.unwrap().id, commands[2].id(), "the one that is left");
    assert_eq!(decide_next(&log, &runner).await, None);
    for lost in &commands[..2] {
        assert!(is_lost(log.record(user(7), lost.id()).await));
        assert!(is_lost(log.submit(user(7), lost).await), "and it is not begun anew");
    }
    assert_eq!(log.waiting(&[user(7)]).await.unwrap(), []);
    assert_eq!(log.submit(user(7), &resume()).await.unwrap().seq.get(), 4, "numbers go on");
    // Gone between the taking of a command and its decision.
    let next = log.next(&runner).await.unwrap().unwrap();
    server.run(&["DEL", "livermore:{7}:log"]);
    let decision = livermore_core::control::Decision::expired();
    assert!(is_lost(log.decide(&runner, next.record.seq, decision).await));
    assert_eq!(log.next(&runner).await.unwrap(), None);
}

#[tokio::test]
async fn case_24_an_unreadable_entry_is_rejected() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let (first, second) = (pause(), resume());
    log.submit(user(7), &first).await.unwrap();
    log.submit(user(7), &second).await.unwrap();
    let kept = server.run(&["XRANGE", "livermore:{7}:log", "2-0", "2-0"]);
    assert!(kept.contains("resume"), "{kept}");
    server.run(&["DEL", "livermore:{7}:log"]);
    server.run(&["XADD", "livermore:{7}:log", "1-0", "junk", "\u{fffd}"]);
    let fields: Vec<&str> = kept.lines().skip(1).collect();
    server.run(&[&["XADD", "livermore:{7}:log", "2-0"], fields.as_slice()].concat());
    assert!(recorded(&log, user(7), first.id()).await.is_open());
    let runner = lease(&log, user(7), "runner").await;
    assert_eq!(decide_next(&log, &runner).await.unwrap().id, second.id(), "the loop goes on");
    let outcome = recorded(&log, user(7), first.id()).await.outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Rejected, "unreadable"));
    assert_eq!(log.states(&runner).await.unwrap().0.generation.get(), 0, "nothing was made up");
}

#[tokio::test]
async fn case_25_with_its_memory_full_redis_takes_no_command_and_decides_what_it_has() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let known = pause();
    log.submit(user(7), &known).await.unwrap();
    let runner = lease(&log, user(7), "runner").await;
    server.run(&["CONFIG", "SET", "maxmemory", "1"]);
    let new = resume();
    let error = log.submit(user(7), &new).await.unwrap_err();
    let chain = format!("{error}: {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default());
    assert!(chain.contains("redis_oom") && chain.contains("nothing was recorded") && error.is_retryable(), "{chain}");
    assert!(matches!(log.submit(user(8), &resume()).await, Err(ControlError::Unavailable { .. })), "a new user too");
    assert_eq!(
        log.renew(std::slice::from_ref(&runner), TTL).await.unwrap(),
        std::slice::from_ref(&runner),
        "the lease is kept"
    );
    assert_eq!(decide_next(&log, &runner).await.unwrap().id, known.id(), "what is recorded is decided");
    log.observe(&runner, crate::basics::observed(1)).await.unwrap();
    assert_eq!(CommandBus::record(&log, user(7), new.id()).await.unwrap(), None, "and nothing else was recorded");
    server.run(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(log.submit(user(7), &new).await.unwrap().seq.get(), 2);
}

#[tokio::test]
async fn case_26_a_server_that_forgets_is_refused() {
    for (settings, word) in
        [(&[][..], "appendonly yes"), (&["appendonly yes", "maxmemory-policy allkeys-lru"], "noeviction")]
    {
        let Some(server) = redis::own(settings) else { return };
        let refuse = config(server.url());
        let policy = livermore_core::control::ControlPolicy::default();
        let error = livermore_redis::RedisCommandLog::open(&refuse, policy.clone()).await.unwrap_err();
        assert!(error.to_string().contains(word) && !error.is_retryable(), "{error}");
        let warn = livermore_redis::RedisConfig { unsafe_server: livermore_redis::UnsafeServer::Warn, ..refuse };
        let log = livermore_redis::RedisCommandLog::open(&warn, policy).await.unwrap();
        assert!(!log.capability().durable, "it does not promise what it cannot keep");
        let bus: Arc<dyn CommandBus> = Arc::new(log);
        bus.submit(user(7), &pause()).await.unwrap();
    }
}
