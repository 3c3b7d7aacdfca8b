//! Pauses that hold before the log knows them.

use std::{sync::Arc, time::Duration};

use livermore_core::{
    control::{
        Command, CommandBus, CommandInbox, CommandQuery, Effect, EmbeddedCommandLog, Executor, Outcome, OutcomeCode,
        PauseLevel, PauseRefused, Phase, Recording, Stage, Verdict, VolatilePause,
    },
    settings::Actor,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::support::{FakePlane, PlaneEvent, Way, id, log, reached, settings, start, submit, user};

/// The log and both ways to it, each of which can be cut.
struct Scene {
    log: EmbeddedCommandLog,
    inbox: Way,
    bus: Way,
    plane: Arc<FakePlane>,
    executor: Executor,
}

impl Scene {
    /// A monitor that runs.
    async fn running() -> Self {
        let (log, plane) = (log(), FakePlane::new());
        let (inbox, bus) = (Way::to(&log), Way::to(&log));
        let executor = start("a", &[user(7)], inbox.clone(), &settings(), &plane);
        plane.saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
        Self { log, inbox, bus, plane, executor }
    }

    fn cut(&self, cut: bool) {
        self.inbox.cut(cut);
        self.bus.cut(cut);
    }

    async fn pause(&self, number: u64, level: PauseLevel) -> watch::Receiver<Recording> {
        pause(&self.executor, &self.bus, number, level).await.unwrap()
    }

    /// What has happened since there were so many events.
    fn since(&self, before: usize) -> Vec<PlaneEvent> {
        self.plane.events().split_off(before)
    }

    async fn recorded(&self) -> usize {
        self.log.history(user(7), CommandQuery::newest(100)).await.unwrap().len()
    }
}

async fn pause(
    executor: &Executor,
    bus: &Way,
    number: u64,
    level: PauseLevel,
) -> Result<watch::Receiver<Recording>, PauseRefused> {
    let sender = Actor::new("test").unwrap();
    executor.pause_volatile(VolatilePause { user: user(7), id: id(number), level, sender }, Arc::new(bus.clone())).await
}

async fn decided(recording: &mut watch::Receiver<Recording>) -> Outcome {
    let decided = recording.wait_for(|recording| matches!(recording, Recording::Decided(_)));
    let Recording::Decided(outcome) = timeout(Duration::from_mins(2), decided).await.unwrap().unwrap().clone() else {
        unreachable!("it was waited for")
    };
    outcome
}

async fn lifted(executor: &Executor) {
    let mut status = executor.status();
    let lifted = status.wait_for(|status| status.volatile.is_empty());
    timeout(Duration::from_mins(2), lifted).await.unwrap().unwrap();
}

/// Whether the plane was told to run.
fn runs(events: &[PlaneEvent]) -> bool {
    events.contains(&PlaneEvent::Begun(user(7), Phase::Running))
}

/// The store is away for a moment, or for longer than a lease lasts: the pause holds at once, nothing runs for a moment
/// when the store is back, and the pause is one command in the log.
#[tokio::test(start_paused = true)]
async fn w14_a_pause_during_an_outage_holds_and_is_recorded_once() {
    for away in [Duration::from_secs(4), Duration::from_mins(10)] {
        let scene = Scene::running().await;
        let before = scene.plane.events().len();
        scene.cut(true);
        sleep(Duration::from_millis(100)).await;
        let asked = Instant::now();
        let mut recording = scene.pause(1, PauseLevel::Stop).await;
        scene.plane.saw(&PlaneEvent::Reached(user(7), Phase::Stopped)).await;
        assert!(asked.elapsed() < Duration::from_millis(100), "took {:?}", asked.elapsed());
        sleep(away).await;
        assert_eq!(*recording.borrow(), Recording::Volatile);
        assert_eq!(scene.executor.status().borrow().volatile.get(&user(7)), Some(&Phase::Stopped));

        scene.cut(false);
        let back = Instant::now();
        let outcome = decided(&mut recording).await;
        assert!(back.elapsed() < Duration::from_secs(15), "took {:?}", back.elapsed());
        assert_eq!(
            (outcome.verdict, outcome.code, outcome.generation.get()),
            (Verdict::Applied, OutcomeCode::CHANGED, 1)
        );
        reached(&scene.log, user(7), 1, Stage::Effective).await;
        lifted(&scene.executor).await;
        sleep(Duration::from_mins(1)).await;
        assert_eq!(scene.recorded().await, 1);
        let since = scene.since(before);
        assert!(!runs(&since), "away for {away:?}: {since:?}");
        // It is a pause like any other now.
        submit(&scene.log, user(7), 2, &Command::Resume).await;
        reached(&scene.log, user(7), 2, Stage::Effective).await;
        assert_eq!(scene.plane.events().last(), Some(&PlaneEvent::Reached(user(7), Phase::Running)));
        scene.executor.stop().await;
    }
}

/// It also holds when it is laid while nobody leads, and when the plane has to be made anew several times.
#[tokio::test(start_paused = true)]
async fn w14_a_pause_holds_from_the_first_moment_of_a_lease() {
    let scene = Scene::running().await;
    scene.cut(true);
    sleep(Duration::from_mins(1)).await;
    let before = scene.plane.events().len();
    let mut recording = scene.pause(1, PauseLevel::Mute).await;
    for _ in 0..3 {
        // Leases are taken again, and the log refuses what is sent.
        scene.inbox.cut(false);
        sleep(Duration::from_secs(20)).await;
        scene.inbox.cut(true);
        sleep(Duration::from_secs(20)).await;
    }
    let turn = [
        PlaneEvent::Begun(user(7), Phase::Muted),
        PlaneEvent::Reached(user(7), Phase::Muted),
        PlaneEvent::Stopped(user(7)),
    ];
    assert_eq!(scene.since(before), [turn.clone(), turn.clone(), turn].concat());
    scene.cut(false);
    assert_eq!(decided(&mut recording).await.verdict, Verdict::Applied);
    sleep(Duration::from_secs(5)).await;
    assert!(!runs(&scene.since(before)), "{:?}", scene.since(before));
    scene.executor.stop().await;
}

/// Answers are lost: it is sent again under the same id, and recorded once.
#[tokio::test(start_paused = true)]
async fn w14_lost_answers_do_not_record_it_twice() {
    let scene = Scene::running().await;
    scene.bus.lose_answers(true);
    let mut recording = scene.pause(1, PauseLevel::Stop).await;
    reached(&scene.log, user(7), 1, Stage::Decided).await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(*recording.borrow(), Recording::Volatile, "more is told than is known");
    scene.bus.lose_answers(false);
    assert_eq!(decided(&mut recording).await.verdict, Verdict::Applied);
    assert_eq!(scene.recorded().await, 1);
    lifted(&scene.executor).await;
    scene.executor.stop().await;
}

/// The monitor decides, and only the recording does not get through: what is decided meanwhile is not told as effective.
#[tokio::test(start_paused = true)]
async fn w14_nothing_is_effective_while_it_holds() {
    let scene = Scene::running().await;
    scene.bus.cut(true);
    let mut recording = scene.pause(1, PauseLevel::Hold).await;
    scene.plane.saw(&PlaneEvent::Reached(user(7), Phase::Held)).await;
    submit(&scene.log, user(7), 2, &Command::Resume).await;
    let status = reached(&scene.log, user(7), 2, Stage::Decided).await;
    // What is desired has not changed, so that its generation was reached before.
    assert_eq!(status.record.outcome.map(|outcome| (outcome.changed, outcome.generation.get())), Some((false, 0)));
    for _ in 0..30 {
        sleep(Duration::from_secs(1)).await;
        let status = scene.log.record(user(7), id(2)).await.unwrap().unwrap();
        assert_eq!(status.effect, Effect::Pending);
    }
    let overview = scene.log.overview(user(7)).await.unwrap();
    let observed = overview.observed.clone().unwrap();
    assert_eq!((observed.phase, observed.held_back, observed.generation.get()), (Phase::Held, true, 0));
    assert!(!overview.is_converged(), "{overview:?}");

    // In the log it comes after the resume, and so it holds.
    scene.bus.cut(false);
    assert_eq!(decided(&mut recording).await.verdict, Verdict::Applied);
    reached(&scene.log, user(7), 1, Stage::Effective).await;
    let observed = scene.log.overview(user(7)).await.unwrap().observed.unwrap();
    assert_eq!((observed.phase, observed.held_back, observed.generation.get()), (Phase::Held, false, 1));
    scene.executor.stop().await;
}

/// A pause that the log ends in another way holds no longer.
#[tokio::test(start_paused = true)]
async fn w14_a_pause_that_is_taken_back_is_lifted() {
    let scene = Scene::running().await;
    scene.inbox.cut(true);
    let mut recording = scene.pause(1, PauseLevel::Stop).await;
    scene.plane.saw(&PlaneEvent::Reached(user(7), Phase::Stopped)).await;
    let undecided = recording.wait_for(|recording| matches!(recording, Recording::Undecided { .. })).await.is_ok();
    assert!(undecided);
    scene.log.cancel(user(7), id(1)).await.unwrap();
    assert_eq!(decided(&mut recording).await.verdict, Verdict::Cancelled);
    scene.inbox.cut(false);
    lifted(&scene.executor).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(scene.plane.events().last(), Some(&PlaneEvent::Reached(user(7), Phase::Running)));
    scene.executor.stop().await;
}

/// A process that stands by and cannot reach the senders' end takes over paused; the log knows the pause of the other.
#[tokio::test(start_paused = true)]
async fn w14_a_standby_takes_over_paused() {
    let scene = Scene::running().await;
    let (plane, bus) = (FakePlane::new(), Way::to(&scene.log));
    let standby = start("b", &[user(7)], scene.log.clone(), &settings(), &plane);
    sleep(Duration::from_secs(5)).await;
    bus.cut(true);
    let mut recording = pause(&standby, &bus, 1, PauseLevel::Stop).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    // It says what it knows: the other process goes on.
    assert_eq!((recording.borrow().clone(), plane.events()), (Recording::Volatile, Vec::new()));
    assert_eq!(scene.plane.events().last(), Some(&PlaneEvent::Reached(user(7), Phase::Running)));
    scene.executor.stop().await;
    plane.saw(&PlaneEvent::Reached(user(7), Phase::Stopped)).await;
    bus.cut(false);
    decided(&mut recording).await;
    sleep(Duration::from_secs(5)).await;
    assert!(!runs(&plane.events()), "{:?}", plane.events());
    standby.stop().await;
}

/// With the process it is forgotten.
#[tokio::test(start_paused = true)]
async fn w14_the_next_process_does_not_know_it() {
    let scene = Scene::running().await;
    scene.bus.cut(true);
    let recording = scene.pause(1, PauseLevel::Stop).await;
    scene.plane.saw(&PlaneEvent::Reached(user(7), Phase::Stopped)).await;
    drop(scene.executor);
    scene.bus.cut(false);
    let plane = FakePlane::new();
    let next = start("b", &[user(7)], scene.log.clone(), &settings(), &plane);
    plane.saw(&PlaneEvent::Reached(user(7), Phase::Running)).await;
    sleep(Duration::from_mins(2)).await;
    assert!(scene.log.history(user(7), CommandQuery::newest(100)).await.unwrap().is_empty());
    assert_eq!(*recording.borrow(), Recording::Volatile);
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn pauses_that_cannot_be_laid_are_refused() {
    let scene = Scene::running().await;
    let sender = Actor::new("test").unwrap();
    let strange = VolatilePause { user: user(8), id: id(1), level: PauseLevel::Stop, sender };
    let refused = scene.executor.pause_volatile(strange, Arc::new(scene.bus.clone())).await;
    assert_eq!(refused.err(), Some(PauseRefused::NotRun { user: user(8) }));
    scene.bus.cut(true);
    for number in 1..=16 {
        scene.pause(number, PauseLevel::Mute).await;
    }
    let refused = pause(&scene.executor, &scene.bus, 17, PauseLevel::Stop).await;
    assert_eq!(refused.err(), Some(PauseRefused::TooMany { user: user(7), most: 16 }));
    assert_eq!(scene.executor.status().borrow().volatile.get(&user(7)), Some(&Phase::Muted));
    // All of them get there.
    scene.bus.cut(false);
    lifted(&scene.executor).await;
    assert_eq!(scene.recorded().await, 16);
    let lease = scene.log.acquire(&[user(7)], &super::support::holder("a"), Duration::from_secs(10)).await.unwrap();
    assert_eq!(scene.log.states(&lease[0]).await.unwrap().0.phase, Phase::Muted);
    scene.executor.stop().await;
}
