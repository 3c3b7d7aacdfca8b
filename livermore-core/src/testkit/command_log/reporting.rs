use super::{
    CommandLogFixture,
    fixture::with_jobs,
    material::{backfill, generation, holder, id, observed, pause, resume, user},
    submitting::all,
};
use crate::{
    control::{
        Body, CommandRecord, ControlError, Desired, Health, JobReport, JobState, Observed, Overview, Phase, Task,
    },
    ids::{Epoch, Revision, Timestamp},
};

/// `states` returns the desired state and what was observed last; `observe` replaces it.
pub async fn what_is_observed_is_replaced(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    assert_eq!(fixture.states(&lease).await, (Desired::default(), None), "the states of a new user");
    fixture.submit(1, &backfill(id(1))).await;
    fixture.decide_next(&lease).await;
    let desired = fixture.states(&lease).await.0;
    assert!(matches!(desired.jobs.first().map(|job| &job.task), Some(Task::Backfill(_))), "{desired:?}");
    let full = Observed {
        phase: Phase::Muted,
        settings_revision: Revision::new(9_007_199_254_740_991).expect("it is the last revision"),
        held_back: true,
        health: Health::Degraded { component: "exchange".to_owned(), cause: "a 'quoted' \"cause\", é €".to_owned() },
        jobs: vec![JobReport { id: id(1), state: JobState::Running { done: 7, total: 9 } }],
        at: Timestamp::from_millis(1_522_800_000_123).expect("times of the suite are valid"),
        ..observed(&lease, generation(1))
    };
    let plain = observed(&lease, generation(0));
    for report in [full, plain] {
        fixture.observe(&lease, report.clone()).await;
        assert_eq!(fixture.states(&lease).await, (desired.clone(), Some(report)));
    }
    // It is kept with the epoch of the lease, whatever the report says.
    let forged = Observed { epoch: Epoch::new(77).expect("it is small"), ..observed(&lease, generation(1)) };
    fixture.observe(&lease, forged).await;
    assert_eq!(fixture.states(&lease).await.1.map(|observed| observed.epoch), Some(lease.epoch));
    let other = fixture.acquire(2, &holder("a")).await;
    assert_eq!(fixture.states(&other).await, (Desired::default(), None), "the states of another user");
}

/// `overview` returns both states and who holds the lease; one that has ended is nobody's.
pub async fn an_overview_tells_what_is_wanted_what_is_and_who_runs_it(fixture: CommandLogFixture) {
    let empty = Overview { desired: Desired::default(), observed: None, runner: None };
    assert_eq!(fixture.overview(1).await, empty, "the overview of a new user");
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.decide_next(&lease).await;
    let report = observed(&lease, generation(0));
    fixture.observe(&lease, report.clone()).await;
    let overview = fixture.overview(1).await;
    assert_eq!((overview.desired.generation, &overview.observed), (generation(1), &Some(report)));
    assert!(!overview.is_converged(), "the runner has not reported the newest generation");
    let runner = overview.runner.expect("the lease was taken a moment ago");
    assert_eq!((&runner.holder, runner.epoch), (&lease.holder, lease.epoch));
    assert!((1..=60_000).contains(&runner.remaining.as_millis()), "{:?} of a minute", runner.remaining);
    let report = observed(&lease, generation(1));
    fixture.observe(&lease, report.clone()).await;
    assert!(fixture.overview(1).await.is_converged(), "{report:?}");
    assert_eq!(fixture.overview(2).await, empty, "the overview of another user");
    fixture.release(&lease).await;
    let overview = fixture.overview(1).await;
    assert_eq!((overview.observed.as_ref(), overview.runner.as_ref()), (Some(&report), None), "after the release");
    assert!(!overview.is_converged(), "nobody runs it");
}

/// `observe` ends the jobs it reports as finished; their commands keep that.
pub async fn a_finished_job_is_kept_with_its_command(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    for number in 1..=2 {
        fixture.submit(1, &backfill(id(number))).await;
        fixture.decide_next(&lease).await;
    }
    let failed = JobState::Failed { reason: "given up".to_owned() };
    let jobs = vec![
        JobReport { id: id(1), state: JobState::Done },
        JobReport { id: id(2), state: failed.clone() },
        // A job nobody asked for is no reason to fail.
        JobReport { id: id(9), state: JobState::Done },
    ];
    fixture.observe(&lease, with_jobs(observed(&lease, generation(2)), jobs)).await;
    fixture.observe(&lease, observed(&lease, generation(2))).await;
    assert_eq!(fixture.recorded(1, id(1)).await.record.job, Some(JobState::Done));
    assert_eq!(fixture.recorded(1, id(2)).await.record.job, Some(failed));
    assert_eq!(fixture.record(1, id(9)).await, None);
}

