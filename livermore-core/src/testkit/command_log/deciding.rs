use tokio::task::{JoinSet, yield_now};

use super::{
    CommandLogFixture,
    fixture::decision,
    material::{add_symbol, backfill, generation, holder, id, pause, resume, user},
    submitting::all,
};
use crate::{
    control::{CommandQuery, ControlError, Decision, Desired, OutcomeCode, Phase, Verdict},
    ids::UserId,
};

/// `waiting` tells which of these users have an undecided command.
pub async fn waiting_tells_who_has_an_undecided_command(fixture: CommandLogFixture) {
    let waiting = async |users: &[u64]| {
        let users: Vec<_> = users.iter().copied().map(user).collect();
        let mut waiting = fixture.ok("waiting", fixture.inbox.waiting(&users)).await;
        waiting.sort_unstable();
        waiting.into_iter().map(UserId::get).collect::<Vec<_>>()
    };
    assert_eq!(waiting(&[1, 2, 3]).await, [0_u64; 0]);
    fixture.submit(1, &pause(id(1))).await;
    fixture.submit(3, &pause(id(1))).await;
    fixture.submit(4, &pause(id(1))).await;
    assert_eq!(waiting(&[3, 2, 1]).await, [1, 3]);
    assert_eq!(waiting(&[]).await, [0_u64; 0]);
    let lease = fixture.acquire(1, &holder("a")).await;
    let next = fixture.next(&lease).await;
    assert_eq!(waiting(&[1]).await, [1], "while it is being decided");
    fixture.decide(&lease, next.record.seq, decision(&next)).await;
    fixture.cancel(3, id(1)).await;
    assert_eq!(waiting(&[1, 2, 3, 4]).await, [4]);
}

/// `next` returns the user's oldest undecided command, with everything its decision depends on.
pub async fn next_is_the_oldest_undecided_command(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    assert_eq!(fixture.try_next(&lease).await, None, "next of an empty log");
    // Ids that sort the other way round.
    for number in 1..=4 {
        fixture.submit(1, &pause(id(100 - number))).await;
    }
    fixture.cancel(1, id(98)).await;
    for seq in [1, 3, 4] {
        let next = fixture.next(&lease).await;
        let recorded = fixture.recorded(1, next.record.id).await.record;
        assert_eq!((next.record.seq.get(), &next.record), (seq, &recorded));
        assert_eq!(fixture.next(&lease).await.record.seq.get(), seq, "again, as long as it is undecided");
        let (desired, observed) = fixture.states(&lease).await;
        assert_eq!((&next.desired, &next.observed), (&desired, &observed), "the states that come with {seq}");
        assert!(next.now >= next.record.submitted_at, "now is before {next:?}");
        fixture.decide(&lease, next.record.seq, decision(&next)).await;
    }
    assert_eq!(fixture.try_next(&lease).await, None);
}

/// `next` has counted the attempt before it returns; every handle sees it, and so does whoever comes after a crash.
pub async fn next_counts_the_attempt_before_it_returns(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    assert_eq!(fixture.recorded(1, id(1)).await.record.attempts, 0);
    for attempts in 1..=3 {
        assert_eq!(fixture.next(&lease).await.record.attempts, attempts);
        assert_eq!(fixture.recorded(1, id(1)).await.record.attempts, attempts, "as it is recorded");
    }
    // The runner dies and the next one tries.
    let second = fixture.acquire_after(&lease, "b").await;
    assert_eq!(fixture.next(&second).await.record.attempts, 4, "under another lease");
    if fixture.bus.capability().shared
        && let Some((bus, _)) = fixture.reopened().await
    {
        let seen = fixture.ok("record", bus.record(user(1), id(1))).await;
        assert_eq!(seen.map(|status| status.record.attempts), Some(4), "seen by another process");
    }
    assert_eq!(fixture.decide_next(&second).await.attempts, 5, "as it was decided");
}

/// `postpone` gives an attempt back.
pub async fn postpone_gives_the_attempt_back(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    for _ in 0..5 {
        let next = fixture.next(&lease).await;
        assert_eq!(next.record.attempts, 1);
        fixture.postpone(&lease, next.record.seq).await;
        assert_eq!(fixture.recorded(1, id(1)).await.record.attempts, 0);
    }
    // More cannot be given back than was taken.
    let next = fixture.next(&lease).await;
    fixture.next(&lease).await;
    fixture.postpone(&lease, next.record.seq).await;
    assert_eq!(fixture.recorded(1, id(1)).await.record.attempts, 1);
    fixture.postpone(&lease, next.record.seq).await;
    fixture.postpone(&lease, next.record.seq).await;
    assert_eq!(fixture.recorded(1, id(1)).await.record.attempts, 0);
    let decided = fixture.decide_next(&lease).await;
    fixture.postpone(&lease, decided.seq).await;
    assert_eq!(fixture.recorded(1, id(1)).await.record, decided, "a decided command has nothing to give back");
}

/// A command that may have changed the settings stays claimed.
pub async fn a_postponed_change_of_the_settings_stays_claimed(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &add_symbol(id(1))).await;
    let seq = fixture.next(&lease).await.record.seq;
    for attempts in 2..=4 {
        fixture.postpone(&lease, seq).await;
        let record = fixture.recorded(1, id(1)).await.record;
        assert!(record.is_claimed(), "postponed, and anybody may end it: {record:?}");
        assert_eq!(record.attempts, 1);
        fixture.postpone(&lease, seq).await;
        assert_eq!(fixture.recorded(1, id(1)).await.record.attempts, 1, "postponed twice");
        assert_eq!(fixture.next(&lease).await.record.attempts, 2, "before attempt {attempts}");
    }
}

