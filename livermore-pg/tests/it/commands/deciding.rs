//! One decision per command, by the one who holds the lease.

use std::time::Duration;

use livermore_core::{
    control::{
        Command, CommandBus, CommandInbox, ControlError, Decision, Desired, Effect, Expiry, JobReport, JobState,
        Observed, OutcomeCode, Phase, Verdict,
    },
    ids::{Generation, Seq},
    settings::Mode,
};
use sqlx::{Connection, Executor};
use tokio::time::{Instant, sleep};

use super::support::{
    HOUR, decide_next, decision, desired, id, lease, lease_for, log, pause, report, resume, submission,
};
use crate::support::{database, user};

#[tokio::test]
async fn a_command_is_decided_and_takes_effect() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let lease = lease(&log, 7).await;
    assert_eq!(log.next(&lease).await.unwrap(), None);
    log.submit(user(7), &pause(1)).await.unwrap();
    assert_eq!(log.waiting(&[user(7), user(8)]).await.unwrap(), [user(7)]);
    let decided = decide_next(&log, &lease).await.unwrap().unwrap();
    let outcome = decided.outcome.clone().unwrap();
    assert_eq!((outcome.verdict, outcome.generation.get()), (Verdict::Applied, 1));
    let (now, observed) = log.states(&lease).await.unwrap();
    assert_eq!((now.phase, now.made_by, observed), (Phase::Stopped, Some(id(1)), None));
    assert_eq!(log.record(user(7), id(1)).await.unwrap().unwrap().effect, Effect::Pending);
    log.observe(&lease, report(1)).await.unwrap();
    assert_eq!(log.record(user(7), id(1)).await.unwrap().unwrap().effect, Effect::Effective);
    let mut admin = database.server.admin(&database.name).await;
    let phase: Option<String> = sqlx::query_scalar("SELECT phase FROM livermore.desired WHERE user_id = 7")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(phase.as_deref(), Some("stopped"));
}

#[tokio::test]
async fn a_second_decision_and_a_zombie_change_nothing() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let zombie = lease_for(&log, 7, "zombie", Duration::ZERO).await.unwrap();
    log.submit(user(7), &pause(1)).await.unwrap();
    let next = log.next(&zombie).await.unwrap().unwrap();
    let heir = lease_for(&log, 7, "heir", HOUR).await.unwrap();
    assert_eq!(heir.epoch.get(), zombie.epoch.get() + 1);
    let seq = next.record.seq;
    let stale = [
        log.decide(&zombie, seq, decision(&next)).await.map(drop).unwrap_err(),
        log.next(&zombie).await.map(drop).unwrap_err(),
        log.postpone(&zombie, seq).await.unwrap_err(),
        log.observe(&zombie, report(0)).await.unwrap_err(),
        log.states(&zombie).await.map(drop).unwrap_err(),
    ];
    for error in stale {
        let ControlError::StaleEpoch { held, current } = error else { panic!("{error:?}") };
        assert_eq!((held, current), (zombie.epoch, heir.epoch));
    }
    assert_eq!(log.renew(&[zombie.clone(), heir.clone()], HOUR).await.unwrap(), *std::slice::from_ref(&heir));
    let before = log.record(user(7), id(1)).await.unwrap().unwrap();
    assert_eq!((before.record.attempts, before.record.outcome.is_none()), (1, true));
    assert_eq!(log.states(&heir).await.unwrap(), (Desired::default(), None));
    let first = decide_next(&log, &heir).await.unwrap().unwrap();
    let other = Decision::refusal(Verdict::Rejected, OutcomeCode::INTERNAL, "another".to_owned());
    assert_eq!(log.decide(&heir, seq, other).await.unwrap(), first);
    let mut skipping = decision(&next);
    skipping.desired = Some(desired(9));
    assert_eq!(log.decide(&heir, seq, skipping.clone()).await.unwrap(), first);
    // A generation that does not follow is never written.
    log.submit(user(7), &resume(2)).await.unwrap();
    let second = log.next(&heir).await.unwrap().unwrap().record.seq;
    let error = log.decide(&heir, second, skipping).await.unwrap_err();
    assert!(matches!(error, ControlError::StoreRegressed { .. }), "{error:?}");
    let error = log.decide(&heir, Seq::new(99).unwrap(), decision(&next)).await.unwrap_err();
    assert!(matches!(error, ControlError::StateLost { .. }), "{error:?}");
}

