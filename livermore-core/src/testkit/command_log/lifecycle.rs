use std::{future::poll_fn, pin::Pin, pin::pin, task::Poll, time::Duration};

use futures_util::StreamExt;
use tokio::task::{JoinSet, yield_now};

use super::{
    CommandLogFixture,
    fixture::decision,
    material::{add_symbol, backfill, generation, holder, id, observed, pause, resume, user},
    submitting::{all, seq},
};
use crate::control::{CommandQuery, ControlError, Decision, Stage};

/// A call is dropped after none, one, two... polls, up to here.
const POLLS: u64 = 6;

/// A dropped `submit` may or may not have recorded: submit again with the same id.
pub async fn a_dropped_submission_has_recorded_or_not(fixture: CommandLogFixture) {
    for round in 1..=POLLS * 2 {
        let sent = pause(id(round));
        poll_then_drop(round % POLLS, fixture.bus.submit(user(1), &sent)).await;
        let record = fixture.submit(1, &sent).await;
        assert_eq!(record.seq.get(), round, "each round has recorded once");
        assert_eq!(fixture.recorded(1, id(round)).await.record, record);
        fixture.cancel(1, id(round)).await;
    }
}

/// A dropped call of a runner may or may not have happened: reading again tells.
pub async fn a_dropped_call_of_a_runner_has_happened_or_not(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    for round in 1..=POLLS * 2 {
        let sent = if round % 2 == 0 { resume(id(round)) } else { pause(id(round)) };
        fixture.submit(1, &sent).await;
        let polls = round % POLLS;
        poll_then_drop(polls, fixture.inbox.next(&lease)).await;
        let next = fixture.next(&lease).await;
        assert!((1..=2).contains(&next.record.attempts), "after a dropped and a finished attempt: {next:?}");
        poll_then_drop(polls, fixture.inbox.decide(&lease, next.record.seq, decision(&next))).await;
        poll_then_drop(polls, fixture.inbox.states(&lease)).await;
        let decided = fixture.decide(&lease, next.record.seq, decision(&next)).await;
        let outcome = decided.outcome.as_ref().map(|outcome| (outcome.changed, outcome.generation.get()));
        assert_eq!(outcome, Some((true, round)), "decided once, in round {round}");
        poll_then_drop(polls, fixture.inbox.observe(&lease, observed(&lease, generation(round)))).await;
        fixture.observe(&lease, observed(&lease, generation(round))).await;
        let (desired, last) = fixture.states(&lease).await;
        assert_eq!((desired.generation.get(), last.map(|last| last.generation.get())), (round, Some(round)));
        poll_then_drop(polls, fixture.inbox.acquire(&[user(1)], &holder("a"), Duration::from_mins(1))).await;
        assert_eq!(fixture.acquire(1, &holder("a")).await, lease, "the lease in round {round}");
    }
    drop(fixture.bus.close()); // never polled, so nothing is closed
    drop(fixture.inbox.close());
    fixture.submit(1, &pause(id(1_000))).await;
    fixture.next(&lease).await;
}

