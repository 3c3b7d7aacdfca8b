use std::time::Duration;

use super::{
    CommandLogFixture,
    fixture::decision,
    material::{SHORT, add_symbol, holder, id, pause, resume, short_lived, user},
    submitting::all,
};
use crate::{
    control::{CommandQuery, CommandRecord, Decision, Effect, Expiry, Lease, Next, OutcomeCode, Submission, Verdict},
    ids::CommandId,
};

/// Time is counted from the moment a command is recorded, by the store's clock, for as long as its sender or the policy
/// says.
pub async fn time_is_counted_by_the_stores_clock(fixture: CommandLogFixture) {
    let default = i64::try_from(fixture.policy.not_after.as_millis()).expect("policies of the suite are short");
    let expected = [
        (pause(id(1)), None),
        (resume(id(2)), Some(default)),
        (resume(id(3)).with_expiry(Expiry::Never), None),
        (pause(id(4)).with_expiry(Expiry::After(Duration::from_millis(12_345))), Some(12_345)),
    ];
    let before = fixture.now().await;
    for (sent, expected) in expected {
        let record = fixture.submit(1, &sent).await;
        let time = record.not_after.map(|not_after| not_after.millis_since(record.submitted_at));
        assert_eq!(time, expected, "how many ms {} {} may wait", sent.kind(), sent.id());
        assert!(record.submitted_at >= before, "{} was recorded before it was sent", sent.kind());
    }
    fixture.pass_time(SHORT).await;
    let later = fixture.submit(1, &pause(id(9))).await.submitted_at;
    let passed = later.millis_since(before);
    assert!(passed >= 250, "{SHORT:?} have passed, {passed} ms by when commands were recorded");
}

/// A command past its time is never shown as waiting: whoever looks at it ends it as expired.
pub async fn an_overdue_command_is_never_shown_as_waiting(fixture: CommandLogFixture) {
    // Each user's log is looked at in another way.
    for of in 1..=6 {
        fixture.submit(of, &short_lived(resume(id(1)))).await;
    }
    let last = fixture.recorded_time_of(6).await;
    fixture.pass_until_after(last).await;
    let lease = fixture.acquire(6, &holder("a")).await;
    let looks = [
        ("record", fixture.recorded(1, id(1)).await.record),
        ("history", fixture.history(2, CommandQuery::newest(10)).await.remove(0).record),
        ("cancel", fixture.cancel(3, id(1)).await),
        ("submit again", fixture.submit(4, &short_lived(resume(id(1)))).await),
    ];
    for (look, record) in looks {
        expect_expired(&record, look);
    }
    // It takes no room, either.
    fixture.fill(5, 100).await;
    assert_eq!(fixture.try_next(&lease).await, None, "next, when the only command is overdue");
    for of in 1..=6 {
        let status = fixture.recorded(of, id(1)).await;
        expect_expired(&status.record, "record");
        assert_eq!(status.effect, Effect::None);
    }
    let waiting = fixture.ok("waiting", fixture.inbox.waiting(&[user(6)])).await;
    assert_eq!(waiting, [], "who waits, once the only command has expired");
}

/// A command past its time is never applied; the final state is that of a run without it.
pub async fn case_10_an_overdue_command_is_never_applied(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let next = fixture.begin_in_time(&lease, 1, pause).await;
    fixture.pass_until_after(next.record.not_after.expect("it does not wait for ever")).await;
    let answer = fixture.decide(&lease, next.record.seq, decision(&next)).await;
    expect_expired(&answer, "a decision to apply that comes too late");
    assert_eq!(fixture.recorded(1, next.record.id).await.record, answer);
    let (desired, _) = fixture.states(&lease).await;
    assert_eq!(desired, next.desired, "the desired state after a command that has expired");
    fixture.submit(1, &resume(id(500))).await;
    assert_eq!(fixture.decide_next(&lease).await.outcome.map(|outcome| outcome.changed), Some(false));
    // To refuse it is still possible: that is what its sender would learn anyway.
    let next = fixture.begin_in_time(&lease, 600, resume).await;
    fixture.pass_until_after(next.record.not_after.expect("it does not wait for ever")).await;
    let refusal = Decision::refusal(Verdict::Expired, OutcomeCode::EXPIRED, "late".to_owned());
    expect_expired(&fixture.decide(&lease, next.record.seq, refusal).await, "a decision that it is too late");
}