#[tokio::test]
async fn the_database_refuses_what_no_program_may_do() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let lease = lease(&log, 7).await;
    log.submit(user(7), &pause(1)).await.unwrap();
    log.submit(user(7), &pause(2)).await.unwrap();
    decide_next(&log, &lease).await.unwrap().unwrap();
    let mut admin = database.server.admin(&database.name).await;
    for sql in [
        "UPDATE livermore.command SET verdict = 'rejected' WHERE seq = 1",
        "UPDATE livermore.command SET verdict = NULL, code = NULL, changed = NULL, generation = NULL, decided_at = NULL,
             detail = NULL, epoch = NULL WHERE seq = 1",
        "UPDATE livermore.command SET detail = 'x' WHERE seq = 1",
        "UPDATE livermore.command SET attempts = 0 WHERE seq = 1",
        "UPDATE livermore.command SET kind = 'resume' WHERE seq = 2",
        "UPDATE livermore.command SET seq = 3 WHERE seq = 2",
        "UPDATE livermore.command SET body = '' WHERE seq = 2",
        "UPDATE livermore.command SET verdict = 'applied' WHERE seq = 2",
        "UPDATE livermore.command SET verdict = 'maybe', code = 'x', changed = true, generation = 1, decided_at = now()
             WHERE seq = 2",
        "UPDATE livermore.command SET job = '{}' WHERE seq = 1; UPDATE livermore.command SET job = NULL WHERE seq = 1",
        "UPDATE livermore.desired SET last_seq = 1",
        "UPDATE livermore.desired SET state = state || '{\"generation\": 0}'",
        "UPDATE livermore.lease SET epoch = 0",
        "UPDATE livermore.lease SET holder = 'thief'",
        "INSERT INTO livermore.command (user_id, id, seq, kind, body, body_hash, sender, changes_settings, submitted_at)
             VALUES (7, gen_random_uuid(), 2, 'x', '', repeat('0', 64), 'x', false, now())",
        "INSERT INTO livermore.command (user_id, id, seq, kind, body, body_hash, sender, changes_settings, submitted_at)
             VALUES (7, gen_random_uuid(), 3, 'x', repeat('x', 65537), repeat('0', 64), 'x', false, now())",
    ] {
        let refused = admin.execute(sql).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code().map(|code| code.to_string()));
        assert!(code.as_deref().is_some_and(|code| code.starts_with("23")), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn case_69_expiry_is_judged_when_the_decision_is_written() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let held = lease(&log, 7).await;
    log.submit(user(7), &resume(1).with_expiry(Expiry::After(Duration::from_secs(1)))).await.unwrap();
    let next = log.next(&held).await.unwrap().unwrap();
    // A transaction that begins in time and reaches the decision after it.
    let mut app = sqlx::PgConnection::connect(&database.url(crate::support::APP)).await.unwrap();
    let mut long = app.begin().await.unwrap();
    let began: bool = sqlx::query_scalar("SELECT now() < to_timestamp($1 / 1000.0)")
        .bind(next.record.not_after.unwrap().as_millis())
        .fetch_one(&mut *long)
        .await
        .unwrap();
    assert!(began, "the transaction begins in time");
    sleep(Duration::from_millis(1_200)).await;
    let verdict: String = sqlx::query_scalar(
        "SELECT (f.command).verdict FROM livermore.command_decide(7, $1, 'runner:1', 1, 'applied', 'changed', NULL, true,
             false, '{\"generation\": 1}') AS f",
    )
    .bind(held.epoch.get().cast_signed())
    .fetch_one(&mut *long)
    .await
    .unwrap();
    assert_eq!(verdict, "expired");
    long.commit().await.unwrap();
    let recorded = log.record(user(7), id(1)).await.unwrap().unwrap().record;
    let outcome = recorded.outcome.unwrap();
    assert_eq!(outcome.verdict, Verdict::Expired);
    assert!(outcome.decided_at > recorded.not_after.unwrap());
    assert_eq!(log.states(&held).await.unwrap().0, Desired::default());
}

