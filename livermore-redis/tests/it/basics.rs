use std::time::Duration;

use livermore_core::{
    control::{
        Bell, Command, CommandBus, CommandInbox, CommandQuery, ControlError, ControlPolicy, Effect, Expiry, Health,
        Observed, Phase, Signal, Stage, Verdict, Waited,
    },
    ids::{Generation, Revision, Seq, Timestamp},
};
use livermore_redis::RedisCommandLog;
use livermore_tests::redis;

use crate::support::{
    TTL, add_symbol, bell, code, config, decide_next, eventually, holder, lease, log, open, pause, recorded, resume,
    signal, submission, user,
};

pub(crate) fn observed(generation: u64) -> Observed {
    Observed {
        epoch: livermore_core::ids::Epoch::ZERO,
        generation: Generation::new(generation).unwrap(),
        phase: Phase::Stopped,
        settings_revision: Revision::ZERO,
        held_back: false,
        health: Health::Converged,
        jobs: Vec::new(),
        at: Timestamp::EPOCH,
    }
}

#[tokio::test]
async fn a_command_goes_its_whole_way() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let pause = pause();
    let record = log.submit(user(7), &pause).await.unwrap();
    assert_eq!((record.seq.get(), record.attempts, record.outcome.is_none()), (1, 0, true));
    assert_eq!(recorded(&log, user(7), pause.id()).await, record);
    let again = log.submit(user(7), &pause).await.unwrap();
    assert_eq!(again, record, "the same again");
    let lease = lease(&log, user(7), "runner").await;
    assert_eq!(log.waiting(&[user(7), user(8)]).await.unwrap(), [user(7)]);
    let decided = decide_next(&log, &lease).await.unwrap();
    assert_eq!(code(&decided), "changed");
    assert_eq!(decided, recorded(&log, user(7), pause.id()).await);
    assert_eq!(decided, log.submit(user(7), &pause).await.unwrap(), "the stored answer");
    assert_eq!((decided.kind.as_str(), decided.body.as_str()), ("pause", pause.body().as_str()));
    assert_eq!(decide_next(&log, &lease).await, None);
    let (desired, seen) = log.states(&lease).await.unwrap();
    assert_eq!((desired.phase, desired.generation.get(), seen), (Phase::Stopped, 1, None));
    let status = CommandBus::record(&log, user(7), pause.id()).await.unwrap().unwrap();
    assert_eq!(status.effect, Effect::Pending);
    log.observe(&lease, observed(1)).await.unwrap();
    let waited = log.wait(user(7), pause.id(), Stage::Effective, Duration::from_secs(5)).await.unwrap();
    assert!(matches!(waited, Waited::Reached(status) if status.effect == Effect::Effective));
    let history = log.history(user(7), CommandQuery::newest(10)).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].record, decided);
    CommandBus::close(&log).await;
    assert!(matches!(log.submit(user(7), &pause).await, Err(ControlError::Closed)));
}

#[tokio::test]
async fn bells_and_signals_come_soon() {
    let Some(server) = redis::durable() else { return };
    let (runner, sender) = (log(&server).await, log(&server).await);
    let mut bells = runner.bells(&[user(7)]).await.unwrap();
    let mut signals = sender.signals(user(7)).await.unwrap();
    let pause = pause();
    sender.submit(user(70), &resume()).await.unwrap();
    sender.submit(user(7), &pause).await.unwrap();
    assert_eq!(bell(&mut bells).await, Some(Bell::Rang(user(7))), "and not for user 70");
    assert_eq!(sender.last_bell_heard(), Some(true));
    let lease = lease(&runner, user(7), "runner").await;
    decide_next(&runner, &lease).await.unwrap();
    assert_eq!(signal(&mut signals).await, Some(Signal::Decided(pause.id())));
    runner.observe(&lease, observed(1)).await.unwrap();
    assert_eq!(signal(&mut signals).await, Some(Signal::Observed(Generation::new(1).unwrap())));
    CommandInbox::close(&runner).await;
    assert_eq!(bell(&mut bells).await, None, "closed");
    CommandBus::close(&sender).await;
    assert_eq!(signal(&mut signals).await, None, "closed");
}

