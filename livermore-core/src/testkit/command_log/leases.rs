use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    CommandLogFixture,
    fixture::decision,
    material::{SHORT, add_symbol, generation, holder, id, observed, pause, user},
    submitting::{all, seq},
};
use crate::{
    control::{ControlError, Lease},
    ids::Epoch,
};

/// `acquire` gives the lease of a user to one holder at a time; the answer holds the leases that were given.
pub async fn a_user_has_one_holder_at_a_time(fixture: CommandLogFixture) {
    let ttl = Duration::from_mins(1);
    let (a, b) = (holder("a"), holder("b"));
    let first = fixture.ok("acquire", fixture.inbox.acquire(&[user(1), user(2)], &a, ttl)).await;
    let mut users: Vec<_> = first.iter().map(|lease| (lease.user.get(), lease.holder.clone())).collect();
    users.sort_by_key(|(user, _)| *user);
    assert_eq!(users, [(1, a.clone()), (2, a.clone())]);
    let second = fixture.ok("acquire", fixture.inbox.acquire(&[user(2), user(3), user(1)], &b, ttl)).await;
    assert_eq!(second.iter().map(|lease| (lease.user.get(), &lease.holder)).collect::<Vec<_>>(), [(3, &b)]);
    let none = fixture.ok("acquire", fixture.inbox.acquire(&[], &a, ttl)).await;
    assert_eq!(none, [], "the leases of nobody");
    fixture.states(&first[0]).await;
    fixture.states(&first[1]).await;
    fixture.states(&second[0]).await;
}

/// However many want it at once, one holder gets it.
pub async fn of_many_holders_at_once_one_gets_the_lease(fixture: CommandLogFixture) {
    for of in 1..=5 {
        let mut holders = JoinSet::new();
        for number in 0..8 {
            let inbox = fixture.inbox.clone();
            let holder = holder(&number.to_string());
            holders.spawn(async move { inbox.acquire(&[user(of)], &holder, Duration::from_mins(1)).await });
        }
        let answers = fixture.within("the holders", holders.join_all()).await;
        let answers =
            answers.into_iter().map(|answer| answer.unwrap_or_else(|error| panic!("acquire failed: {error}")));
        let given: Vec<Lease> = answers.flatten().collect();
        assert_eq!(given.len(), 1, "the leases of user {of}: {given:?}");
    }
}

/// Each take by another holder, or after the end, has a higher epoch; a holder that asks again before the end keeps its
/// own.
pub async fn each_take_has_a_higher_epoch(fixture: CommandLogFixture) {
    let (a, b) = (holder("a"), holder("b"));
    let first = fixture.acquire(1, &a).await;
    assert!(first.epoch > Epoch::ZERO, "the first epoch: {first:?}");
    assert_eq!(fixture.acquire(1, &a).await, first, "asking again, after a lost answer");
    assert_eq!(fixture.try_acquire(1, &b).await, None, "asking again has not given the lease away");
    fixture.release(&first).await;
    let second = fixture.acquire(1, &b).await;
    assert!(second.epoch > first.epoch, "{second:?} after {first:?}");
    fixture.release(&second).await;
    let third = fixture.acquire(1, &b).await;
    assert!(third.epoch > second.epoch, "the same holder after the end: {third:?} after {second:?}");
    assert!(fixture.acquire(2, &a).await.epoch > Epoch::ZERO, "another user");
    fixture.states(&third).await;
}

/// A lease is held until `ttl` has passed by the store's clock; then another holder may take over.
pub async fn a_lease_ends_after_its_time(fixture: CommandLogFixture) {
    let first = fixture.acquire_for(1, &holder("a"), SHORT).await.expect("nobody holds it");
    let until = fixture.now().await.checked_add_millis(250).expect("times of the suite are short");
    fixture.pass_until_after(until).await;
    let second = fixture.acquire(1, &holder("b")).await;
    assert!(second.epoch > first.epoch, "{second:?} after {first:?}");
    fixture.expect_stale(&first, &second).await;
    let again = fixture.acquire_for(2, &holder("a"), SHORT).await.expect("nobody holds it");
    fixture.pass_time(SHORT).await;
    let later = fixture.acquire(2, &holder("a")).await;
    assert!(later.epoch > again.epoch, "the same holder after the end: {later:?} after {again:?}");
}

