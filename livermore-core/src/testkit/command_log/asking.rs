use tokio::task::JoinSet;

use super::{
    CommandLogFixture,
    fixture::decision,
    material::{add_symbol, holder, id, pause, resume, user},
    submitting::{all, seq},
};
use crate::control::{CommandQuery, ControlError, Decision, Outcome, OutcomeCode, Verdict};

/// `record` returns what is recorded of an id, none if nothing is.
pub async fn an_id_that_was_never_used_has_no_record(fixture: CommandLogFixture) {
    assert_eq!(fixture.record(1, id(1)).await, None);
    fixture.submit(1, &pause(id(1))).await;
    assert_eq!(fixture.record(1, id(2)).await, None);
    assert_eq!(fixture.history(2, CommandQuery::newest(10)).await, [], "the history of a user without commands");
}

/// A final outcome never changes.
pub async fn a_final_outcome_never_changes(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.submit(1, &add_symbol(id(2))).await;
    fixture.submit(1, &resume(id(3))).await;
    let applied = fixture.decide_next(&lease).await;
    let next = fixture.next(&lease).await;
    let detail = "a detail, with 'quotes', \"more\", two\nlines and €".to_owned();
    let code = OutcomeCode::from_stored("a_code_of_another_version".to_owned());
    let failed =
        fixture.decide(&lease, next.record.seq, Decision::refusal(Verdict::Failed, code, detail.clone())).await;
    let outcome = failed.outcome.clone().unwrap_or_else(|| panic!("decided, and undecided: {failed:?}"));
    assert_eq!(
        (outcome.verdict, outcome.detail.as_deref(), outcome.epoch),
        (Verdict::Failed, Some(&*detail), Some(lease.epoch))
    );
    let cancelled = fixture.cancel(1, id(3)).await;
    for record in [applied, failed, cancelled] {
        let (seq, id) = (record.seq, record.id);
        assert_eq!(fixture.cancel(1, id).await, record, "cancel");
        let other = Decision::refusal(Verdict::Rejected, OutcomeCode::INVALID, "another".to_owned());
        assert_eq!(fixture.decide(&lease, seq, other).await, record, "decide");
        fixture.postpone(&lease, seq).await;
        assert_eq!(fixture.try_next(&lease).await, None, "next");
        assert_eq!(fixture.recorded(1, id).await.record, record, "record");
    }
}

/// `history` returns commands newest first, at most `limit`, those before `before`.
pub async fn history_comes_newest_first_in_pages(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    for number in 1..=7 {
        fixture.submit(1, &pause(id(100 - number))).await;
        if number % 2 == 0 {
            fixture.decide_next(&lease).await;
        }
    }
    let page = |before: Option<u64>, limit| {
        let query = CommandQuery { before: before.map(seq), limit };
        let fixture = &fixture;
        async move {
            let commands = fixture.history(1, query).await;
            commands.into_iter().map(|status| status.record.seq.get()).collect::<Vec<_>>()
        }
    };
    assert_eq!(page(None, 3).await, [7, 6, 5]);
    assert_eq!(page(Some(5), 3).await, [4, 3, 2]);
    assert_eq!(page(Some(2), 3).await, [1]);
    assert_eq!(page(Some(1), 3).await, [0_u64; 0]);
    assert_eq!(page(Some(0), 3).await, [0_u64; 0]);
    assert_eq!(page(Some(8), 2).await, [7, 6], "before a command that is still to come");
    assert_eq!(page(Some(9_007_199_254_740_991), 1).await, [7]);
    assert_eq!(page(None, 0).await, [0_u64; 0]);
    assert_eq!(page(None, 1_000).await, [7, 6, 5, 4, 3, 2, 1]);
    for status in fixture.history(1, CommandQuery::newest(1_000)).await {
        assert_eq!(fixture.recorded(1, status.record.id).await, status, "history and record agree");
    }
}

