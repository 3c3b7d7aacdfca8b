//! PostgreSQL is away for longer than a lease lasts.

use std::time::Duration;

use livermore_core::{
    control::{Command, CommandBus, ControlError, PauseLevel, Phase, Stage, Submission, Waited},
    ids::{CommandId, Symbol, UserId},
    settings::Actor,
};
use tokio::time::{Instant, sleep};

use super::{
    ALONE,
    arena::{Arena, Profile},
    sender::now,
    users,
};

/// Longer than the longest lease of the runners.
const AWAY: Duration = Duration::from_secs(12);

fn submission(number: u8, command: &Command) -> Submission {
    Submission::new(CommandId::from_parts(now(), [number; 10]), command, Actor::new("chaos").unwrap()).unwrap()
}

async fn effective(bus: &dyn CommandBus, user: UserId, sent: &Submission) {
    bus.submit(user, sent).await.unwrap();
    let waited = bus.wait(user, sent.id(), Stage::Effective, Duration::from_secs(20)).await;
    assert!(matches!(waited, Ok(Waited::Reached(_))), "{waited:?}");
}

/// Commands are refused in time and forgotten; phase and settings are afterwards what they were before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w13_without_postgresql_commands_are_refused_and_nothing_moves() {
    let _alone = ALONE.lock().await;
    let users = users();
    let Some(arena) = Arena::build(Profile::PostgresAndBell, &users).await else { return };
    let bus = arena.bus().await;
    let symbol = Symbol::new("BTC-USD").unwrap();
    for user in &users {
        effective(&*bus, *user, &submission(1, &Command::AddSymbol { symbol: symbol.clone() })).await;
        effective(&*bus, *user, &submission(2, &Command::Pause { level: PauseLevel::Mute })).await;
    }

    arena.stop_postgres();
    let away = Instant::now();
    // The connections that were open leave a doubt at most; from then on there is none.
    let _ = bus.submit(users[0], &submission(3, &Command::Resume)).await;
    let mut refused = 3;
    while away.elapsed() < AWAY {
        refused += 1;
        let asked = Instant::now();
        let error = bus.submit(users[0], &submission(refused, &Command::Resume)).await.unwrap_err();
        assert!(matches!(error, ControlError::Unavailable { .. }), "{error:?}");
        assert!(asked.elapsed() < Duration::from_millis(2_500), "{:?}", asked.elapsed());
        sleep(Duration::from_millis(500)).await;
    }
    arena.start_postgres();

    // Nothing was held back to be sent later, and a fresh command is decided.
    let fresh = submission(200, &Command::Pause { level: PauseLevel::Mute });
    let deadline = Instant::now() + Duration::from_secs(15);
    while let Err(error) = bus.submit(users[0], &fresh).await {
        assert!(Instant::now() < deadline && error.is_retryable(), "{error}");
        sleep(Duration::from_millis(100)).await;
    }
    let waited = bus.wait(users[0], fresh.id(), Stage::Effective, Duration::from_secs(20)).await;
    let Ok(Waited::Reached(status)) = waited else { panic!("{waited:?}") };
    assert_eq!(status.record.seq.get(), 3, "a refused command was recorded");
    assert_eq!(status.record.outcome.map(|outcome| outcome.changed), Some(false), "the phase has changed");

    let (ledgers, logs) = arena.close().await;
    for ledger in ledgers {
        let observed = ledger.observed.expect("it was observed");
        assert_eq!((ledger.desired.phase, observed.phase), (Phase::Muted, Phase::Muted), "user {}", ledger.user);
        assert_eq!((ledger.settings.len(), observed.settings_revision.get()), (1, 1), "user {}", ledger.user);
    }
    // Whoever led afterwards knew of the pause before it began anything.
    for (name, text) in logs.read() {
        for user in &users {
            let converged = format!(r#""converged","user":{user},"#);
            let told: Vec<&str> = text.lines().filter(|line| line.contains(&converged)).collect();
            let muted = told.iter().position(|line| line.contains(r#""phase":"muted""#)).unwrap_or(told.len());
            assert!(
                told[muted..].iter().all(|line| line.contains(r#""phase":"muted""#)),
                "{name}, user {user}: {told:?}"
            );
        }
    }
}
