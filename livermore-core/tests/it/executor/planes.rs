use std::time::Duration;

use livermore_core::{
    control::{
        Backfill, CacheScope, Command, CommandBus, CommandInbox, Effect, Health, JobState, Observed, PauseLevel, Phase,
        Stage,
    },
    ids::Symbol,
};
use tokio::time::{Instant, sleep};

use super::support::{FakePlane, PlaneEvent, holder, id, log, reached, settings, start, submit, user};

const PAUSE: Command = Command::Pause { level: PauseLevel::Stop };

fn backfill() -> Command {
    let symbols = vec![Symbol::new("BTC-USD").unwrap()];
    Command::ForceBackfill(Backfill { symbols, timeframes: Vec::new(), days: Some(30) })
}

/// What the log knows of the data plane, read with the executor's own lease.
async fn observed(log: &impl CommandInbox) -> Observed {
    let lease = &log.acquire(&[user(7)], &holder("a"), Duration::from_secs(10)).await.unwrap()[0];
    log.states(lease).await.unwrap().1.unwrap()
}

#[tokio::test(start_paused = true)]
async fn case_04_a_pause_breaks_off_whatever_is_starting() {
    let (log, plane) = (log(), FakePlane::new());
    *plane.hangs_in.lock().unwrap() = Some(Phase::Running);
    let executor = start("a", &[user(7)], log.clone(), &settings(), &plane);
    plane.saw(&PlaneEvent::Begun(user(7), Phase::Running)).await;
    let sent = Instant::now();
    submit(&log, user(7), 1, &PAUSE).await;
    reached(&log, user(7), 1, Stage::Effective).await;
    assert!(sent.elapsed() < Duration::from_secs(1), "took {:?}", sent.elapsed());
    sleep(Duration::from_mins(5)).await;
    assert!(!plane.events().contains(&PlaneEvent::Reached(user(7), Phase::Running)), "{:?}", plane.events());
    executor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn case_05_what_does_not_converge_is_told_and_tried_again() {
    let (log, plane) = (log(), FakePlane::new());
    let executor = start("a", &[user(7)], log.clone(), &settings(), &plane);
    plane.saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    *plane.failures.lock().unwrap() = 6;
    submit(&log, user(7), 1, &PAUSE).await;
    reached(&log, user(7), 1, Stage::Decided).await;
    sleep(Duration::from_secs(3)).await;
    let seen = observed(&log).await;
    let health = Health::Degraded { component: "feed".to_owned(), cause: "told to fail".to_owned() };
    assert_eq!((seen.health, seen.phase), (health, Phase::Running));
    assert_eq!(log.record(user(7), id(1)).await.unwrap().unwrap().effect, Effect::Pending);
    // The control plane answers meanwhile.
    submit(&log, user(7), 2, &Command::Pause { level: PauseLevel::Mute }).await;
    reached(&log, user(7), 2, Stage::Decided).await;
    reached(&log, user(7), 1, Stage::Effective).await;
    assert_eq!(observed(&log).await.health, Health::Converged);
    executor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_beside_the_commands_and_tells_how_far_it_is() {
    let (log, plane) = (log(), FakePlane::new());
    let executor = start("a", &[user(7)], log.clone(), &settings(), &plane);
    submit(&log, user(7), 1, &backfill()).await;
    plane.saw(&PlaneEvent::JobBegun(user(7), id(1))).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(observed(&log).await.job(id(1)), Some(&JobState::Running { done: 1, total: 3 }));
    // A pause does not wait for it.
    let sent = Instant::now();
    submit(&log, user(7), 2, &Command::Pause { level: PauseLevel::Mute }).await;
    reached(&log, user(7), 2, Stage::Effective).await;
    assert!(sent.elapsed() < Duration::from_secs(1), "took {:?}", sent.elapsed());
    assert_eq!(log.record(user(7), id(1)).await.unwrap().unwrap().effect, Effect::Pending);
    plane.end_job(id(1), Ok(()));
    let status = reached(&log, user(7), 1, Stage::Effective).await;
    assert_eq!(status.effect, Effect::Effective);
    executor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_given_up_says_so() {
    let (log, plane) = (log(), FakePlane::new());
    let executor = start("a", &[user(7)], log.clone(), &settings(), &plane);
    submit(&log, user(7), 1, &Command::ClearCache { scope: CacheScope::All }).await;
    plane.end_job(id(1), Err("the cache is away".to_owned()));
    let status = reached(&log, user(7), 1, Stage::Effective).await;
    assert_eq!(status.effect, Effect::Failed { reason: "the cache is away".to_owned() });
    executor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_for_the_exchange_waits_while_everything_is_stopped() {
    let (log, plane) = (log(), FakePlane::new());
    let executor = start("a", &[user(7)], log.clone(), &settings(), &plane);
    submit(&log, user(7), 1, &PAUSE).await;
    submit(&log, user(7), 2, &backfill()).await;
    submit(&log, user(7), 3, &Command::ClearCache { scope: CacheScope::All }).await;
    plane.saw(&PlaneEvent::JobBegun(user(7), id(3))).await;
    sleep(Duration::from_mins(1)).await;
    assert!(!plane.events().contains(&PlaneEvent::JobBegun(user(7), id(2))));
    let detail = reached(&log, user(7), 2, Stage::Decided).await.record.outcome.unwrap().detail;
    assert!(detail.unwrap().contains("after a resume"));
    submit(&log, user(7), 4, &Command::Resume).await;
    plane.saw(&PlaneEvent::JobBegun(user(7), id(2))).await;
    executor.stop().await;
}

/// A job that was done is not done again by the next process, one that was not is.
#[tokio::test(start_paused = true)]
async fn w9_the_next_process_does_what_is_left() {
    let (log, settings) = (log(), settings());
    let planes = [FakePlane::new(), FakePlane::new()];
    let first = start("a", &[user(7)], log.clone(), &settings, &planes[0]);
    submit(&log, user(7), 1, &backfill()).await;
    submit(&log, user(7), 2, &backfill()).await;
    planes[0].end_job(id(1), Ok(()));
    reached(&log, user(7), 1, Stage::Effective).await;
    drop(first);
    let second = start("b", &[user(7)], log.clone(), &settings, &planes[1]);
    planes[1].saw(&PlaneEvent::JobBegun(user(7), id(2))).await;
    planes[1].end_job(id(2), Ok(()));
    reached(&log, user(7), 2, Stage::Effective).await;
    assert!(!planes[1].events().contains(&PlaneEvent::JobBegun(user(7), id(1))), "{:?}", planes[1].events());
    second.stop().await;
}