/// `renew` prolongs, and returns the leases nobody else has taken meanwhile.
pub async fn renew_prolongs_what_is_still_held(fixture: CommandLogFixture) {
    let (a, b) = (holder("a"), holder("b"));
    let mine = fixture.acquire_for(1, &a, SHORT).await.expect("nobody holds it");
    let lost = fixture.acquire(2, &a).await;
    fixture.release(&lost).await;
    let taken = fixture.acquire(2, &b).await;
    let held = [mine.clone(), lost.clone()];
    let renewed = fixture.ok("renew", fixture.inbox.renew(&held, Duration::from_mins(1))).await;
    assert_eq!(renewed, std::slice::from_ref(&mine), "user 2 was taken over");
    fixture.states(&taken).await;
    let none = fixture.ok("renew", fixture.inbox.renew(&[], Duration::from_mins(1))).await;
    assert_eq!(none, [], "renewing nothing");
    fixture.pass_time(SHORT).await;
    assert_eq!(fixture.try_acquire(1, &b).await, None, "after the first time, within the second");
    // It may also be made shorter.
    fixture.ok("renew", fixture.inbox.renew(&renewed, SHORT)).await;
    fixture.pass_time(SHORT).await;
    let next = fixture.acquire(1, &b).await;
    assert!(next.epoch > mine.epoch, "{next:?} after {mine:?}");
    let gone = fixture.ok("renew", fixture.inbox.renew(&[mine], Duration::from_mins(1))).await;
    assert_eq!(gone, [], "renewing what another holder has");
    fixture.states(&next).await;
}

/// `release` ends a lease: the next holder need not wait. What another holder has is not ended by it.
pub async fn release_ends_a_lease(fixture: CommandLogFixture) {
    let first = fixture.acquire(1, &holder("a")).await;
    fixture.release(&first).await;
    let second = fixture.acquire(1, &holder("b")).await;
    fixture.release(&first).await;
    assert_eq!(fixture.try_acquire(1, &holder("c")).await, None, "an old holder has released the lease of the new one");
    fixture.states(&second).await;
    fixture.ok("release", fixture.inbox.release(&[])).await;
}

/// With an older epoch than the user's every call that takes a lease is refused, and nothing has changed. So is the
/// right epoch in another's hands.
pub async fn an_old_epoch_is_refused_and_changes_nothing(fixture: CommandLogFixture) {
    let first = fixture.acquire(1, &holder("a")).await;
    fixture.submit(1, &pause(id(1))).await;
    fixture.submit(1, &add_symbol(id(2))).await;
    let second = fixture.acquire_after(&first, "b").await;
    fixture.expect_stale(&first, &second).await;
    let stolen = Lease { holder: holder("c"), ..second.clone() };
    fixture.expect_stale(&stolen, &second).await;
    // The one in the middle of a decision is no better off.
    let next = fixture.next(&second).await;
    let third = fixture.acquire_after(&second, "a").await;
    fixture.expect_stale(&second, &third).await;
    let answer = fixture.within("decide", fixture.inbox.decide(&second, next.record.seq, decision(&next))).await;
    assert!(matches!(answer, Err(ControlError::StaleEpoch { .. })), "deciding after a takeover answered {answer:?}");
    assert!(fixture.recorded(1, id(1)).await.record.is_open(), "a refused decision has decided");
    let decided = fixture.decide_next(&third).await;
    assert_eq!(decided.outcome.and_then(|outcome| outcome.epoch), Some(third.epoch));
}

impl CommandLogFixture {
    /// Every call under this lease is refused, and leaves the user's log to its holder as it is.
    async fn expect_stale(&self, lease: &Lease, current: &Lease) {
        let of = lease.user.get();
        let before = (all(self, of).await, self.states(current).await);
        let report = observed(lease, generation(0));
        let refusal = crate::control::Decision::expired();
        let answers = [
            ("next", self.within("next", self.inbox.next(lease)).await.map(|_| ())),
            ("decide", self.within("decide", self.inbox.decide(lease, seq(1), refusal)).await.map(|_| ())),
            ("postpone", self.within("postpone", self.inbox.postpone(lease, seq(1))).await),
            ("states", self.within("states", self.inbox.states(lease)).await.map(|_| ())),
            ("observe", self.within("observe", self.inbox.observe(lease, report)).await),
        ];
        for (call, answer) in answers {
            match answer {
                Err(ControlError::StaleEpoch { held, .. }) => assert_eq!(held, lease.epoch, "{call}"),
                answer => panic!("{call} under the stale {lease:?} answered {answer:?}"),
            }
        }
        let renewed = self.ok("renew", self.inbox.renew(std::slice::from_ref(lease), Duration::from_hours(1))).await;
        assert_eq!(renewed, [], "renewing a stale lease");
        self.release(lease).await;
        let other = self.try_acquire(of, &holder("other")).await;
        assert_eq!(other, None, "{current:?} was ended by calls under the stale {lease:?}");
        assert_eq!((all(self, of).await, self.states(current).await), before, "after calls under the stale {lease:?}");
    }
}