/// After `close` every call of either end fails.
pub async fn after_close_every_call_fails(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.close_both().await;
    let bus = &fixture.bus;
    let query = CommandQuery::newest(1);
    let long = Duration::from_hours(1);
    let asked = [
        ("submit", fixture.within("submit", bus.submit(user(1), &pause(id(2)))).await.map(|_| ())),
        ("record", fixture.within("record", bus.record(user(1), id(1))).await.map(|_| ())),
        ("cancel", fixture.within("cancel", bus.cancel(user(1), id(1))).await.map(|_| ())),
        ("history", fixture.within("history", bus.history(user(1), query)).await.map(|_| ())),
        ("signals", fixture.within("signals", bus.signals(user(1))).await.map(|_| ())),
        ("wait", fixture.within("wait", bus.wait(user(1), id(1), Stage::Decided, long)).await.map(|_| ())),
        ("submit_and_wait", {
            let pause = pause(id(3));
            let sent = bus.submit_and_wait(user(1), &pause, Stage::Decided, long);
            fixture.within("submit_and_wait", sent).await.map(|_| ())
        }),
    ];
    let (inbox, users, leases) = (&fixture.inbox, [user(1)], [lease.clone()]);
    let refusal = Decision::expired();
    let worked = [
        ("acquire", fixture.within("acquire", inbox.acquire(&users, &lease.holder, long)).await.map(|_| ())),
        ("renew", fixture.within("renew", inbox.renew(&leases, long)).await.map(|_| ())),
        ("release", fixture.within("release", inbox.release(&leases)).await),
        ("waiting", fixture.within("waiting", inbox.waiting(&users)).await.map(|_| ())),
        ("next", fixture.within("next", inbox.next(&lease)).await.map(|_| ())),
        ("decide", fixture.within("decide", inbox.decide(&lease, seq(1), refusal)).await.map(|_| ())),
        ("postpone", fixture.within("postpone", inbox.postpone(&lease, seq(1))).await),
        ("states", fixture.within("states", inbox.states(&lease)).await.map(|_| ())),
        ("observe", fixture.within("observe", inbox.observe(&lease, observed(&lease, generation(0)))).await),
        ("rebase", fixture.within("rebase", inbox.rebase(user(1))).await.map(|_| ())),
        ("forget", fixture.within("forget", inbox.forget(&users)).await),
        ("bells", fixture.within("bells", inbox.bells(&users)).await.map(|_| ())),
    ];
    for (call, answer) in asked.into_iter().chain(worked) {
        assert!(matches!(answer, Err(ControlError::Closed)), "{call} after close answered {answer:?}");
    }
}

/// After `close` every stream ends: one that was not read yet, and one that is waited on.
pub async fn close_ends_every_stream(fixture: CommandLogFixture) {
    let (mut signals, mut bells) = (fixture.signals(1).await, fixture.bells(&[1]).await);
    let (mut signals_waited_on, mut bells_waited_on) = (fixture.signals(2).await, fixture.bells(&[2]).await);
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.decide_next(&lease).await;
    let mut readers = JoinSet::new(); // ends with the clause, also when that fails
    readers.spawn(async move { while signals_waited_on.next().await.is_some() {} });
    readers.spawn(async move { while bells_waited_on.next().await.is_some() {} });
    yield_now().await;
    fixture.close_both().await;
    // What was told before close may still arrive, and no more than that.
    for told in 0.. {
        let (signal, bell) = (signals.next(), bells.next());
        let (signal, bell) = (fixture.within("a signal", signal).await, fixture.within("a bell", bell).await);
        if signal.is_none() && bell.is_none() {
            break;
        }
        assert!(told <= 4, "after close a stream tells {signal:?} and {bell:?}");
    }
    while let Some(ended) = fixture.within("the end of a stream waited on during close", readers.join_next()).await {
        assert!(ended.is_ok(), "a stream waited on panicked: {ended:?}");
    }
}

/// Closing twice is harmless.
pub async fn closing_twice_is_harmless(fixture: CommandLogFixture) {
    fixture.close_both().await;
    fixture.close_both().await;
    let answer = fixture.within("record", fixture.bus.record(user(1), id(1))).await;
    assert!(matches!(answer, Err(ControlError::Closed)), "record after closing twice answered {answer:?}");
}

