//! A store that is away, and clocks that are wrong or stand still.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use livermore_core::{
    control::{
        Command, CommandBus, CommandInbox, ControlError, ControlPolicy, EmbeddedCommandLog, Executor, ExecutorConfig,
        ExecutorParts, Expiry, PauseLevel, Phase, Stage, Submission, UserSettingsCommands, Verdict,
    },
    ids::{CommandId, Epoch, Generation, Symbol, Timestamp},
    settings::Actor,
};
use tokio::time::{Instant, sleep};

use super::support::{FakePlane, PlaneEvent, Way, clock, holder, id, log, reached, settings, start, submit, user};

const MUTE: Command = Command::Pause { level: PauseLevel::Mute };
const STOP: Command = Command::Pause { level: PauseLevel::Stop };

fn add_symbol() -> Command {
    Command::AddSymbol { symbol: Symbol::new("ETH-USD").unwrap() }
}

/// While nobody reaches the store, nobody takes over; what was desired before is what comes back, and nothing else.
#[tokio::test(start_paused = true)]
async fn w13_an_outage_of_the_store_moves_nothing() {
    let (log, settings) = (log(), settings());
    let planes = [FakePlane::new(), FakePlane::new()];
    let ways = [Way::to(&log), Way::to(&log)];
    let first = start("first", &[user(7)], ways[0].clone(), &settings, &planes[0]);
    submit(&log, user(7), 1, &MUTE).await;
    submit(&log, user(7), 2, &add_symbol()).await;
    reached(&log, user(7), 2, Stage::Effective).await;
    let second = start("second", &[user(7)], ways[1].clone(), &settings, &planes[1]);
    sleep(Duration::from_secs(1)).await;
    let before = planes[0].events();
    let cut = |away| ways.iter().for_each(|way| way.cut(away));

    // A short outage is not noticed by the data plane.
    cut(true);
    sleep(Duration::from_secs(4)).await;
    cut(false);
    sleep(Duration::from_secs(10)).await;
    assert_eq!((planes[0].events(), planes[1].events()), (before.clone(), Vec::new()));

    // A long one ends the belief to lead, and gives it to nobody.
    cut(true);
    sleep(Duration::from_mins(5)).await;
    assert_eq!(planes[0].events()[before.len()..], [PlaneEvent::Stopped(user(7))]);
    assert!(planes[1].events().is_empty(), "{:?}", planes[1].events());
    for executor in [&first, &second] {
        let status = executor.status().borrow().clone();
        assert!(status.leading.is_empty() && status.trouble.is_some(), "{status:?}");
    }

    // It goes on in the phase and with the settings from before.
    cut(false);
    submit(&log, user(7), 3, &MUTE).await;
    let status = reached(&log, user(7), 3, Stage::Effective).await;
    assert_eq!(status.record.outcome.as_ref().map(|outcome| outcome.changed), Some(false), "{status:?}");
    let after: Vec<PlaneEvent> = planes[0].events()[before.len()..].iter().cloned().chain(planes[1].events()).collect();
    assert!(after.contains(&PlaneEvent::Reached(user(7), Phase::Muted)), "{after:?}");
    assert!(!after.contains(&PlaneEvent::Begun(user(7), Phase::Running)), "{after:?}");
    first.stop().await;
    second.stop().await;
    assert_eq!(settings.load(user(7)).await.unwrap().revision.get(), 1, "nothing was changed twice");
}

/// A log whose clock is not the one of this machine.
fn log_with_clock() -> (EmbeddedCommandLog, Arc<AtomicI64>) {
    let (ahead, here) = (Arc::new(AtomicI64::new(0)), clock());
    let log = {
        let ahead = Arc::clone(&ahead);
        let now = move || here().checked_add_millis(ahead.load(Ordering::SeqCst)).unwrap();
        EmbeddedCommandLog::in_memory(ControlPolicy::default(), now)
    };
    (log, ahead)
}

/// The machine was suspended: its own clock stood still, and in the store the lease has ended and gone to another.
#[tokio::test(start_paused = true)]
async fn w16_after_a_suspend_the_epoch_counts_and_not_the_own_clock() {
    let (log, ahead) = log_with_clock();
    let (settings, plane) = (settings(), FakePlane::new());
    let suspended = start("suspended", &[user(7)], log.clone(), &settings, &plane);
    plane.saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    let before = plane.events().len();

    ahead.store(3_600_000, Ordering::SeqCst);
    let woken = Instant::now();
    let heir = log.acquire(&[user(7)], &holder("heir"), Duration::from_mins(1)).await.unwrap().remove(0);
    assert_eq!(heir.epoch, Epoch::new(2).unwrap());
    // It still believes to lead, and hears of these at once.
    assert!(suspended.status().borrow().leading.contains_key(&user(7)));
    submit(&log, user(7), 1, &add_symbol()).await;
    submit(&log, user(7), 2, &STOP).await;
    plane.saw(&PlaneEvent::Stopped(user(7))).await;
    assert!(woken.elapsed() < Duration::from_secs(1), "took {:?}", woken.elapsed());

    sleep(Duration::from_secs(30)).await;
    for number in 1..=2 {
        let record = log.record(user(7), id(number)).await.unwrap().unwrap().record;
        assert!(record.outcome.is_none() && record.attempts == 0, "{record:?}");
    }
    assert_eq!(plane.events()[before..], [PlaneEvent::Stopped(user(7))]);
    assert_eq!(settings.load(user(7)).await.unwrap().revision.get(), 0, "the settings were changed");
    assert_eq!(log.states(&heir).await.unwrap().0.generation, Generation::ZERO);
    suspended.stop().await;
}

