use std::{sync::Arc, time::Duration};

use tokio::{task::JoinHandle, time::Instant};

use super::{
    CommandLogFixture,
    material::{backfill, generation, holder, id, observed, pause, resume, submission, user},
};
use crate::{
    control::{
        Command, CommandBus, CommandStatus, ControlError, Effect, JobReport, JobState, Observed, Stage, Verdict, Waited,
    },
    settings::Mode,
};

/// A wait that is short, and real for some logs.
const MOMENT: Duration = Duration::from_millis(150);
/// Longer than anything takes that does not wait for this.
const LONG: Duration = Duration::from_secs(30);

/// `wait` returns at once when the stage is reached.
pub async fn wait_returns_what_is_reached_already(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    let decided = fixture.decide_next(&lease).await;
    // Even a sender without time is told what is there.
    for time in [Duration::ZERO, Duration::from_hours(1)] {
        if time.is_zero() {
            let waited = fixture.wait(1, 1, Stage::Decided, time).await;
            if let Waited::Pending { last: None, .. } = waited {
                continue; // no answer came in no time
            }
        }
        let status = fixture.reached(1, 1, Stage::Decided, time).await;
        assert_eq!((&status.record, &status.effect), (&decided, &Effect::Pending));
    }
}

/// `wait` returns as soon as the stage is reached: sooner than its own looks come.
pub async fn wait_returns_as_soon_as_the_stage_is_reached(fixture: CommandLogFixture) {
    told_soon(&fixture, |bus, number| {
        tokio::spawn(async move {
            bus.submit(user(1), &pause(id(number))).await?;
            bus.wait(user(1), id(number), Stage::Decided, LONG).await
        })
    })
    .await;
}

/// `submit_and_wait` records the command and returns as soon as the stage is reached, too.
pub async fn submit_and_wait_returns_as_soon_as_the_stage_is_reached(fixture: CommandLogFixture) {
    told_soon(&fixture, |bus, number| {
        tokio::spawn(async move {
            let sent = bus.submit_and_wait(user(1), &pause(id(number)), Stage::Decided, LONG).await?;
            assert!(sent.record.is_open(), "as it was recorded: {sent:?}");
            sent.waited
        })
    })
    .await;
}

/// `submit_and_wait` says what is recorded, and what is known of it at the deadline; what is refused is an error.
pub async fn submit_and_wait_says_what_is_recorded_and_what_came_of_it(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let send = async |time: Duration| {
        let pause = pause(id(1));
        fixture.ok("submit_and_wait", fixture.bus.submit_and_wait(user(1), &pause, Stage::Decided, time)).await
    };
    for time in [MOMENT, Duration::ZERO] {
        let sent = send(time).await;
        assert_eq!(sent.record, fixture.recorded(1, id(1)).await.record, "what is recorded");
        let Ok(Waited::Pending { last: Some(last), .. }) = &sent.waited else { panic!("undecided, and told {sent:?}") };
        assert_eq!((&last.record, &last.effect), (&sent.record, &Effect::None), "what was known last");
    }
    assert_eq!(fixture.bus.record(user(2), id(1)).await.ok(), Some(None), "a command of another user");
    let decided = fixture.decide_next(&lease).await;
    for time in [LONG, Duration::ZERO] {
        let sent = send(time).await;
        assert_eq!(sent.record, decided, "recorded before");
        let Ok(Waited::Reached(status)) = &sent.waited else { panic!("decided, and told {sent:?}") };
        assert_eq!(status.record, decided);
    }
    assert_eq!(fixture.inbox.next(&lease).await.ok(), Some(None), "recorded once");
    let another = resume(id(1));
    let sent = fixture.bus.submit_and_wait(user(1), &another, Stage::Decided, LONG);
    let sent = fixture.within("submit_and_wait", sent).await;
    assert!(matches!(sent, Err(ControlError::IdReused { .. })), "another command under a known id: {sent:?}");
}

