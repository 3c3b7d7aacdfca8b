use std::time::Duration;

use livermore_core::exchange::SplitMix64;

/// The pause before the next try after `failures` of them: anywhere between nothing and a limit that doubles. Clients
/// that failed together do not come back together.
pub(super) fn pause(failures: u32) -> Duration {
    // Without random numbers the pauses are merely alike.
    let seed = getrandom::u64().unwrap_or_default();
    pause_from(&mut SplitMix64::new(seed), failures)
}

fn pause_from(rng: &mut SplitMix64, failures: u32) -> Duration {
    let limit = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rng.below(millis.saturating_add(1)))
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_over_their_whole_range() {
        let mut rng = SplitMix64::new(1);
        for (failures, limit) in [(0, 500), (1, 500), (2, 1_000), (4, 4_000), (5, 8_000), (9, 8_000), (u32::MAX, 8_000)]
        {
            let pauses: Vec<_> = (0..1_000).map(|_| pause_from(&mut rng, failures).as_millis()).collect();
            assert!(pauses.iter().all(|pause| *pause <= limit), "{failures}");
            assert!(*pauses.iter().max().unwrap() > limit * 9 / 10, "{failures}");
            assert!(*pauses.iter().min().unwrap() < limit / 10, "{failures}");
        }
    }
}