/// Both ends of a shared log see at once what another process has done.
pub async fn every_process_sees_the_same(fixture: CommandLogFixture) {
    if !fixture.bus.capability().shared {
        return;
    }
    let Some((bus, inbox)) = fixture.reopened().await else { panic!("the log is shared: say how to reopen it") };
    let mut signals = fixture.ok("signals", bus.signals(user(1))).await;
    let mut bells = fixture.ok("bells", inbox.bells(&[user(1)])).await;
    let lease = fixture.acquire(1, &holder("a")).await;
    for number in 1..=5 {
        let record = fixture.submit(1, &pause(id(number))).await;
        let seen = fixture.ok("record", bus.record(user(1), id(number))).await;
        assert_eq!(seen.map(|status| status.record), Some(record), "a command, seen by another process");
        fixture.bell(&mut bells, 1).await;
        let decided = fixture.decide_next(&lease).await;
        let again = fixture.ok("submit", bus.submit(user(1), &pause(id(number)))).await;
        assert_eq!(again, decided, "a decision, seen by another process");
        fixture.signal(&mut signals, |signal| signal == crate::control::Signal::Decided(id(number))).await;
    }
    let ttl = Duration::from_mins(1);
    let other = fixture.ok("acquire", inbox.acquire(&[user(1)], &holder("b"), ttl)).await;
    assert_eq!(other, [], "a lease another process holds");
    fixture.release(&lease).await;
    let taken = fixture.ok("acquire", inbox.acquire(&[user(1)], &holder("b"), ttl)).await;
    assert!(taken.iter().all(|taken| taken.epoch > lease.epoch) && taken.len() == 1, "{taken:?} after {lease:?}");
    let stale = fixture.within("next", fixture.inbox.next(&lease)).await;
    assert!(matches!(stale, Err(ControlError::StaleEpoch { .. })), "next after a takeover answered {stale:?}");
    let theirs = fixture.ok("states", inbox.states(&taken[0])).await;
    assert_eq!(theirs.0.generation, generation(1), "the desired state, seen by another process");
}

/// What a durable log has recorded is there when it is opened again: commands, outcomes, attempts, states and epochs.
pub async fn a_durable_log_remembers(mut fixture: CommandLogFixture) {
    let mut lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.decide_next(&lease).await;
    fixture.submit(1, &backfill(id(2))).await;
    fixture.decide_next(&lease).await;
    fixture.observe(&lease, observed(&lease, generation(1))).await;
    fixture.submit(1, &add_symbol(id(3))).await;
    fixture.next(&lease).await;
    fixture.submit(2, &resume(id(1))).await;
    fixture.cancel(2, id(1)).await;
    for round in 0..2 {
        let before = (all(&fixture, 1).await, all(&fixture, 2).await, fixture.states(&lease).await);
        if !fixture.restart().await {
            return;
        }
        assert_eq!(fixture.try_acquire(1, &holder("c")).await, None, "the lease has not ended with the process");
        let after = (all(&fixture, 1).await, all(&fixture, 2).await, fixture.states(&lease).await);
        assert_eq!(after, before, "after closing and opening again");
        assert_eq!(fixture.submit(1, &pause(id(1))).await, before.0.last().cloned().expect("it is recorded"));
        let reused = fixture.try_submit(1, &resume(id(1))).await;
        assert!(matches!(reused, Err(ControlError::IdReused { .. })), "an id of before: {reused:?}");
        let next = fixture.acquire_after(&lease, "b").await;
        assert!(next.epoch > lease.epoch, "{next:?} after {lease:?}");
        assert_eq!(fixture.next(&next).await.record.attempts, 2 + round, "attempts are counted on");
        lease = next;
    }
    assert_eq!(fixture.submit(1, &resume(id(9))).await.seq.get(), 4, "numbers go on");
    let decided = fixture.decide_next(&lease).await;
    assert_eq!(decided.outcome.map(|outcome| outcome.generation), Some(generation(3)));
}

impl CommandLogFixture {
    async fn close_both(&self) {
        self.within("close", self.bus.close()).await;
        self.within("close", self.inbox.close()).await;
    }
}

/// One poll of a future, whether or not that finishes it.
pub(super) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

async fn poll_then_drop<T>(polls: u64, future: impl Future<Output = T>) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if poll_once(future.as_mut()).await.is_ready() {
            return;
        }
        yield_now().await;
    }
}
