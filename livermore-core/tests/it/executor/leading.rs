use std::time::Duration;

use livermore_core::{
    control::{Command, CommandBus, CommandInbox, Leading, PauseLevel, Phase, Stage},
    ids::Epoch,
};
use tokio::time::{Instant, sleep};

use super::support::{FakePlane, PlaneEvent, Way, holder, log, reached, settings, start, submit, user};

const PAUSE: Command = Command::Pause { level: PauseLevel::Stop };

#[tokio::test(start_paused = true)]
async fn case_40_one_leads_and_the_other_stands_by() {
    let (log, settings) = (log(), settings());
    let planes = [FakePlane::new(), FakePlane::new()];
    let first = start("first", &[user(7)], log.clone(), &settings, &planes[0]);
    planes[0].saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    let second = start("second", &[user(7)], log.clone(), &settings, &planes[1]);
    submit(&log, user(7), 1, &PAUSE).await;
    reached(&log, user(7), 1, Stage::Effective).await;
    sleep(Duration::from_mins(1)).await;
    assert!(planes[1].events().is_empty(), "{:?}", planes[1].events());
    assert_eq!(first.status().borrow().leading.get(&user(7)), Some(&Leading::Running));
    assert_eq!(second.status().borrow().standing_by, 1);
    // One that goes away without a word is followed when its lease has ended.
    drop(first);
    let gone = Instant::now();
    planes[1].saw(&PlaneEvent::Reached(user(7), Phase::Stopped)).await;
    assert!(gone.elapsed() < Duration::from_secs(15), "took {:?}", gone.elapsed());
    let lease = &log.acquire(&[user(7)], &holder("second"), Duration::from_secs(1)).await.unwrap()[0];
    assert_eq!(lease.epoch, Epoch::new(2).unwrap());
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_stops_hands_over() {
    let (log, settings) = (log(), settings());
    let planes = [FakePlane::new(), FakePlane::new()];
    let first = start("first", &[user(7)], log.clone(), &settings, &planes[0]);
    planes[0].saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    let second = start("second", &[user(7)], log.clone(), &settings, &planes[1]);
    sleep(Duration::from_secs(1)).await;
    first.stop().await;
    let stopped = Instant::now();
    assert_eq!(planes[0].events().last(), Some(&PlaneEvent::Stopped(user(7))));
    planes[1].saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    assert!(stopped.elapsed() <= Duration::from_secs(3), "took {:?}", stopped.elapsed());
    second.stop().await;
}

/// The lease it was given while it was stopping is of use to nobody.
#[tokio::test(start_paused = true)]
async fn one_that_stops_gives_back_what_it_takes_in_that_moment() {
    let (log, plane) = (log(), FakePlane::new());
    let way = Way::slow(&log, Duration::from_secs(1));
    let executor = start("stopping", &[user(7)], way, &settings(), &plane);
    sleep(Duration::from_millis(100)).await;
    let held = log.acquire(&[user(7)], &holder("other"), Duration::from_secs(1)).await.unwrap();
    assert!(held.is_empty(), "nobody has asked for it yet: {held:?}");
    executor.stop().await;
    let heir = log.acquire(&[user(7)], &holder("other"), Duration::from_secs(1)).await.unwrap();
    assert_eq!(heir.len(), 1, "the lease is held by one that has stopped");
    assert!(plane.events().is_empty(), "{:?}", plane.events());
}

/// One that cannot reach the log any more stops its data plane before another process may lead.
#[tokio::test(start_paused = true)]
async fn w11_one_that_is_cut_off_stops_in_time() {
    let (log, settings) = (log(), settings());
    let planes = [FakePlane::new(), FakePlane::new()];
    let way = Way::to(&log);
    let first = start("first", &[user(7)], way.clone(), &settings, &planes[0]);
    planes[0].saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    let second = start("second", &[user(7)], log.clone(), &settings, &planes[1]);
    way.cut(true);
    let cut = Instant::now();
    planes[0].saw(&PlaneEvent::Stopped(user(7))).await;
    assert!(planes[1].events().is_empty(), "two at once: {:?}", planes[1].events());
    planes[1].saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    assert!(cut.elapsed() < Duration::from_secs(15), "took {:?}", cut.elapsed());
    // Back again, it stands by.
    way.cut(false);
    submit(&log, user(7), 1, &PAUSE).await;
    reached(&log, user(7), 1, Stage::Effective).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(planes[0].events().last(), Some(&PlaneEvent::Stopped(user(7))));
    assert_eq!(first.status().borrow().standing_by, 1);
    first.stop().await;
    second.stop().await;
}

/// Alone, one that was cut off goes on where it was.
#[tokio::test(start_paused = true)]
async fn it_lives_through_a_log_that_is_away() {
    let (log, plane) = (log(), FakePlane::new());
    let way = Way::to(&log);
    way.cut(true);
    let executor = start("a", &[user(7)], way.clone(), &settings(), &plane);
    sleep(Duration::from_mins(1)).await;
    assert!(executor.status().borrow().trouble.is_some());
    for number in 1..=3 {
        way.cut(false);
        submit(&log, user(7), number, &PAUSE).await;
        reached(&log, user(7), number, Stage::Effective).await;
        way.cut(true);
        sleep(Duration::from_mins(number)).await;
    }
    way.cut(false);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(executor.status().borrow().trouble, None);
    executor.stop().await;
}

#[tokio::test(start_paused = true)]
async fn users_are_shared_out_and_each_is_led_once() {
    let (log, settings) = (log(), settings());
    let planes = [FakePlane::new(), FakePlane::new()];
    let users: Vec<_> = (1..=200).map(user).collect();
    let first = start("first", &users[..100], log.clone(), &settings, &planes[0]);
    planes[0].saw(&PlaneEvent::Reached(user(100), Phase::Running)).await;
    let second = start("second", &users, log.clone(), &settings, &planes[1]);
    planes[1].saw(&PlaneEvent::Reached(user(200), Phase::Running)).await;
    sleep(Duration::from_secs(10)).await;
    for (number, plane) in [(50, &planes[0]), (150, &planes[1])] {
        submit(&log, user(number), 1, &PAUSE).await;
        reached(&log, user(number), 1, Stage::Effective).await;
        plane.saw(&PlaneEvent::Reached(user(number), Phase::Stopped)).await;
    }
    assert_eq!(second.status().borrow().leading.len(), 100);
    assert!(log.record(user(150), super::support::id(2)).await.unwrap().is_none());
    first.stop().await;
    second.stop().await;
}