/// `decide` writes outcome and desired state together.
pub async fn outcome_and_desired_state_are_written_together(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    let mut before = fixture.states(&lease).await.0;
    assert_eq!(before, Desired::default(), "the desired state of a new user");
    for (number, sent) in (1..).zip([pause(id(1)), add_symbol(id(2)), backfill(id(3)), pause(id(4)), resume(id(5))]) {
        fixture.submit(1, &sent).await;
        let next = fixture.next(&lease).await;
        let meant = decision(&next);
        let decided = fixture.decide(&lease, next.record.seq, meant.clone()).await;
        let outcome = decided.outcome.clone().unwrap_or_else(|| panic!("decided, and undecided: {decided:?}"));
        let after = fixture.states(&lease).await.0;
        assert_eq!(after, meant.desired.clone().unwrap_or(before), "the desired state after command {number}");
        assert_eq!((outcome.verdict, &outcome.code), (meant.verdict, &meant.code), "command {number}");
        assert_eq!((&outcome.detail, outcome.changed), (&meant.detail, meant.changed), "command {number}");
        assert_eq!((outcome.generation, outcome.epoch), (after.generation, Some(lease.epoch)), "command {number}");
        assert!(outcome.decided_at >= decided.submitted_at, "decided before it was recorded: {decided:?}");
        assert_eq!(fixture.recorded(1, sent.id()).await.record, decided, "command {number}");
        before = after;
    }
    assert_eq!((before.generation, before.phase, before.jobs.len()), (generation(4), Phase::Running, 1));
}

/// A command is decided once; the answer is what is recorded, be it this decision or an earlier one.
pub async fn a_command_is_decided_once(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    let next = fixture.next(&lease).await;
    let first = fixture.decide(&lease, next.record.seq, decision(&next)).await;
    let states = fixture.states(&lease).await;
    // The same once more, after a lost answer; another one; and one by a successor.
    let other = Decision::refusal(Verdict::Rejected, OutcomeCode::INVALID, "no".to_owned());
    for again in [decision(&next), other] {
        assert_eq!(fixture.decide(&lease, next.record.seq, again).await, first);
    }
    let successor = fixture.acquire_after(&lease, "b").await;
    assert_eq!(fixture.decide(&successor, next.record.seq, decision(&next)).await, first);
    assert_eq!(fixture.states(&successor).await, states, "the states after many decisions on one command");
}

/// A decision whose desired state is not the next generation was made on an old state: it is refused, and nothing has
/// changed.
pub async fn a_decision_on_an_old_desired_state_is_refused(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    let old = fixture.next(&lease).await;
    fixture.decide(&lease, old.record.seq, decision(&old)).await;
    fixture.submit(1, &resume(id(2))).await;
    let next = fixture.next(&lease).await;
    let before = fixture.states(&lease).await;
    let skipping = Desired { generation: generation(3), ..next.desired.clone() };
    for desired in [decision(&old).desired, Some(skipping)] {
        let stale = Decision { desired, ..decision(&next) };
        let answer = fixture.within("decide", fixture.inbox.decide(&lease, next.record.seq, stale)).await;
        assert!(answer.is_err(), "a decision on an old desired state answered {answer:?}");
        assert_eq!(fixture.states(&lease).await, before, "after a refused decision");
        assert!(fixture.recorded(1, id(2)).await.record.is_open(), "a refused decision has decided");
    }
    assert_eq!(fixture.decide_next(&lease).await.outcome.map(|outcome| outcome.generation), Some(generation(2)));
}

/// Many senders and one runner at once: every command is decided once, in the order of its number, and the desired state
/// steps by at most one generation with each.
pub async fn commands_of_many_senders_are_decided_in_order(fixture: CommandLogFixture) {
    const SENDERS: u64 = 8;
    const EACH: u64 = 6;
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let bus = fixture.bus.clone();
        senders.spawn(async move {
            for number in 0..EACH {
                let id = id(sender * 100 + number);
                let sent = if (sender + number) % 2 == 0 { pause(id) } else { resume(id) };
                loop {
                    match bus.submit(user(1), &sent).await {
                        Ok(record) => break assert_eq!(record.id, id),
                        Err(ControlError::Busy { .. }) => yield_now().await,
                        Err(error) => panic!("a submission was refused: {error}"),
                    }
                }
            }
        });
    }
    let lease = fixture.acquire(1, &holder("a")).await;
    let mut decided = Vec::new();
    let work = async {
        while (decided.len() as u64) < SENDERS * EACH {
            let Some(next) = fixture.try_next(&lease).await else {
                yield_now().await;
                continue;
            };
            decided.push(fixture.decide(&lease, next.record.seq, decision(&next)).await);
        }
    };
    fixture.within("deciding everything", work).await;
    fixture.within("the senders", senders.join_all()).await;
    let mut generation = 0;
    for (number, record) in (1..).zip(&decided) {
        assert_eq!(record.seq.get(), number, "decided in order");
        let outcome = record.outcome.as_ref().unwrap_or_else(|| panic!("decided, and undecided: {record:?}"));
        generation += u64::from(outcome.changed);
        assert_eq!((outcome.verdict, outcome.generation.get()), (Verdict::Applied, generation), "command {number}");
    }
    decided.reverse();
    assert_eq!(all(&fixture, 1).await, decided, "the history afterwards");
    assert_eq!(fixture.states(&lease).await.0.generation.get(), generation);
    let first: Vec<_> = fixture.history(1, CommandQuery::newest(1)).await;
    assert_eq!(first.first().map(|status| status.record.seq.get()), Some(SENDERS * EACH));
}