/// The same without any command: the data plane ends with the next renewal.
#[tokio::test(start_paused = true)]
async fn w16_after_a_suspend_the_next_renewal_ends_the_data_plane() {
    let (log, ahead) = log_with_clock();
    let plane = FakePlane::new();
    let suspended = start("suspended", &[user(7)], log.clone(), &settings(), &plane);
    plane.saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    ahead.store(3_600_000, Ordering::SeqCst);
    log.acquire(&[user(7)], &holder("heir"), Duration::from_mins(1)).await.unwrap();
    let woken = Instant::now();
    plane.saw(&PlaneEvent::Stopped(user(7))).await;
    assert!(woken.elapsed() <= Duration::from_secs(3), "took {:?}", woken.elapsed());
    assert_eq!(suspended.status().borrow().standing_by, 1);
    suspended.stop().await;
}

/// Clocks of senders and runners are told to people; those of the log decide.
#[tokio::test(start_paused = true)]
async fn case_11_clocks_that_are_wrong_change_nothing() {
    const HOUR: i64 = 3_600_000;
    for off in [-HOUR, HOUR] {
        let (log, settings) = (log(), settings());
        let planes = [FakePlane::new(), FakePlane::new()];
        let wrong = |name: &str, plane: &Arc<FakePlane>, off: i64| {
            let parts = ExecutorParts {
                inbox: Arc::new(log.clone()),
                settings: Arc::new(UserSettingsCommands::new(settings.clone())),
                reconciler: plane.clone(),
            };
            let clock = clock();
            let now = move || clock().checked_add_millis(off).unwrap();
            Executor::start(parts, ExecutorConfig::new(holder(name), vec![user(7)]), now)
        };
        let sent = |number: u8, command: &Command, expiry: Expiry| {
            // The sender's clock is in its id.
            let at = Timestamp::from_secs(1_700_000_000).unwrap().checked_add_millis(off).unwrap();
            let id = CommandId::from_parts(at, [number; 10]);
            Submission::new(id, command, Actor::new("test").unwrap()).unwrap().with_expiry(expiry)
        };
        // Nobody decides it in time.
        let late = sent(1, &Command::Resume, Expiry::After(Duration::from_secs(10)));
        let record = log.submit(user(7), &late).await.unwrap();
        assert_eq!(record.not_after.map(|end| end.millis_since(record.submitted_at)), Some(10_000));
        sleep(Duration::from_secs(11)).await;
        let first = wrong("first", &planes[0], off);
        planes[0].saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
        let second = wrong("second", &planes[1], -off);
        let in_time = sent(2, &STOP, Expiry::After(Duration::from_secs(10)));
        log.submit(user(7), &in_time).await.unwrap();
        planes[0].saw(&PlaneEvent::Reached(user(7), Phase::Stopped)).await;
        sleep(Duration::from_mins(1)).await;
        for (submission, verdict) in [(late, Verdict::Expired), (in_time, Verdict::Applied)] {
            let record = log.record(user(7), submission.id()).await.unwrap().unwrap().record;
            assert_eq!(record.outcome.map(|outcome| outcome.verdict), Some(verdict), "off by {off} ms");
        }
        assert!(planes[1].events().is_empty(), "the lease has moved: {:?}", planes[1].events());
        let taken = log.acquire(&[user(7)], &holder("third"), Duration::from_secs(1)).await;
        assert!(matches!(&taken, Ok(leases) if leases.is_empty()), "{taken:?}");
        first.stop().await;
        second.stop().await;
    }
}

/// A stale report is refused like a stale decision.
#[tokio::test(start_paused = true)]
async fn w16_what_a_suspended_process_reports_is_refused() {
    let (log, ahead) = log_with_clock();
    let old = log.acquire(&[user(7)], &holder("old"), Duration::from_secs(10)).await.unwrap().remove(0);
    submit(&log, user(7), 1, &STOP).await;
    let next = log.next(&old).await.unwrap().unwrap();
    ahead.store(3_600_000, Ordering::SeqCst);
    let heir = log.acquire(&[user(7)], &holder("heir"), Duration::from_secs(10)).await.unwrap().remove(0);
    let decision = livermore_core::control::Decision::expired();
    let refused = log.decide(&old, next.record.seq, decision).await;
    assert!(matches!(refused, Err(ControlError::StaleEpoch { current, .. }) if current == heir.epoch), "{refused:?}");
    assert!(matches!(log.states(&old).await, Err(ControlError::StaleEpoch { .. })));
    assert!(matches!(log.postpone(&old, next.record.seq).await, Err(ControlError::StaleEpoch { .. })));
    assert!(log.renew(&[old], Duration::from_secs(10)).await.unwrap().is_empty());
}
