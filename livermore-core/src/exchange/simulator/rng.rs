/// The SplitMix64 generator (Steele, Lea, Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014).
///
/// Our own because the sequence is part of the simulator's contract: the same seed gives the same market on every
/// machine and in every later version, which no general-purpose generator promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator that starts from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number from 0 to `bound - 1`; 0 when `bound` is 0. The bias is below `bound / 2^64`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        let bits = self.next_u64();
        if bound == 0 { 0 } else { bits % bound }
    }

    /// A whole number from `low` to `high`, both included.
    #[allow(clippy::cast_possible_wrap, reason = "the offset is below high - low + 1")]
    pub const fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = high.abs_diff(low) + 1;
        low.wrapping_add(self.below(width) as i64)
    }

    /// True in `percent` of 100 draws.
    pub const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outputs for seed 1234567 of the reference C program by S. Vigna (public domain), as published on
    /// Rosetta Code, "Pseudo-random numbers/Splitmix64".
    #[test]
    fn reference_sequence() {
        let mut rng = SplitMix64::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
        ];
        assert_eq!(expected.map(|_| rng.next_u64()), expected);
    }

    #[test]
    fn bounds_are_kept() {
        let mut rng = SplitMix64::new(7);
        assert_eq!(rng.below(0), 0);
        for _ in 0..1_000 {
            assert!((-3..=3).contains(&rng.between(-3, 3)));
        }
    }
}