/// A generation later than the desired one means that the log has forgotten something: `observe`, `submit` and `next`
/// answer so until an operator's `rebase`.
pub async fn a_log_that_has_forgotten_takes_no_commands_until_rebased(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    let decided = fixture.decide_next(&lease).await;
    fixture.submit(1, &resume(id(2))).await;
    let rebased = fixture.ok("rebase", fixture.inbox.rebase(user(1))).await;
    assert_eq!(rebased, fixture.states(&lease).await.0, "rebasing where nothing is lost");
    let report = observed(&lease, generation(7));
    for round in 0..2 {
        let answers = [
            ("observe", fixture.within("observe", fixture.inbox.observe(&lease, report.clone())).await),
            ("submit", fixture.try_submit(1, &resume(id(3))).await.map(|_| ())),
            ("next", fixture.within("next", fixture.inbox.next(&lease)).await.map(|_| ())),
        ];
        for (call, answer) in answers {
            match answer {
                Err(ControlError::StoreRegressed { seen, found }) => {
                    assert_eq!((seen, found), (generation(7), generation(1)), "{call}, round {round}");
                }
                answer => panic!("{call} on a log that has forgotten answered {answer:?}"),
            }
        }
    }
    assert_eq!(fixture.record(1, id(3)).await, None, "a refused command is not recorded");
    assert_eq!(fixture.recorded(1, id(1)).await.record, decided, "what is known can be asked for");
    fixture.submit(2, &resume(id(3))).await;
    let rebased = fixture.ok("rebase", fixture.inbox.rebase(user(1))).await;
    assert!(rebased.generation > generation(7), "after {rebased:?} the runner's report is still ahead");
    assert_eq!((rebased.phase, rebased.jobs.len()), (Phase::Stopped, 0), "what the log says holds");
    assert_eq!(fixture.states(&lease).await.0, rebased);
    assert_eq!(fixture.ok("rebase", fixture.inbox.rebase(user(1))).await, rebased, "rebasing twice");
    fixture.submit(1, &pause(id(3))).await;
    let next = fixture.decide_next(&lease).await;
    let outcome = next.outcome.unwrap_or_else(|| panic!("decided, and undecided"));
    assert_eq!((next.id, Some(outcome.generation)), (id(2), rebased.generation.next()));
}

/// What is younger than the policy keeps is not forgotten, nor what is undecided.
pub async fn forget_keeps_what_is_young_or_undecided(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.decide_next(&lease).await;
    fixture.submit(1, &resume(id(2))).await;
    let before = (all(&fixture, 1).await, fixture.states(&lease).await);
    fixture.ok("forget", fixture.inbox.forget(&[user(1), user(2)])).await;
    fixture.ok("forget", fixture.inbox.forget(&[])).await;
    assert_eq!((all(&fixture, 1).await, fixture.states(&lease).await), before);
}

/// `forget` drops payloads older than the policy keeps, and leaves the rest of the record.
///
/// Asks for [the policy that forgets payloads](CommandLogFixture::payload_forgetting_policy).
pub async fn forget_drops_old_payloads(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let sent = backfill(id(1));
    fixture.submit(1, &sent).await;
    let decided = fixture.decide_next(&lease).await;
    let waits = fixture.submit(1, &pause(id(2))).await;
    fixture.pass_time(fixture.policy.keep).await;
    fixture.ok("forget", fixture.inbox.forget(&[user(1)])).await;
    let empty = CommandRecord { body: Body::from_stored(String::new()), ..decided };
    assert_eq!(fixture.recorded(1, id(1)).await.record, empty, "the payload is dropped, and nothing else");
    assert_eq!(fixture.recorded(1, id(2)).await.record, waits, "what is undecided is kept whole, however old");
    assert_eq!(fixture.submit(1, &sent).await, empty, "the same command again");
    let reused = fixture.try_submit(1, &pause(id(1))).await;
    assert!(matches!(reused, Err(ControlError::IdReused { .. })), "another command under its id: {reused:?}");
    fixture.ok("forget", fixture.inbox.forget(&[user(1)])).await;
    assert_eq!(all(&fixture, 1).await, [waits, empty], "after forgetting twice");
}

/// `forget` drops outcomes older than the policy keeps. Numbers are not used again, and the desired state stays.
///
/// Asks for [the policy that forgets outcomes](CommandLogFixture::outcome_forgetting_policy).
pub async fn forget_drops_old_outcomes(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.decide_next(&lease).await;
    let waits = fixture.submit(1, &pause(id(2))).await;
    fixture.submit(1, &backfill(id(3))).await;
    fixture.cancel(1, id(3)).await;
    let states = fixture.states(&lease).await;
    fixture.pass_time(fixture.policy.keep_outcome).await;
    fixture.ok("forget", fixture.inbox.forget(&[user(1)])).await;
    assert_eq!(all(&fixture, 1).await, [waits], "what is left: the undecided one");
    assert_eq!(fixture.record(1, id(1)).await, None);
    assert_eq!(fixture.states(&lease).await, states, "the desired state");
    assert_eq!(fixture.submit(1, &resume(id(4))).await.seq.get(), 4, "no number is used again");
}
