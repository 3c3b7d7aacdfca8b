use super::{
    CommandLogFixture,
    material::{generation, holder, id, observed, pause, resume, short_lived, user},
};
use crate::control::Signal;

/// `signals` yields soon after one of the user's commands was decided, however that came.
pub async fn signals_tell_that_a_command_was_decided(fixture: CommandLogFixture) {
    let (mut first, mut second) = (fixture.signals(1).await, fixture.signals(1).await);
    let lease = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.decide_next(&lease).await;
    fixture.submit(1, &pause(id(2))).await;
    fixture.cancel(1, id(2)).await;
    let overdue = fixture.submit(1, &short_lived(resume(id(3)))).await;
    fixture.pass_until_after(overdue.not_after.expect("it does not wait for ever")).await;
    fixture.recorded(1, id(3)).await;
    for number in 1..=3 {
        for signals in [&mut first, &mut second] {
            fixture.signal(signals, |signal| signal == Signal::Decided(id(number))).await;
        }
    }
}

/// `signals` yields soon after the user's runner has reported.
pub async fn signals_tell_that_the_runner_has_reported(fixture: CommandLogFixture) {
    let mut signals = fixture.signals(1).await;
    let lease = fixture.acquire(1, &holder("a")).await;
    for number in 1..=2 {
        fixture.submit(1, &if number == 1 { pause(id(1)) } else { resume(id(2)) }).await;
        fixture.decide_next(&lease).await;
        fixture.observe(&lease, observed(&lease, generation(number))).await;
        fixture.signal(&mut signals, |signal| signal == Signal::Observed(generation(number))).await;
    }
}

/// Signals are of one user only.
pub async fn signals_tell_of_their_user_only(fixture: CommandLogFixture) {
    let mut signals = fixture.signals(7).await;
    for of in [70, 77, 1] {
        let lease = fixture.acquire(of, &holder("a")).await;
        for number in 1..=3 {
            fixture.submit(of, &if number % 2 == 1 { pause(id(number)) } else { resume(id(number)) }).await;
            fixture.decide_next(&lease).await;
        }
        fixture.observe(&lease, observed(&lease, generation(3))).await;
    }
    let lease = fixture.acquire(7, &holder("a")).await;
    fixture.submit(7, &pause(id(9))).await;
    fixture.decide_next(&lease).await;
    fixture.observe(&lease, observed(&lease, generation(1))).await;
    let read = fixture.signal(&mut signals, |signal| signal == Signal::Observed(generation(1))).await;
    let own = [Signal::Decided(id(9)), Signal::Observed(generation(1)), Signal::Missed];
    assert!(read.iter().all(|signal| own.contains(signal)), "signals of other users: {read:?}");
}

/// `bells` yields a user soon after a command for it was recorded, and only these users.
pub async fn bells_ring_for_a_recorded_command(fixture: CommandLogFixture) {
    let mut bells = fixture.bells(&[7, 8]).await;
    let mut nobody = fixture.bells(&[]).await;
    for of in [70, 77, 1] {
        fixture.submit(of, &pause(id(1))).await;
    }
    for (number, of) in [(1, 7), (1, 8), (2, 7)] {
        fixture.submit(of, &pause(id(number))).await;
        let rang = fixture.bell(&mut bells, of).await;
        assert!(rang.iter().all(|user| [7, 8].contains(user)), "bells of other users: {rang:?}");
    }
    let silent = super::lifecycle::poll_once(std::pin::pin!(futures_util::StreamExt::next(&mut nobody))).await;
    assert!(!matches!(silent, std::task::Poll::Ready(Some(crate::control::Bell::Rang(_)))), "a bell of nobody rang");
}

/// Dropping a stream ends it: listening again and again works, and commands go on.
pub async fn dropping_a_stream_ends_it(fixture: CommandLogFixture) {
    let lease = fixture.acquire(1, &holder("a")).await;
    for number in 1..=50 {
        let (mut signals, mut bells) = (fixture.signals(1).await, fixture.bells(&[1]).await);
        fixture.submit(1, &pause(id(number))).await;
        fixture.decide_next(&lease).await;
        if number % 5 == 0 {
            fixture.bell(&mut bells, 1).await;
            fixture.signal(&mut signals, |signal| signal == Signal::Decided(id(number))).await;
        }
    }
    let waiting = fixture.ok("waiting", fixture.inbox.waiting(&[user(1)])).await;
    assert_eq!(waiting, []);
}
