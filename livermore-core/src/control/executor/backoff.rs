use std::time::Duration;

use crate::exchange::SplitMix64;

/// Pauses between tries, each twice as long as the one before.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The pause to make now.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = self.longest.min(pause * 2);
        pause
    }

    /// It worked: the next pause is a short one again.
    pub(super) const fn reset(&mut self) {
        self.next = self.first;
    }
}

/// `time`, give or take a fifth.
pub(super) fn jittered(random: &mut SplitMix64, time: Duration) -> Duration {
    let fifth = u64::try_from(time.as_micros()).unwrap_or(u64::MAX) / 5;
    (time + Duration::from_micros(random.below(2 * fifth + 1))).saturating_sub(Duration::from_micros(fifth))
}