/// Begins to wait for a command that is decided some time later, and sees that it is told soon.
async fn told_soon(
    fixture: &CommandLogFixture,
    begin: impl Fn(Arc<dyn CommandBus>, u64) -> JoinHandle<Result<Waited, ControlError>>,
) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let mut took = Vec::new();
    // One try is enough where nothing else runs.
    for number in 1..=5 {
        let waiting = begin(Arc::clone(&fixture.bus), number);
        let waiting = tokio::spawn(async move { (waiting.await, Instant::now()) });
        // By now the looks are most of a second apart.
        (fixture.pass)(Duration::from_millis(1_850)).await;
        fixture.decide_next(&lease).await;
        let decided = Instant::now();
        let waited = fixture.within("waiting", waiting).await;
        let Ok((Ok(Ok(Waited::Reached(status))), returned)) = waited else { panic!("waiting came to {waited:?}") };
        assert!(status.record.outcome.is_some(), "reached, and undecided: {status:?}");
        let late = returned.saturating_duration_since(decided);
        if late < Duration::from_millis(300) {
            return;
        }
        took.push(late);
    }
    panic!("it was told so long after the decision: {took:?}");
}

/// At the deadline `wait` returns with what is known by then: it never says that something has happened that has not.
pub async fn wait_is_pending_at_the_deadline(fixture: CommandLogFixture) {
    let record = fixture.submit(1, &pause(id(1))).await;
    for stage in [Stage::Decided, Stage::Effective] {
        let began = Instant::now();
        let last = fixture.pending(1, 1, stage, MOMENT).await;
        assert!(began.elapsed() >= MOMENT, "wait gave up after {:?} of {MOMENT:?}", began.elapsed());
        let last = last.unwrap_or_else(|| panic!("in {MOMENT:?} the command was not read once"));
        assert_eq!((last.record, last.effect), (record.clone(), Effect::None), "what was known last");
    }
    let lease = fixture.acquire(1, &holder("a")).await;
    let decided = fixture.decide_next(&lease).await;
    let last = fixture.pending(1, 1, Stage::Effective, MOMENT).await;
    assert_eq!(last.map(|last| (last.record, last.effect)), Some((decided, Effect::Pending)), "decided, not effective");
}

/// What became of a command that is not there cannot be learnt by waiting.
pub async fn wait_for_an_unknown_command_is_refused(fixture: CommandLogFixture) {
    fixture.submit(2, &pause(id(1))).await;
    let waited =
        fixture.within("wait", fixture.bus.wait(user(1), id(1), Stage::Decided, Duration::from_hours(1))).await;
    assert!(matches!(waited, Err(ControlError::NotFound { .. })), "a command of another user: {waited:?}");
}

/// A refused command is reached for both stages; so is one that has expired or was cancelled.
pub async fn a_refused_command_is_waited_for_in_vain_by_nobody(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let refused = submission(id(1), &Command::SwitchMode { mode: unimplemented_mode() });
    fixture.submit(1, &refused).await;
    fixture.decide_next(&lease).await;
    fixture.submit(1, &pause(id(2))).await;
    fixture.cancel(1, id(2)).await;
    fixture.submit(1, &super::material::short_lived(resume(id(3)))).await;
    for (number, verdict) in [(1, Verdict::Rejected), (2, Verdict::Cancelled), (3, Verdict::Expired)] {
        // Nobody decides the third: waiting alone ends it.
        for stage in [Stage::Decided, Stage::Effective] {
            let status = fixture.reached(1, number, stage, Duration::from_secs(20)).await;
            assert_eq!(status.record.outcome.map(|outcome| outcome.verdict), Some(verdict));
            assert_eq!(status.effect, Effect::None);
        }
    }
}

