use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use livermore_core::exchange::{Priority, RateBudget, RateBudgetConfig, Ticket, Turn};
use tokio::{
    pin, select,
    sync::Notify,
    time::{Instant, sleep_until},
};

/// The one [`RateBudget`] of a client and all its clones, with a clock and a way to wait.
#[derive(Debug)]
pub(super) struct Throttle {
    start: Instant,
    state: Mutex<State>,
    /// Rung when a place in the queue is given back: somebody may go earlier than expected.
    given_back: Notify,
}

#[derive(Debug)]
struct State {
    budget: RateBudget,
    /// Refusals since the last request that was not refused.
    refusals: u32,
}

impl Throttle {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let mut config = RateBudgetConfig::default();
        (config.per_second, config.burst) = (per_second, burst);
        let state = Mutex::new(State { budget: RateBudget::new(&config), refusals: 0 });
        Self { start: Instant::now(), state, given_back: Notify::new() }
    }

    /// Waits for a turn. Dropping the future gives the place back.
    pub(super) async fn turn(&self, priority: Priority) {
        let ticket = self.state().budget.ask(priority, self.now());
        let place = Place { throttle: self, ticket };
        loop {
            let given_back = self.given_back.notified();
            pin!(given_back);
            // From here on no ring is missed, also one between the question and the wait.
            given_back.as_mut().enable();
            let turn = self.state().budget.turn(place.ticket, self.now());
            let Turn::Wait { until } = turn else { return };
            select! {
                () = sleep_until(self.start + until) => {}
                () = given_back => {}
            }
        }
    }

    /// The exchange refused a request for their number. `asked` is the wait it asks for; nobody has a turn before it is
    /// over. Without one the wait doubles with each refusal in a row. Returns the wait kept.
    pub(super) fn refused(&self, asked: Option<Duration>) -> Duration {
        let now = self.now();
        let mut state = self.state();
        let own = MIN_WAIT.saturating_mul(1 << state.refusals.min(10));
        state.refusals = state.refusals.saturating_add(1);
        let wait = asked.unwrap_or(own).clamp(MIN_WAIT, MAX_WAIT);
        state.budget.penalise(now + wait);
        wait
    }

    /// A request was not refused. `remaining` is how many the exchange says are left, and `reset` when there are more.
    pub(super) fn accepted(&self, remaining: Option<u32>, reset: Option<Duration>) {
        let now = self.now();
        let mut state = self.state();
        state.refusals = 0;
        match (remaining, reset) {
            (Some(0), Some(reset)) => state.budget.penalise(now + reset.min(MAX_WAIT)),
            (Some(remaining), _) => state.budget.observe_remaining(remaining, now),
            (None, _) => {}
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue, given back when it is not wanted any more.
struct Place<'a> {
    throttle: &'a Throttle,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.throttle.state().budget.cancel(self.ticket);
        self.throttle.given_back.notify_waiters();
    }
}

/// Asking again at once is what was refused.
const MIN_WAIT: Duration = Duration::from_secs(1);
/// A wait of hours would be a monitor that does not monitor; asking once in five minutes hurts nobody.
const MAX_WAIT: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use std::{future::Future, sync::Arc};

    use tokio::{sync::mpsc, time::timeout};

    use super::*;
    use crate::rest::retry_after;
    use livermore_core::ids::Timestamp;

    /// How long the turn took.
    async fn waited(turn: impl Future<Output = ()>) -> u64 {
        let before = Instant::now();
        turn.await;
        // Timers are exact to a millisecond and never early.
        before.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn case_86_retry_after_in_every_form_is_kept_within_bounds() {
        let now = Timestamp::from_secs(784_111_777).unwrap(); // Sun, 06 Nov 1994 08:49:37 GMT
        let table = [
            (Some("7"), 7),
            (Some(" 7 "), 7),
            (Some("Sun, 06 Nov 1994 08:50:07 GMT"), 30),
            (Some("Sun, 06 Nov 1994 08:49:00 GMT"), 1),
            (Some("Mon, 07 Nov 1994 08:49:37 GMT"), 300),
            (None, 1),
            (Some("0"), 1),
            (Some("86400"), 300),
            (Some("99999999999999999999999"), 1),
            (Some("-5"), 1),
            (Some("soon"), 1),
            (Some(""), 1),
        ];
        for (header, expected) in table {
            let throttle = Throttle::new(5, 8);
            let kept = throttle.refused(header.and_then(|header| retry_after::parse(header, now)));
            assert_eq!(kept.as_secs(), expected, "{header:?}");
            for priority in [Priority::Backfill, Priority::LiveRepair] {
                assert_eq!(
                    waited(throttle.turn(priority)).await,
                    if priority == Priority::Backfill { expected } else { 0 }
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn case_86_refusals_in_a_row_make_the_wait_longer() {
        let throttle = Throttle::new(5, 8);
        let waits = std::iter::repeat_with(|| throttle.refused(None).as_secs());
        assert_eq!(waits.take(10).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        throttle.accepted(None, None);
        assert_eq!(throttle.refused(None).as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn case_86_one_limit_for_all_callers_and_backfill_yields() {
        let throttle = Arc::new(Throttle::new(1, 1));
        throttle.turn(Priority::Backfill).await;
        let (sender, mut order) = mpsc::channel(8);
        for (name, priority) in
            [("old", Priority::Backfill), ("person", Priority::UserAction), ("hole", Priority::LiveRepair)]
        {
            let (throttle, sender) = (Arc::clone(&throttle), sender.clone());
            tokio::spawn(async move {
                throttle.turn(priority).await;
                sender.send(name).await.unwrap();
            });
            tokio::task::yield_now().await;
        }
        let before = Instant::now();
        for expected in ["hole", "person", "old"] {
            assert_eq!(order.recv().await, Some(expected));
        }
        assert_eq!(before.elapsed().as_secs(), 3, "one a second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_dropped_is_given_back() {
        let throttle = Throttle::new(1, 1);
        throttle.turn(Priority::UserAction).await;
        for _ in 0..100 {
            let given_up = timeout(Duration::from_micros(1), throttle.turn(Priority::LiveRepair)).await;
            assert!(given_up.is_err());
        }
        assert_eq!(throttle.state().budget.waiting(Priority::LiveRepair), 0);
        assert!(waited(throttle.turn(Priority::Backfill)).await <= 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_exchange_says_is_left_is_believed() {
        let throttle = Throttle::new(1, 8);
        throttle.accepted(Some(1), None);
        assert_eq!(waited(throttle.turn(Priority::UserAction)).await, 0);
        assert_eq!(waited(throttle.turn(Priority::UserAction)).await, 1);
        throttle.accepted(Some(0), Some(Duration::from_secs(20)));
        assert_eq!(waited(throttle.turn(Priority::UserAction)).await, 21, "20 s, and a token must come in");
    }
}