#[tokio::test]
async fn case_69_a_lock_that_was_waited_for_counts() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let held = lease(&log, 7).await;
    log.submit(user(7), &resume(1).with_expiry(Expiry::After(Duration::from_millis(700)))).await.unwrap();
    let next = log.next(&held).await.unwrap().unwrap();
    let mut admin = database.server.admin(&database.name).await;
    let mut holder = admin.begin().await.unwrap();
    holder.execute("SELECT 1 FROM livermore.desired WHERE user_id = 7 FOR UPDATE").await.unwrap();
    let deciding = {
        let (log, held, decision) = (log.clone(), held.clone(), decision(&next));
        tokio::spawn(async move { log.decide(&held, next.record.seq, decision).await })
    };
    sleep(Duration::from_millis(900)).await;
    holder.rollback().await.unwrap();
    let record = deciding.await.unwrap().unwrap();
    assert_eq!(record.outcome.unwrap().verdict, Verdict::Expired);
}

#[tokio::test]
async fn a_change_of_the_settings_that_was_begun_is_its_runners() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let held = lease(&log, 7).await;
    let change = submission(1, &Command::SwitchMode { mode: Mode::ALL[0] });
    log.submit(user(7), &change.with_expiry(Expiry::After(Duration::from_millis(500)))).await.unwrap();
    let next = log.next(&held).await.unwrap().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while log.next(&held).await.unwrap().is_some_and(|again| again.now <= next.record.not_after.unwrap()) {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(50)).await;
    }
    assert!(log.record(user(7), id(1)).await.unwrap().unwrap().record.is_claimed());
    assert!(log.cancel(user(7), id(1)).await.unwrap().is_open());
    let done = Decision {
        verdict: Verdict::Applied,
        code: OutcomeCode::CHANGED,
        detail: None,
        changed: true,
        desired: Some(desired(1)),
        is_done: true,
    };
    let record = log.decide(&held, next.record.seq, done).await.unwrap();
    assert_eq!(record.outcome.unwrap().verdict, Verdict::Applied);
}

#[tokio::test]
async fn what_jsonb_cannot_hold_does_not_stop_a_report() {
    let Some(database) = database().await else { return };
    let log = log(&database).await;
    let held = lease(&log, 7).await;
    log.submit(user(7), &submission(1, &Command::ClearCache { scope: livermore_core::control::CacheScope::All }))
        .await
        .unwrap();
    decide_next(&log, &held).await.unwrap().unwrap();
    let failed = JobState::Failed { reason: "a\0b".to_owned() };
    let jobs = vec![JobReport { id: id(1), state: failed }];
    log.observe(&held, Observed { jobs, ..report(1) }).await.unwrap();
    let status = log.record(user(7), id(1)).await.unwrap().unwrap();
    assert_eq!(status.effect, Effect::Failed { reason: "a\u{fffd}b".to_owned() });
    log.submit(user(7), &pause(2)).await.unwrap();
    let next = log.next(&held).await.unwrap().unwrap();
    let detail = format!("\0{}", "ä".repeat(100_000));
    let refusal = Decision::refusal(Verdict::Rejected, OutcomeCode::INTERNAL, detail);
    let record = log.decide(&held, next.record.seq, refusal).await.unwrap();
    assert_eq!(record.outcome.unwrap().generation, Generation::new(1).unwrap());
}