/// A command is effective only when its generation was observed under the current epoch, with nothing that holds the data
/// plane back.
pub async fn effective_is_told_only_of_what_the_current_runner_has_seen(fixture: CommandLogFixture) {
    let first = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.decide_next(&first).await;
    fixture.submit(1, &resume(id(2))).await;
    fixture.decide_next(&first).await;
    // `unchanged`: what it wants is there already, at the generation before it.
    fixture.submit(1, &resume(id(3))).await;
    fixture.decide_next(&first).await;
    let effects = async || {
        let mut effects = Vec::new();
        for number in 1..=3 {
            effects.push(fixture.recorded(1, id(number)).await.effect == Effect::Effective);
        }
        effects
    };
    assert_eq!(effects().await, [false, false, false], "before anything was observed");
    fixture.observe(&first, observed(&first, generation(0))).await;
    assert_eq!(effects().await, [false, false, false], "an older generation");
    fixture.observe(&first, observed(&first, generation(1))).await;
    assert_eq!(effects().await, [true, false, false], "the generation of the first command");
    fixture.observe(&first, observed(&first, generation(2))).await;
    fixture.observe(&first, Observed { held_back: true, ..observed(&first, generation(2)) }).await;
    assert_eq!(effects().await, [false, false, false], "a pause lies over it that the log does not know");
    fixture.observe(&first, observed(&first, generation(2))).await;
    assert_eq!(effects().await, [true, true, true], "the generation of all");
    fixture.reached(1, 2, Stage::Effective, Duration::from_secs(20)).await;
    fixture.release(&first).await;
    let second = fixture.acquire(1, &holder("b")).await;
    assert!(second.epoch > first.epoch, "{second:?} after {first:?}");
    assert_eq!(effects().await, [false, false, false], "nothing is known of the data plane of the new runner");
    fixture.pending(1, 2, Stage::Effective, MOMENT).await;
    fixture.observe(&second, observed(&second, generation(2))).await;
    assert_eq!(effects().await, [true, true, true], "observed by the new runner");
}

/// A command that asks for a job is effective when the job is done, however the data plane is; one whose job was given
/// up has failed, and a finished job stays finished.
pub async fn a_job_is_effective_when_it_is_done(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    for number in 1..=2 {
        fixture.submit(1, &backfill(id(number))).await;
        fixture.decide_next(&lease).await;
    }
    let report = async |first: Option<JobState>, second: Option<JobState>| {
        let jobs = [(1, first), (2, second)].into_iter();
        let jobs = jobs.filter_map(|(number, state)| state.map(|state| JobReport { id: id(number), state })).collect();
        fixture.observe(&lease, super::fixture::with_jobs(observed(&lease, generation(2)), jobs)).await;
        (fixture.recorded(1, id(1)).await.effect, fixture.recorded(1, id(2)).await.effect)
    };
    let running = || Some(JobState::Running { done: 1, total: 3 });
    let failed = || JobState::Failed { reason: "gone, 'quoted' \"twice\"".to_owned() };
    let gave_up = Effect::Failed { reason: "gone, 'quoted' \"twice\"".to_owned() };
    assert_eq!(report(None, None).await, (Effect::Pending, Effect::Pending), "seen, not begun");
    assert_eq!(report(running(), None).await, (Effect::Pending, Effect::Pending), "running");
    fixture.pending(1, 1, Stage::Effective, MOMENT).await;
    assert_eq!(report(Some(JobState::Done), running()).await, (Effect::Effective, Effect::Pending), "the first done");
    assert_eq!(report(running(), Some(failed())).await, (Effect::Effective, gave_up.clone()), "done stays done");
    assert_eq!(report(None, Some(JobState::Done)).await, (Effect::Effective, gave_up), "what has failed stays so");
    for number in 1..=2 {
        fixture.reached(1, number, Stage::Effective, Duration::from_secs(20)).await;
    }
    let next = fixture.acquire_after(&lease, "b").await;
    let (desired, last) = fixture.states(&next).await;
    assert_eq!((desired.generation, last.map(|last| last.generation)), (generation(2), Some(generation(2))));
    assert_eq!(fixture.recorded(1, id(1)).await.effect, Effect::Effective, "a done job is done under any runner");
}

impl CommandLogFixture {
    async fn wait(&self, of: u64, number: u64, stage: Stage, time: Duration) -> Waited {
        self.ok("wait", self.bus.wait(user(of), id(number), stage, time)).await
    }

    async fn reached(&self, of: u64, number: u64, stage: Stage, time: Duration) -> CommandStatus {
        match self.wait(of, number, stage, time).await {
            Waited::Reached(status) => status,
            pending @ Waited::Pending { .. } => panic!("{stage:?} was not reached in {time:?}: {pending:?}"),
        }
    }

    async fn pending(&self, of: u64, number: u64, stage: Stage, time: Duration) -> Option<CommandStatus> {
        match self.wait(of, number, stage, time).await {
            Waited::Pending { id: told, last } => {
                assert_eq!(told, id(number));
                last
            }
            Waited::Reached(status) => panic!("{stage:?} is told, and it has not happened: {status:?}"),
        }
    }
}

fn unimplemented_mode() -> Mode {
    Mode::ALL.into_iter().find(|mode| !mode.is_implemented()).unwrap_or(Mode::ALL[0])
}