#[tokio::test]
async fn leases_are_fenced() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let first = lease(&log, user(7), "first").await;
    assert_eq!(lease(&log, user(7), "first").await, first, "asked again before the end");
    assert_eq!(log.acquire(&[user(7)], &holder("second"), TTL).await.unwrap(), []);
    log.release(std::slice::from_ref(&first)).await.unwrap();
    let second = lease(&log, user(7), "second").await;
    assert!(second.epoch > first.epoch);
    assert_eq!(log.renew(&[first.clone(), second.clone()], TTL).await.unwrap(), std::slice::from_ref(&second));
    log.submit(user(7), &pause()).await.unwrap();
    let stale = |error: ControlError| match error {
        ControlError::StaleEpoch { held, current } => assert_eq!((held, current), (first.epoch, second.epoch)),
        other => panic!("{other}"),
    };
    stale(log.next(&first).await.unwrap_err());
    stale(log.states(&first).await.unwrap_err());
    stale(log.observe(&first, observed(0)).await.unwrap_err());
    stale(log.postpone(&first, Seq::new(1).unwrap()).await.unwrap_err());
    let next = log.next(&second).await.unwrap().unwrap();
    assert_eq!(next.record.attempts, 1, "no attempt was counted for the other one");
    let impostor = livermore_core::control::Lease { holder: holder("first"), ..second.clone() };
    assert!(matches!(log.next(&impostor).await, Err(ControlError::StaleEpoch { .. })), "the holder counts too");
}

#[tokio::test]
async fn overdue_commands_expire_but_claimed_ones() {
    let Some(server) = redis::durable() else { return };
    let policy = ControlPolicy { not_after: Duration::from_millis(1), ..ControlPolicy::default() };
    let log = RedisCommandLog::open(&config(server.url()), policy).await.unwrap();
    let (late, never) = (resume(), pause());
    log.submit(user(7), &late).await.unwrap();
    log.submit(user(7), &never).await.unwrap();
    let expired = eventually("it expires", TTL, async || {
        let record = recorded(&log, user(7), late.id()).await;
        record.outcome.clone().ok_or_else(|| format!("{record:?}"))
    })
    .await;
    assert_eq!((expired.verdict, expired.epoch), (Verdict::Expired, None));
    let lease = lease(&log, user(7), "runner").await;
    assert_eq!(decide_next(&log, &lease).await.unwrap().id, never.id());
    // Begun in time, finished late: its settings may have been saved.
    let claimed = add_symbol().with_expiry(Expiry::After(Duration::from_millis(300)));
    log.submit(user(8), &claimed).await.unwrap();
    let other = self::lease(&log, user(8), "runner").await;
    let next = log.next(&other).await.unwrap().unwrap();
    log.postpone(&other, next.record.seq).await.unwrap();
    eventually("its time is over", TTL, async || {
        let now = server.run(&["TIME"]).lines().next().unwrap().parse::<i64>().unwrap();
        (now * 1_000 > next.record.not_after.unwrap().as_millis()).then_some(()).ok_or_else(|| now.to_string())
    })
    .await;
    let record = log.cancel(user(8), claimed.id()).await.unwrap();
    assert!(record.is_open() && record.attempts == 1, "{record:?}");
    let decided = decide_next(&log, &other).await.unwrap();
    assert_eq!(decided.outcome.unwrap().verdict, Verdict::Applied, "the settings were saved");
}

#[tokio::test]
async fn limits_cancelling_and_history() {
    let Some(server) = redis::durable() else { return };
    let policy = ControlPolicy { max_open: 3, ..ControlPolicy::default() };
    let log = RedisCommandLog::open(&config(server.url()), policy).await.unwrap();
    let commands = [resume(), pause(), resume()];
    for command in &commands {
        log.submit(user(7), command).await.unwrap();
    }
    assert!(matches!(log.submit(user(7), &resume()).await, Err(ControlError::Busy { .. })));
    log.submit(user(8), &resume()).await.unwrap();
    let cancelled = log.cancel(user(7), commands[1].id()).await.unwrap();
    assert_eq!(code(&cancelled), "cancelled");
    assert_eq!(cancelled.outcome.as_ref().unwrap().detail.as_deref(), Some("its sender took it back"));
    let reused = livermore_core::control::Submission::new(commands[1].id(), &Command::Resume, crate::support::me());
    assert!(matches!(log.submit(user(7), &reused.unwrap()).await, Err(ControlError::IdReused { .. })));
    assert!(matches!(log.cancel(user(7), pause().id()).await, Err(ControlError::NotFound { .. })));
    log.submit(user(7), &submission(&Command::Resume)).await.unwrap();
    let seqs = |statuses: Vec<livermore_core::control::CommandStatus>| {
        statuses.into_iter().map(|status| status.record.seq.get()).collect::<Vec<_>>()
    };
    assert_eq!(seqs(log.history(user(7), CommandQuery::newest(2)).await.unwrap()), [4, 3]);
    let before = CommandQuery { before: Some(Seq::new(3).unwrap()), limit: 9 };
    assert_eq!(seqs(log.history(user(7), before).await.unwrap()), [2, 1]);
    assert_eq!(log.history(user(9), CommandQuery::newest(2)).await.unwrap(), []);
    assert!(!server.run(&["KEYS", "*"]).contains("{9}"), "asking leaves no trace");
}

