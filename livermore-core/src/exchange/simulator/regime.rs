use super::rng::SplitMix64;

/// What the market of one product is doing for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Regime {
    /// Drifts by `per_minute` percent of the product's noise each minute (negative: down).
    Trend { per_minute: i64 },
    /// Comes back to where it began.
    Range,
    /// Moves by `percent` of the product's noise in one minute, then rests.
    Shock { percent: i64 },
}

/// Which regime holds for how many more minutes.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// The tour still to come, last first; random regimes follow.
    tour: Vec<(Regime, u32)>,
    regime: Regime,
    minutes_left: u32,
}

impl Schedule {
    pub(super) const fn quiet() -> Self {
        Self { tour: Vec::new(), regime: Regime::Range, minutes_left: 0 }
    }

    /// Replaces what comes next by a tour that leads MACD-V through both extremes within the first hour: a trend, a
    /// shock against it, the opposite trend, and a rest. `up` says which trend comes first.
    pub(super) fn begin_tour(&mut self, rng: &mut SplitMix64, up: bool) {
        let sign = if up { 1 } else { -1 };
        let first = sign * rng.between(150, 230);
        let second = -sign * rng.between(150, 230);
        let shock = -sign * rng.between(1_200, 1_800);
        let mut minutes = || u32::try_from(rng.between(16, 20)).unwrap_or(16);
        self.tour = vec![
            (Regime::Range, 6),
            (Regime::Trend { per_minute: second }, minutes()),
            (Regime::Shock { percent: shock }, 2),
            (Regime::Trend { per_minute: first }, minutes()),
        ];
        self.minutes_left = 0;
    }

    /// The regime of the next minute, and whether it has just begun.
    pub(super) fn next_minute(&mut self, rng: &mut SplitMix64) -> (Regime, bool) {
        let begins = self.minutes_left == 0;
        if begins {
            (self.regime, self.minutes_left) = self.tour.pop().unwrap_or_else(|| random(rng));
        }
        self.minutes_left -= 1;
        (self.regime, begins)
    }
}

fn random(rng: &mut SplitMix64) -> (Regime, u32) {
    let sign = if rng.chance(50) { 1 } else { -1 };
    let (regime, shortest, longest) = match rng.below(10) {
        0..4 => (Regime::Range, 8, 30),
        4..9 => (Regime::Trend { per_minute: sign * rng.between(40, 220) }, 10, 35),
        _ => (Regime::Shock { percent: sign * rng.between(800, 2_000) }, 2, 3),
    };
    (regime, u32::try_from(rng.between(shortest, longest)).unwrap_or(1))
}
