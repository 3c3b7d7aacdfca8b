use std::time::Duration;

use crate::exchange::SplitMix64;

/// Pauses between connections: full jitter, so that clients cut off together do not come back together.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    rng: SplitMix64,
}

impl Backoff {
    pub(super) const fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, failures: 0, rng: SplitMix64::new(seed) }
    }

    /// Pauses drawn since the last reset.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next pause: anything from nothing to a bound that doubles each time.
    pub(super) fn pause(&mut self) -> Duration {
        let bound = self.first.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX - 1);
        Duration::from_nanos(self.rng.below(nanos.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_fill_the_range_up_to_the_bound() {
        let bounds = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000].map(Duration::from_millis);
        let (mut low, mut high) = ([Duration::MAX; 9], [Duration::ZERO; 9]);
        for seed in 0..500 {
            let mut backoff = Backoff::new(bounds[0], bounds[8], seed);
            for n in 0..9 {
                let pause = backoff.pause();
                (low[n], high[n]) = (low[n].min(pause), high[n].max(pause));
            }
        }
        for n in 0..9 {
            assert!(high[n] <= bounds[n] && high[n] > bounds[n].mul_f64(0.95), "pause {n}: up to {:?}", high[n]);
            assert!(low[n] < bounds[n].mul_f64(0.05), "pause {n}: from {:?}", low[n]);
        }
    }

    #[test]
    fn many_failures_stay_at_the_longest() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_mins(1), 7);
        assert!((0..1_000).map(|_| backoff.pause()).all(|pause| pause <= Duration::from_mins(1)));
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(500));
    }
}