#[tokio::test]
async fn a_log_that_is_behind_takes_nothing_until_it_is_rebased() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let lease = lease(&log, user(7), "runner").await;
    let behind = log.observe(&lease, observed(5)).await.unwrap_err();
    assert!(matches!(behind, ControlError::StoreRegressed { seen, found } if seen.get() == 5 && found.get() == 0));
    assert!(matches!(log.submit(user(7), &pause()).await, Err(ControlError::StoreRegressed { .. })));
    assert!(matches!(log.next(&lease).await, Err(ControlError::StoreRegressed { .. })));
    assert_eq!(log.rebase(user(7)).await.unwrap().generation.get(), 6);
    log.submit(user(7), &pause()).await.unwrap();
    assert_eq!(decide_next(&log, &lease).await.unwrap().outcome.unwrap().generation.get(), 7);
}

#[tokio::test]
async fn who_listens_again_soon_is_heard_at_once() {
    let Some(server) = redis::durable() else { return };
    let log = log(&server).await;
    let lease = lease(&log, user(7), "runner").await;
    for _ in 0..5 {
        let mut signals = log.signals(user(7)).await.unwrap();
        let pause = pause();
        log.submit(user(7), &pause).await.unwrap();
        decide_next(&log, &lease).await.unwrap();
        assert_eq!(signal(&mut signals).await, Some(Signal::Decided(pause.id())));
    }
    let asked = server.run(&["INFO", "commandstats"]);
    let asked = asked.lines().find(|line| line.starts_with("cmdstat_subscribe:")).unwrap_or_default();
    assert!(asked.contains("calls=1,"), "listening was asked for once: {asked}");
    // Of many only some are heard on, and those not for long.
    for id in 100..1_300 {
        drop(log.signals(user(id)).await.unwrap());
    }
    eventually("most are not heard any more", TTL, async || {
        let heard = server.run(&["PUBSUB", "CHANNELS"]).lines().count();
        (heard <= 1_024).then_some(()).ok_or(format!("{heard} channels"))
    })
    .await;
    eventually("none is heard any more", TTL, async || {
        let heard = server.run(&["PUBSUB", "CHANNELS"]);
        heard.is_empty().then_some(()).ok_or(heard)
    })
    .await;
}

#[tokio::test]
async fn in_a_cluster_too() {
    let Some(cluster) = redis::cluster() else { return };
    let log = open(&config(cluster.url())).await;
    let users: Vec<_> = (1..=200).map(user).collect();
    let mut bells = log.bells(&users).await.unwrap();
    let leases = log.acquire(&users, &holder("runner"), TTL).await.unwrap();
    assert_eq!(leases.len(), users.len());
    for user in &users {
        log.submit(*user, &pause()).await.unwrap();
        assert_eq!(bell(&mut bells).await, Some(Bell::Rang(*user)));
    }
    assert_eq!(log.waiting(&users).await.unwrap(), users);
    for lease in &leases {
        assert_eq!(code(&decide_next(&log, lease).await.unwrap()), "changed");
    }
    assert_eq!(log.waiting(&users).await.unwrap(), []);
    assert_eq!(log.renew(&leases, TTL).await.unwrap(), leases);
    log.forget(&users).await.unwrap();
    for node in &cluster.nodes {
        assert!(node.run(&["DBSIZE"]).parse::<u64>().unwrap() > 0, "every node has a part");
    }
}
