//! Commands over connections that break, hang or are too few.

use std::{collections::BTreeSet, time::Duration};

use livermore_core::control::{CommandBus, CommandInbox, CommandQuery, ControlError, ControlPolicy};
use livermore_pg::{PgCommandLog, PgConfig, migrate};
use livermore_tests::{
    fault_proxy::{FaultProxy, Way},
    postgres::own,
};
use sqlx::{Connection, Executor};
use tokio::time::{Instant, sleep};

use super::support::{decide_next, decision, eventually, id, lease, log, log_of, pause, report, resume, through};
use crate::support::{APP, Database, OWNER, Random, database, user};

/// Waits until so many statements of this database wait for a lock.
async fn waiters(database: &Database, count: i64) {
    let mut admin = database.server.admin(&database.name).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut admin).await.unwrap() < count {
        assert!(Instant::now() < deadline, "{count} statements wait for the lock");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn case_44_without_a_server_a_command_is_refused_and_forgotten() {
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let log = log_of(&through(&proxy, &database)).await;
    log.submit(user(7), &pause(1)).await.unwrap();
    proxy.refuse(true);
    // The connection that was open when it happened leaves a doubt; from then on there is none.
    let first = log.submit(user(7), &pause(2)).await.unwrap_err();
    assert!(matches!(first, ControlError::OutcomeUnknown { .. } | ControlError::Unavailable { .. }), "{first:?}");
    for number in 3..6 {
        let begun = Instant::now();
        let error = log.submit(user(7), &pause(number)).await.unwrap_err();
        assert!(matches!(error, ControlError::Unavailable { .. }), "{error:?}");
        assert!(begun.elapsed() < Duration::from_millis(2_200), "{:?}", begun.elapsed());
    }
    proxy.refuse(false);
    let later = pause(6);
    let made = eventually("submitting", || log.submit(user(7), &later)).await;
    assert_eq!(made.seq.get(), 2, "nothing was held back to be recorded later");
    assert!(log.record(user(7), id(3)).await.unwrap().is_none());
}

#[tokio::test]
async fn case_44_a_silent_server_is_given_up_in_time() {
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let log = log_of(&through(&proxy, &database)).await;
    proxy.silence(true);
    sleep(Duration::from_millis(1_100)).await; // until what rests is tried before it is used
    let begun = Instant::now();
    let error = log.submit(user(7), &pause(1)).await.unwrap_err();
    assert!(matches!(error, ControlError::Unavailable { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_millis(2_500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn case_45_proxy_cuts_around_the_commit_of_a_submission() {
    const SEED: u64 = 45;
    const ROUNDS: u64 = 250;
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let log = PgCommandLog::connect(
        &through(&proxy, &database),
        ControlPolicy { max_open: 10_000, ..ControlPolicy::default() },
    )
    .await
    .unwrap();
    log.submit(user(7), &pause(1)).await.unwrap();
    let before = (proxy.passed(Way::Out), proxy.passed(Way::Back));
    log.submit(user(7), &pause(2)).await.unwrap();
    // What one submission sends and receives, so that cuts fall into it and around its commit.
    let sent = proxy.passed(Way::Out) - before.0;
    let received = proxy.passed(Way::Back) - before.1;
    let mut random = Random(SEED);
    let mut cuts = 0;
    for round in 0..ROUNDS {
        if random.below(2) == 0 {
            proxy.cut_after(Way::Out, random.below(sent + 20));
        } else {
            proxy.cut_after(Way::Back, random.below(received + 20));
        }
        let command = pause(round + 3);
        let made = eventually("submitting again", || log.submit(user(7), &command)).await;
        assert_eq!(made.seq.get(), round + 3, "round {round} of seed {SEED}");
        cuts += u64::from(!proxy.disarm());
    }
    assert!(cuts > ROUNDS / 2, "only {cuts} cuts happened");
    let all = log.history(user(7), CommandQuery::newest(1_000)).await.unwrap();
    let ids: BTreeSet<_> = all.iter().map(|status| status.record.id).collect();
    assert_eq!((all.len() as u64, ids.len() as u64), (ROUNDS + 2, ROUNDS + 2));
}

#[tokio::test]
async fn case_45_proxy_cuts_around_the_commit_of_a_decision() {
    const SEED: u64 = 46;
    const ROUNDS: u64 = 100;
    let Some(database) = database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let (steady, shaky) = (log(&database).await, log_of(&through(&proxy, &database)).await);
    let lease = lease(&steady, 7).await;
    let mut random = Random(SEED);
    let (mut cuts, mut sent, mut received) = (0, 0, 0);
    for round in 1..=ROUNDS {
        let command = if round % 2 == 1 { pause(round) } else { resume(round) };
        steady.submit(user(7), &command).await.unwrap();
        let next = steady.next(&lease).await.unwrap().unwrap();
        let before = (proxy.passed(Way::Out), proxy.passed(Way::Back));
        match round {
            // The second decision on a connection shows what one sends and receives.
            1 | 2 => {}
            _ if random.below(2) == 0 => proxy.cut_after(Way::Out, random.below(sent + 20)),
            _ => proxy.cut_after(Way::Back, random.below(received + 20)),
        }
        let record = eventually("deciding again", || shaky.decide(&lease, next.record.seq, decision(&next))).await;
        assert_eq!(record.outcome.unwrap().generation.get(), round, "round {round} of seed {SEED}");
        if round == 2 {
            (sent, received) = (proxy.passed(Way::Out) - before.0, proxy.passed(Way::Back) - before.1);
        }
        cuts += u64::from(!proxy.disarm() && round > 2);
    }
    assert!(cuts > ROUNDS / 2, "only {cuts} cuts happened");
    assert_eq!(steady.states(&lease).await.unwrap().0.generation.get(), ROUNDS);
}

#[tokio::test]
async fn w02_a_refusal_after_a_lost_answer_proves_nothing() {
    let Some(database) = database().await else { return };
    let policy = ControlPolicy { max_open: 1, ..ControlPolicy::default() };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let log = PgCommandLog::connect(&through(&proxy, &database), policy).await.unwrap();
    log.submit(user(7), &pause(1)).await.unwrap();
    // Only the beginning of it arrives; nobody here can know that.
    proxy.cut_after(Way::Out, 20);
    let error = log.submit(user(7), &pause(2)).await.unwrap_err();
    assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
    let error = log.submit(user(7), &pause(2)).await.unwrap_err();
    assert!(matches!(error, ControlError::Busy { .. }), "{error:?}");
    // All of it arrives, and the answer does not: found by the second try.
    log.cancel(user(7), id(1)).await.unwrap();
    proxy.cut_after(Way::Back, 0);
    assert_eq!(log.submit(user(7), &pause(3)).await.unwrap().seq.get(), 2);
    assert!(!proxy.disarm());
}

#[tokio::test]
async fn case_46_a_server_killed_during_decisions() {
    let Some(server) = own() else { return };
    server.run("postgres", "CREATE ROLE livermore_owner LOGIN; CREATE ROLE livermore_app LOGIN").await;
    server.run("postgres", "CREATE DATABASE db OWNER livermore_owner").await;
    migrate(&PgConfig::from_url(server.url(OWNER, "db")), Some(APP)).await.unwrap();
    let log = log_of(&PgConfig::from_url(server.url(APP, "db"))).await;
    let lease = lease(&log, 7).await;
    let mut told = Vec::new();
    for round in 0..3 {
        for number in 0..30 {
            let number = round * 30 + number;
            let command = if number % 2 == 0 { pause(number) } else { resume(number) };
            eventually("submitting", || log.submit(user(7), &command)).await;
        }
        let deciding = tokio::spawn({
            let (log, lease) = (log.clone(), lease.clone());
            async move {
                let mut told = Vec::new();
                while let Some(record) = eventually("deciding", || decide_next(&log, &lease)).await {
                    told.push(record);
                }
                told
            }
        });
        sleep(Duration::from_millis(15)).await;
        server.signal("KILL");
        sleep(Duration::from_millis(100)).await;
        server.restart();
        told.extend(deciding.await.unwrap());
    }
    let all = log.history(user(7), CommandQuery::newest(1_000)).await.unwrap();
    assert_eq!(all.len(), 90);
    // Each exactly once, in order, and what was told is what is recorded.
    for (status, number) in all.iter().rev().zip(1..) {
        let outcome = status.record.outcome.as_ref().unwrap();
        assert_eq!((status.record.seq.get(), outcome.generation.get()), (number, number));
    }
    for record in &told {
        assert!(all.iter().any(|status| status.record == *record), "{record:?}");
    }
    assert_eq!(log.states(&lease).await.unwrap().0.generation.get(), 90);
    log.observe(&lease, report(90)).await.unwrap();
}

#[tokio::test]
async fn case_47_decisions_go_on_while_every_sender_waits() {
    let Some(database) = database().await else { return };
    let config =
        PgConfig { max_connections: 2, lock_timeout_ms: 8_000, statement_timeout_ms: 9_000, ..database.config() };
    let log = log_of(&config).await;
    let lease = lease(&log, 8).await;
    for number in 0..50 {
        log.submit(user(8), &pause(number)).await.unwrap();
    }
    log.submit(user(7), &pause(1)).await.unwrap();
    let mut admin = database.server.admin(&database.name).await;
    let mut holder = admin.begin().await.unwrap();
    holder.execute("SELECT 1 FROM livermore.desired WHERE user_id = 7 FOR UPDATE").await.unwrap();
    let stuck: Vec<_> = (2..4)
        .map(|number| {
            let log = log.clone();
            tokio::spawn(async move { log.submit(user(7), &pause(number)).await })
        })
        .collect();
    waiters(&database, 2).await;
    let begun = Instant::now();
    let refused = tokio::spawn({
        let log = log.clone();
        async move { log.submit(user(9), &pause(1)).await }
    });
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let at = Instant::now();
        assert!(decide_next(&log, &lease).await.unwrap().is_some());
        slowest = slowest.max(at.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let error = refused.await.unwrap().unwrap_err();
    let took = begun.elapsed();
    assert!(matches!(error, ControlError::Busy { .. }), "{error:?}");
    assert!((Duration::from_millis(1_900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    holder.rollback().await.unwrap();
    for submitted in stuck {
        submitted.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn case_71_what_the_server_refuses_was_not_recorded() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    log.submit(user(7), &pause(1)).await.unwrap();
    // A trigger answers for the conditions a test cannot make.
    for code in ["40001", "40P01", "55P03", "53100", "25006", "42501", "23514"] {
        database
            .run(&format!(
                "CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE EXCEPTION 'canary-text' USING ERRCODE = '{code}', DETAIL = 'canary-detail'; END $$;
                 DROP TRIGGER IF EXISTS refuse ON livermore.command;
                 CREATE TRIGGER refuse BEFORE INSERT ON livermore.command FOR EACH ROW EXECUTE FUNCTION public.refuse()"
            ))
            .await;
        let error = log.submit(user(7), &pause(2)).await.unwrap_err();
        let expected = match code {
            "53100" | "42501" => matches!(error, ControlError::Setup { .. }),
            "25006" => matches!(error, ControlError::Unavailable { .. }),
            "23514" => matches!(error, ControlError::Invalid { .. }),
            _ => matches!(error, ControlError::Busy { .. }),
        };
        assert!(expected, "{code}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    database.run("DROP TRIGGER refuse ON livermore.command").await;
    assert_eq!(log.submit(user(7), &pause(2)).await.unwrap().seq.get(), 2);
}

#[tokio::test]
async fn calls_dropped_midway_leave_the_log_whole() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let lease = lease(&log, 7).await;
    let mut random = Random(48);
    for number in 1..=200 {
        let command = if number % 2 == 1 { pause(number) } else { resume(number) };
        let brief = Duration::from_micros(random.below(3_000));
        let _ = tokio::time::timeout(brief, log.submit(user(7), &command)).await;
        let submitted = eventually("submitting again", || log.submit(user(7), &command)).await;
        assert_eq!(submitted.seq.get(), number);
        let brief = Duration::from_micros(random.below(3_000));
        let _ = tokio::time::timeout(brief, decide_next(&log, &lease)).await;
        while eventually("deciding again", || decide_next(&log, &lease)).await.is_some() {}
    }
    let all = log.history(user(7), CommandQuery::newest(1_000)).await.unwrap();
    assert_eq!(all.len(), 200);
    assert!(all.iter().all(|status| status.record.outcome.is_some()));
}