/// `cancel` ends an undecided command and returns the record: what stands there is what holds.
pub async fn cancel_ends_an_undecided_command(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    // Begun or not: a command that does not change the settings has done nothing before it is decided.
    for (number, begun) in [(1, false), (2, true)] {
        fixture.submit(1, &pause(id(number))).await;
        let next = if begun { Some(fixture.next(&lease).await) } else { None };
        let record = fixture.cancel(1, id(number)).await;
        let outcome = record.outcome.as_ref().unwrap_or_else(|| panic!("cancelled, and undecided: {record:?}"));
        let Outcome { verdict, code, changed, epoch, .. } = outcome;
        assert_eq!((*verdict, code, *changed, *epoch), (Verdict::Cancelled, &OutcomeCode::CANCELLED, false, None));
        assert_eq!(fixture.recorded(1, id(number)).await.record, record);
        if let Some(next) = next {
            let late = fixture.decide(&lease, next.record.seq, decision(&next)).await;
            assert_eq!(late, record, "a decision after the cancellation");
        }
        assert_eq!(fixture.try_next(&lease).await, None, "a cancelled command is not decided");
        assert_eq!(fixture.states(&lease).await.0.generation.get(), 0, "a cancelled command changes nothing");
    }
}

/// What was decided before stands; a change of the settings that its runner has begun stays undecided.
pub async fn cancel_leaves_what_was_decided_or_begun(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    let applied = fixture.decide_next(&lease).await;
    assert_eq!(fixture.cancel(1, id(1)).await, applied, "cancelling what was applied");
    fixture.submit(1, &add_symbol(id(2))).await;
    let next = fixture.next(&lease).await;
    assert_eq!(fixture.cancel(1, id(2)).await, next.record, "cancelling what its runner has begun to save");
    fixture.postpone(&lease, next.record.seq).await;
    assert!(fixture.cancel(1, id(2)).await.is_open(), "it may have been saved, although it was put off");
    let decided = fixture.decide_next(&lease).await;
    assert_eq!(decided.outcome.map(|outcome| outcome.verdict), Some(Verdict::Applied));
    // One that is not begun is like any other.
    fixture.submit(1, &add_symbol(id(3))).await;
    assert_eq!(fixture.cancel(1, id(3)).await.outcome.map(|outcome| outcome.verdict), Some(Verdict::Cancelled));
}

/// There is nothing to cancel under an id that was never used.
pub async fn cancel_of_an_unknown_command_is_refused(fixture: CommandLogFixture) {
    fixture.submit(1, &pause(id(1))).await;
    match fixture.within("cancel", fixture.bus.cancel(user(1), id(2))).await {
        Err(ControlError::NotFound { id: told }) => assert_eq!(told, id(2)),
        answer => panic!("cancelling an unknown command answered {answer:?}"),
    }
    assert_eq!(fixture.record(1, id(2)).await, None, "a refused cancellation leaves nothing");
    assert!(all(&fixture, 1).await[0].is_open(), "another command was cancelled");
}

/// Of a cancellation and a decision at the same time one wins, and both are told which.
pub async fn of_a_cancellation_and_a_decision_one_wins(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let mut generation = 0;
    for number in 1..=20 {
        let sent = if number % 2 == 0 { resume(id(number)) } else { pause(id(number)) };
        fixture.submit(1, &sent).await;
        let next = fixture.next(&lease).await;
        let (bus, inbox, seq, lease_of) = (fixture.bus.clone(), fixture.inbox.clone(), next.record.seq, lease.clone());
        let mut racers = JoinSet::new();
        racers.spawn(async move { bus.cancel(user(1), id(number)).await });
        racers.spawn(async move { inbox.decide(&lease_of, seq, decision(&next)).await });
        let answers = fixture.within("the race", racers.join_all()).await;
        let recorded = fixture.recorded(1, id(number)).await.record;
        for answer in answers {
            let answer = answer.unwrap_or_else(|error| panic!("one of the two failed in round {number}: {error}"));
            assert_eq!(answer, recorded, "round {number}");
        }
        let outcome = recorded.outcome.unwrap_or_else(|| panic!("still undecided in round {number}"));
        generation += u64::from(outcome.verdict == Verdict::Applied && outcome.changed);
        assert_eq!(fixture.states(&lease).await.0.generation.get(), generation, "the desired state in round {number}");
    }
}
