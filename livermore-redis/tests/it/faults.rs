//! Connections that break, hang and come back.

use std::time::Duration;

use futures_util::StreamExt;
use livermore_core::control::{
    Bell, CommandBus, CommandInbox, CommandQuery, ControlError, ControlPolicy, Doorbell, DoorbellState, Stage, Waited,
};
use livermore_redis::{RedisBell, RedisCommandLog, RedisConfig, RedisError};
use livermore_tests::{
    fault_proxy::{FaultProxy, Way},
    redis,
};
use tokio::time::{Instant, timeout};

use crate::support::{
    TTL, bell, config, decide_next, eventually, holder, lease, log, open, pause, recorded, resume, user,
};

#[tokio::test]
async fn case_18_without_redis_the_bell_is_degraded_until_it_is_there() {
    let Some(server) = redis::durable() else { return };
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    proxy.refuse(true);
    let config = config(redis::url(proxy.address()));
    let refused = RedisCommandLog::open(&config, ControlPolicy::default()).await.unwrap_err();
    assert!(matches!(refused, RedisError::Unreachable { .. }) && refused.is_retryable(), "{refused:?}");
    let bell = RedisBell::open(&config).unwrap();
    eventually("the state says so", TTL, async || match bell.state() {
        DoorbellState::Degraded => Ok(()),
        DoorbellState::Working => Err("working".to_owned()),
    })
    .await;
    // Nothing waits for it.
    let began = Instant::now();
    bell.ring(user(7), livermore_core::ids::Seq::ZERO);
    let mut bells = bell.bells(&[user(7)]).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3));
    proxy.refuse(false);
    assert_eq!(timeout(TTL, bells.next()).await.unwrap(), Some(Bell::Missed), "what was not heard is told");
    eventually("the bell rings again", TTL, async || {
        bell.ring(user(7), livermore_core::ids::Seq::ZERO);
        match timeout(Duration::from_millis(300), bells.next()).await {
            Ok(Some(Bell::Rang(rang))) if rang == user(7) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!((bell.state(), bell.last_ring_heard()), (DoorbellState::Working, Some(true)));
    assert!(bell.dropped() > 0, "the ring that could not be sent is counted");
}

#[tokio::test]
async fn case_28_a_silent_connection_is_replaced() {
    let Some(server) = redis::durable() else { return };
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    // As it comes: only the address is given.
    let log = open(&RedisConfig::from_url(redis::url(proxy.address()))).await;
    let mut bells = log.bells(&[user(7)]).await.unwrap();
    log.submit(user(7), &pause()).await.unwrap();
    bell(&mut bells).await.unwrap();
    proxy.abandon();
    let silent = Instant::now();
    eventually("commands are taken again", Duration::from_secs(20), async || {
        log.submit(user(7), &resume()).await.map_err(|error| error.to_string())
    })
    .await;
    let commands = silent.elapsed();
    eventually("bells are heard again", Duration::from_secs(20), async || match bells.next().await {
        Some(Bell::Missed) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let heard = silent.elapsed();
    println!("replaced after {commands:?} and {heard:?}");
    assert!(heard < Duration::from_secs(10) && commands < Duration::from_secs(10), "{commands:?}, {heard:?}");
    log.submit(user(7), &pause()).await.unwrap();
    assert_eq!(bell(&mut bells).await, Some(Bell::Rang(user(7))));
}

#[tokio::test]
async fn case_28_a_frozen_server_is_waited_for() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let known = pause();
    log.submit(user(7), &known).await.unwrap();
    server.signal("STOP");
    let waited = log.wait(user(7), known.id(), Stage::Decided, Duration::from_secs(2)).await.unwrap();
    assert!(matches!(waited, Waited::Pending { last: None, .. }), "{waited:?}");
    let unknown = resume();
    let error = log.submit(user(7), &unknown).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    server.signal("CONT");
    eventually("the same id settles it", TTL, async || {
        log.submit(user(7), &unknown).await.map_err(|error| error.to_string())
    })
    .await;
    let seqs: Vec<u64> =
        log.history(user(7), CommandQuery::newest(9)).await.unwrap().iter().map(|s| s.record.seq.get()).collect();
    assert_eq!(seqs, [2, 1], "once each");
}

/// The connection is cut after each possible number of bytes, in both directions: a command is recorded once and decided
/// once, and each step is known in the end.
#[tokio::test]
async fn case_30_cut_anywhere_nothing_happens_twice() {
    let Some(server) = redis::durable() else { return };
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let log = open(&config(redis::url(proxy.address()))).await;
    let runner = lease(&log, user(7), "runner").await;
    let mut number = 0;
    for way in [Way::Back, Way::Out] {
        for bytes in (0..600).step_by(97) {
            number += 1;
            let command = if number % 2 == 0 { pause() } else { resume() };
            proxy.cut_after(way, bytes);
            eventually("it is recorded", TTL, async || {
                log.submit(user(7), &command).await.map_err(|error| error.to_string())
            })
            .await;
            proxy.cut_after(way, bytes);
            let decided = eventually("it is decided", TTL, async || {
                let next = log.next(&runner).await.map_err(|error| error.to_string())?;
                let Some(next) = next else { return Ok(recorded(&log, user(7), command.id()).await) };
                assert_eq!(next.record.seq.get(), number, "in order, and without a gap");
                assert!(next.record.attempts <= 2, "a lost answer is no attempt: {}", next.record.attempts);
                let refused = livermore_core::control::Decision::refusal(
                    livermore_core::control::Verdict::Rejected,
                    livermore_core::control::OutcomeCode::INVALID,
                    format!("cut {number}"),
                );
                log.decide(&runner, next.record.seq, refused).await.map_err(|error| error.to_string())
            })
            .await;
            proxy.disarm();
            assert_eq!((decided.id, decided.seq.get()), (command.id(), number), "{way:?} after {bytes} bytes");
            let record = eventually("it can be read", TTL, async || {
                CommandBus::record(&log, user(7), command.id()).await.map_err(|error| error.to_string())
            })
            .await;
            assert_eq!(record.unwrap().record, decided);
        }
    }
    println!("{number} commands, each cut twice");
}

#[tokio::test]
async fn case_30_one_byte_at_a_time() {
    let Some(server) = redis::durable() else { return };
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    proxy.split(Some(1));
    let log = open(&RedisConfig { response_timeout_ms: 10_000, ..config(redis::url(proxy.address())) }).await;
    let mut bells = log.bells(&[user(7)]).await.unwrap();
    let command = pause();
    log.submit(user(7), &command).await.unwrap();
    assert_eq!(bell(&mut bells).await, Some(Bell::Rang(user(7))));
    let runner = lease(&log, user(7), "runner").await;
    let decided = decide_next(&log, &runner).await.unwrap();
    assert_eq!(recorded(&log, user(7), command.id()).await, decided);
    // So slow that every answer comes too late: an error each time, and whole again when it is over.
    proxy.split(None);
    proxy.throttle(Some(1));
    let slow = open(&config(server.url())).await;
    assert!(timeout(TTL, log.states(&runner)).await.is_err() || log.states(&runner).await.is_err());
    proxy.throttle(None);
    proxy.cut();
    eventually("it is whole again", TTL, async || log.states(&runner).await.map_err(|error| error.to_string())).await;
    drop(slow);
}

#[tokio::test]
async fn a_half_closed_connection_is_replaced() {
    let Some(server) = redis::durable() else { return };
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let log = open(&config(redis::url(proxy.address()))).await;
    for way in [Way::Back, Way::Out] {
        proxy.half_close(way);
        eventually("commands are taken again", TTL, async || {
            log.submit(user(7), &pause()).await.map_err(|error| error.to_string())
        })
        .await;
    }
}

#[tokio::test]
async fn case_31_a_listener_that_is_cut_for_being_slow_is_told() {
    let Some(server) = redis::own(&["appendonly yes", "client-output-buffer-limit pubsub 256kb 0 0"]) else { return };
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let bell = RedisBell::open(&config(redis::url(proxy.address()))).unwrap();
    let mut bells = bell.bells(&[user(7)]).await.unwrap();
    eventually("it listens", TTL, async || {
        let listeners = server.run(&["PUBLISH", "channel:control:7", "1"]);
        (listeners == "1").then_some(()).ok_or(listeners)
    })
    .await;
    while timeout(Duration::from_millis(200), bells.next()).await.is_ok() {}
    let listener = server.run(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    let listener = listener.split(' ').next().unwrap().to_owned();
    assert!(listener.starts_with("id="), "{listener}");
    proxy.delay(Duration::from_millis(200));
    let text = "x".repeat(64 * 1024);
    eventually("the server loses patience", Duration::from_secs(30), async || {
        for _ in 0..20 {
            server.run(&["PUBLISH", "channel:control:7", &text]);
        }
        let listeners = server.run(&["CLIENT", "LIST", "TYPE", "pubsub"]);
        (!listeners.contains(&format!("{listener} "))).then_some(()).ok_or(listeners)
    })
    .await;
    proxy.delay(Duration::ZERO);
    assert_eq!(timeout(TTL, bells.next()).await.unwrap(), Some(Bell::Missed));
}

#[tokio::test]
async fn case_32_a_bell_that_nobody_hears_is_known() {
    let Some(server) = redis::durable() else { return };
    let (sender, runner) = (log(&server).await, log(&server).await);
    assert_eq!(sender.last_bell_heard(), None);
    sender.submit(user(7), &pause()).await.unwrap();
    assert_eq!(sender.last_bell_heard(), Some(false));
    let bells = runner.bells(&[user(7)]).await.unwrap();
    sender.submit(user(7), &resume()).await.unwrap();
    assert_eq!(sender.last_bell_heard(), Some(true));
    drop(bells);
}

#[tokio::test]
async fn case_33_forged_acknowledgements_are_only_hints() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let command = pause();
    log.submit(user(7), &command).await.unwrap();
    let waiting = tokio::spawn({
        let (log, id) = (log.clone(), command.id());
        async move { log.wait(user(7), id, Stage::Decided, Duration::from_secs(2)).await }
    });
    let id = command.id().to_string();
    let own = format!("channel:ack:7:{id}");
    while !waiting.is_finished() {
        for (channel, text) in [
            (own.as_str(), "1"),
            (own.as_str(), r#"{"status":"success"}"#),
            ("channel:ack:7:signals", id.as_str()),
            ("channel:ack:7:signals", "99"),
            ("channel:ack:7:signals", "-1"),
            ("channel:ack:7:x", "\u{0}"),
            ("channel:control:7", "18446744073709551616"),
        ] {
            server.run(&["PUBLISH", channel, text]);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let waited = waiting.await.unwrap().unwrap();
    assert!(matches!(waited, Waited::Pending { .. }), "{waited:?}");
    assert!(recorded(&log, user(7), command.id()).await.is_open());
}

#[tokio::test]
async fn case_36_nothing_piles_up_and_a_clean_stop_leaves_nobody() {
    let Some(server) = redis::durable() else { return };
    let fds = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = fds();
    for cycle in 0..1_000_u32 {
        let config = RedisConfig { client_name: "cycling".to_owned(), ..config(server.url()) };
        let log = open(&config).await;
        if cycle % 10 == 0 {
            log.submit(user(7), &pause()).await.map(drop).or_else(busy).unwrap();
        }
        CommandBus::close(&log).await;
    }
    // Other tests open some too.
    let after = fds();
    assert!(after < before + 500, "{before} open files became {after}");
    let one = open(&RedisConfig { client_name: "staying".to_owned(), ..config(server.url()) }).await;
    let bells = one.bells(&[user(7)]).await.unwrap();
    for _ in 0..10 {
        server.run(&["CLIENT", "KILL", "TYPE", "normal"]);
        server.run(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        eventually("it comes back", TTL, async || {
            one.waiting(&[user(7)]).await.map_err(|error| error.to_string())?;
            let there = server.clients("staying");
            (there == 2).then_some(()).ok_or(format!("{there} clients"))
        })
        .await;
    }
    drop(bells);
    CommandBus::close(&one).await;
    for name in ["staying", "cycling"] {
        eventually("nobody is left", Duration::from_secs(2), async || match server.clients(name) {
            0 => Ok(()),
            left => Err(format!("{left} left")),
        })
        .await;
    }
}

fn busy(error: ControlError) -> Result<(), ControlError> {
    if matches!(error, ControlError::Busy { .. }) { Ok(()) } else { Err(error) }
}

#[tokio::test]
async fn case_37_no_free_connection_is_an_error_that_passes() {
    let Some(server) = redis::durable() else { return };
    server.run(&["CONFIG", "SET", "maxclients", "3"]);
    let first = log(&server).await;
    let bells = first.bells(&[user(7)]).await.unwrap();
    let guest = std::net::TcpStream::connect(server.address()).unwrap();
    let config = config(server.url());
    let refused = eventually("the server is full", TTL, async || {
        match RedisCommandLog::open(&config, ControlPolicy::default()).await {
            Err(error) => Ok(error),
            Ok(_) => Err("opened".to_owned()),
        }
    })
    .await;
    assert!(refused.is_retryable() && refused.to_string().contains("maxclients"), "{refused}");
    drop((guest, bells));
    CommandBus::close(&first).await;
    eventually("it recovers", TTL, async || {
        RedisCommandLog::open(&config, ControlPolicy::default()).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
}

#[tokio::test]
async fn case_40_who_has_lost_the_lease_changes_nothing() {
    let Some(server) = redis::durable() else { return };
    let (one, two) = (log(&server).await, log(&server).await);
    let ttl = Duration::from_millis(300);
    let first = one.acquire(&[user(7)], &holder("one"), ttl).await.unwrap().remove(0);
    let command = pause();
    one.submit(user(7), &command).await.unwrap();
    let begun = one.next(&first).await.unwrap().unwrap();
    assert_eq!(two.acquire(&[user(7)], &holder("two"), TTL).await.unwrap(), [], "standby");
    // The first one is frozen here.
    let second = eventually("the second takes over", TTL, async || {
        two.acquire(&[user(7)], &holder("two"), TTL).await.unwrap().pop().ok_or("held".to_owned())
    })
    .await;
    assert_eq!(decide_next(&two, &second).await.unwrap().attempts, 2);
    let late = livermore_core::control::Decision::expired();
    assert!(matches!(one.decide(&first, begun.record.seq, late).await, Err(ControlError::StaleEpoch { .. })));
    assert_eq!(one.renew(std::slice::from_ref(&first), ttl).await.unwrap(), []);
    let outcome = recorded(&one, user(7), command.id()).await.outcome.unwrap();
    assert_eq!((outcome.epoch, outcome.generation.get()), (Some(second.epoch), 1));
}

#[tokio::test]
async fn case_41_forgotten_scripts_are_sent_again() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let users: Vec<_> = (1..=50).map(user).collect();
    for round in 0..3 {
        server.run(&["SCRIPT", "FLUSH"]);
        let leases = log.acquire(&users, &holder("runner"), TTL).await.unwrap();
        assert_eq!(leases.len(), users.len(), "round {round}");
        server.run(&["SCRIPT", "FLUSH"]);
        log.submit(user(7), &pause()).await.unwrap();
        server.run(&["SCRIPT", "FLUSH"]);
        decide_next(&log, &leases[6]).await.unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_users_take_few_round_trips() {
    let Some(server) = redis::durable() else { return };
    let config = RedisConfig { client_name: "many".to_owned(), ..RedisConfig::from_url(server.url()) };
    let log = open(&config).await;
    let users: Vec<_> = (1..=10_000).map(user).collect();
    let began = Instant::now();
    let mut bells = log.bells(&users).await.unwrap();
    let listening = began.elapsed();
    let began = Instant::now();
    let leases = log.acquire(&users, &holder("runner"), Duration::from_mins(1)).await.unwrap();
    let acquired = began.elapsed();
    assert_eq!(leases.len(), users.len());
    let began = Instant::now();
    assert_eq!(log.renew(&leases, TTL).await.unwrap().len(), users.len());
    let renewed = began.elapsed();
    let began = Instant::now();
    assert_eq!(log.waiting(&users).await.unwrap(), []);
    let asked = began.elapsed();
    println!("10,000 users: listening {listening:?}, acquire {acquired:?}, renew {renewed:?}, waiting {asked:?}");
    log.submit(user(9_999), &pause()).await.unwrap();
    assert_eq!(bell(&mut bells).await, Some(Bell::Rang(user(9_999))));
    assert_eq!(log.waiting(&users).await.unwrap(), [user(9_999)]);
    assert_eq!(server.clients("many"), 2);
    assert!(acquired + renewed + asked < Duration::from_secs(20));
    assert!(!server.run(&["INFO", "commandstats"]).contains("cmdstat_keys"), "KEYS is never used");
}
