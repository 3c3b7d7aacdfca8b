use std::time::Duration;

use livermore_core::control::{Command, CommandBus, CommandInbox, ControlError, PauseLevel, Phase, Stage, Submission};
use livermore_core::settings::Actor;
use tokio::time::sleep;

use super::support::{FakePlane, PlaneEvent, Way, id, log, reached, settings, start, submit, user};

/// A log that was replaced by an older one takes no commands until an operator says that it holds.
#[tokio::test(start_paused = true)]
async fn w15_a_log_that_has_forgotten_is_noticed() {
    let (log_before, restored, plane) = (log(), log(), FakePlane::new());
    let way = Way::to(&log_before);
    let executor = start("a", &[user(7)], way.clone(), &settings(), &plane);
    submit(&log_before, user(7), 1, &Command::Pause { level: PauseLevel::Stop }).await;
    submit(&log_before, user(7), 2, &Command::Resume).await;
    reached(&log_before, user(7), 2, Stage::Effective).await;

    way.lead_to(&restored);
    plane.saw(&PlaneEvent::Stopped(user(7))).await;
    sleep(Duration::from_secs(20)).await;
    let again = Submission::new(id(3), &Command::Resume, Actor::new("test").unwrap()).unwrap();
    let refused = restored.submit(user(7), &again).await;
    assert!(matches!(refused, Err(ControlError::StoreRegressed { .. })), "{refused:?}");
    let stopped = plane.events();
    assert_eq!(stopped.last(), Some(&PlaneEvent::Stopped(user(7))), "it goes on with what it does not know");

    restored.rebase(user(7)).await.unwrap();
    restored.submit(user(7), &again).await.unwrap();
    reached(&restored, user(7), 3, Stage::Effective).await;
    assert_eq!(plane.events().last(), Some(&PlaneEvent::Reached(user(7), Phase::Running)));
    executor.stop().await;
}
