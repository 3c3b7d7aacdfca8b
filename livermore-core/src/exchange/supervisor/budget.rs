use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// What all connections of a process to one exchange may do in any second; exchanges count per address.
///
/// Clones share one budget. Every [`Supervisor`](super::Supervisor) that uses it must be given times of the same clock.
#[derive(Debug, Clone)]
pub struct ConnectionBudget(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    connects: Window,
    messages: Window,
}

impl ConnectionBudget {
    /// A budget of so many connects and so many messages sent in any second, each at least one.
    pub fn new(connects: u32, messages: u32) -> Self {
        Self(Arc::new(Mutex::new(Shared { connects: Window::new(connects), messages: Window::new(messages) })))
    }

    /// Takes a connect, or says when to ask again.
    pub fn connect(&self, now: Duration) -> Result<(), Duration> {
        self.with(|shared| shared.connects.take(now))
    }

    /// Takes a message, or says when to ask again.
    pub fn message(&self, now: Duration) -> Result<(), Duration> {
        self.with(|shared| shared.messages.take(now))
    }

    /// Nothing in here can be left half done, so a panic elsewhere does not matter.
    fn with<T>(&self, work: impl FnOnce(&mut Shared) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Eight of each in a second are allowed by the exchanges known; six leave room for other programs and late packets.
impl Default for ConnectionBudget {
    fn default() -> Self {
        Self::new(6, 6)
    }
}

/// At most so many in any second.
#[derive(Debug, Clone)]
pub(super) struct Window {
    most: usize,
    recent: VecDeque<Duration>,
}

impl Window {
    pub(super) fn new(most: u32) -> Self {
        Self { most: usize::try_from(most.max(1)).unwrap_or(usize::MAX), recent: VecDeque::new() }
    }

    /// When the next one may be: now, or later.
    pub(super) fn next(&self, now: Duration) -> Duration {
        let oldest = self.recent.len().checked_sub(self.most).and_then(|at| self.recent.get(at));
        oldest.map_or(now, |oldest| now.max(*oldest + SECOND))
    }

    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let next = self.next(now);
        if next > now {
            return Err(next);
        }
        while self.recent.len() >= self.most {
            self.recent.pop_front();
        }
        // Several machines share a budget and their times may be slightly out of order.
        let latest = self.recent.back().copied().unwrap_or_default();
        self.recent.push_back(now.max(latest));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_no_more_than_it_may() {
        let mut window = Window::new(3);
        let at = Duration::from_millis;
        for ms in [0, 400, 500] {
            assert_eq!(window.take(at(ms)), Ok(()), "{ms}");
        }
        assert_eq!(window.take(at(600)), Err(at(1_000)));
        assert_eq!(window.take(at(1_000)), Ok(()));
        assert_eq!(window.take(at(1_000)), Err(at(1_400)));
        assert_eq!(window.take(at(9_000)), Ok(()));
    }

    #[test]
    fn clones_share_and_kinds_do_not() {
        let budget = ConnectionBudget::new(1, 1);
        let other = budget.clone();
        assert_eq!(budget.connect(SECOND), Ok(()));
        assert_eq!(other.connect(SECOND), Err(SECOND * 2));
        assert_eq!(other.message(SECOND), Ok(()));
    }

    #[test]
    fn nothing_a_second_is_one() {
        assert_eq!(Window::new(0).take(Duration::ZERO), Ok(()));
    }
}