/// A change of the settings that was begun in time and saved is applied, and nobody else ends it.
pub async fn a_change_of_the_settings_that_was_saved_in_time_is_applied(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let next = fixture.begin_in_time(&lease, 1, add_symbol).await;
    let (seq, claimed) = (next.record.seq, next.record.id);
    fixture.pass_until_after(next.record.not_after.expect("it does not wait for ever")).await;
    // Neither a look nor giving the attempt back ends it.
    for round in 0..2 {
        assert_eq!(fixture.recorded(1, claimed).await.record.outcome, None, "record, round {round}");
        assert!(all(&fixture, 1).await[0].is_open(), "history, round {round}");
        assert!(fixture.cancel(1, claimed).await.is_open(), "cancel, round {round}");
        assert!(fixture.submit(1, &short_lived(add_symbol(claimed))).await.is_open(), "submit again, round {round}");
        fixture.postpone(&lease, seq).await;
    }
    let again = fixture.next(&lease).await;
    assert_eq!(again.record.id, claimed, "the command that waits");
    let answer = fixture.decide(&lease, seq, Decision { is_done: true, ..decision(&next) }).await;
    let outcome = answer.outcome.as_ref().unwrap_or_else(|| panic!("decided, and undecided: {answer:?}"));
    assert_eq!((outcome.verdict, outcome.changed), (Verdict::Applied, true));
    assert!(answer.not_after.is_some_and(|not_after| outcome.decided_at > not_after), "decided late: {answer:?}");
    assert_eq!(fixture.states(&lease).await.0.generation, outcome.generation);
    assert_eq!(fixture.recorded(1, claimed).await.record, answer);
}

/// A change of the settings that was begun in time and not saved expires like any other command.
pub async fn a_change_of_the_settings_that_was_not_saved_in_time_expires(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let next = fixture.begin_in_time(&lease, 1, add_symbol).await;
    fixture.pass_until_after(next.record.not_after.expect("it does not wait for ever")).await;
    let answer = fixture.decide(&lease, next.record.seq, Decision { is_done: false, ..decision(&next) }).await;
    expect_expired(&answer, "a decision to apply without being done");
    assert_eq!(fixture.states(&lease).await.0, next.desired);
    // One that was never begun is ended by whoever looks.
    let sent = fixture.submit(1, &short_lived(add_symbol(id(500)))).await;
    fixture.pass_until_after(sent.not_after.expect("it does not wait for ever")).await;
    expect_expired(&fixture.recorded(1, id(500)).await.record, "record");
}

pub(super) fn expect_expired(record: &CommandRecord, look: &str) {
    let Some(outcome) = &record.outcome else { panic!("{look}: an overdue command is undecided: {record:?}") };
    assert_eq!((outcome.verdict, &outcome.code), (Verdict::Expired, &OutcomeCode::EXPIRED), "{look}");
    assert!(!outcome.changed, "{look}: {outcome:?}");
    assert!(record.not_after.is_some_and(|not_after| outcome.decided_at > not_after), "{look}: {record:?}");
}

impl CommandLogFixture {
    /// Submits a command with little time, and begins to decide it before that is over. A machine that is too slow for
    /// that is given more time.
    pub(super) async fn begin_in_time(&self, lease: &Lease, from: u64, make: fn(CommandId) -> Submission) -> Next {
        let mut time = SHORT;
        for number in from..from + 8 {
            let sent = make(id(number)).with_expiry(Expiry::After(time));
            self.submit(lease.user.get(), &sent).await;
            match self.try_next(lease).await {
                Some(next) => return next,
                None => time *= 2,
            }
        }
        panic!("no command could be begun within {time:?}");
    }

    async fn recorded_time_of(&self, of: u64) -> crate::ids::Timestamp {
        let record = self.recorded(of, id(1)).await.record;
        record.not_after.expect("it does not wait for ever")
    }
}
