use std::fmt;

use serde::{Deserialize, Serialize};

/// The momentum stage a (MACD-V, signal) pair is in: seven regions that cover every real pair exactly once.
///
/// After A. Spiroglou, *MACD-V: Volatility Normalised Momentum* (2022), whose text leaves the lines between the regions
/// open. Here **a value exactly on ±50 or ±150 belongs to the zone nearer zero**, and a MACD-V **equal to its signal**
/// is ranging in the neutral zone and otherwise goes on in the direction of its zone:
///
/// | MACD-V | above signal | equal | below signal |
/// |---|---|---|---|
/// | over 150 | overbought | overbought | retracing |
/// | over 50, to 150 | rallying | rallying | retracing |
/// | −50 to 50 | rebounding | ranging | retracing |
/// | −150 to under −50 | rebounding | reversing | reversing |
/// | under −150 | oversold | oversold | oversold |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Falling too fast to last: MACD-V under −150.
    Oversold,
    /// Turning up from low or neutral ground.
    Rebounding,
    /// Rising with strength.
    Rallying,
    /// Rising too fast to last: MACD-V over 150 and still above its signal.
    Overbought,
    /// Giving back from high or neutral ground.
    Retracing,
    /// Falling with strength.
    Reversing,
    /// Neutral, without direction.
    Ranging,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 7] = [
        Self::Oversold,
        Self::Rebounding,
        Self::Rallying,
        Self::Overbought,
        Self::Retracing,
        Self::Reversing,
        Self::Ranging,
    ];

    /// The stage of a MACD-V value and its signal; `None` unless both are real numbers.
    ///
    /// ```
    /// use livermore_core::indicator::Stage;
    /// assert_eq!(Stage::of(80.0, 60.0), Some(Stage::Rallying));
    /// assert_eq!(Stage::of(-150.0, -160.0), Some(Stage::Rebounding));
    /// assert_eq!(Stage::of(f64::NAN, 0.0), None);
    /// ```
    pub fn of(macd_v: f64, signal: f64) -> Option<Self> {
        if !(macd_v.is_finite() && signal.is_finite()) {
            return None;
        }
        let (above, below) = (macd_v > signal, macd_v < signal);
        Some(if macd_v < -150.0 {
            Self::Oversold
        } else if macd_v < -50.0 {
            if above { Self::Rebounding } else { Self::Reversing }
        } else if below {
            Self::Retracing
        } else if macd_v > 150.0 {
            Self::Overbought
        } else if macd_v > 50.0 {
            Self::Rallying
        } else if above {
            Self::Rebounding
        } else {
            Self::Ranging
        })
    }

    /// The wire name, for example `overbought`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oversold => "oversold",
            Self::Rebounding => "rebounding",
            Self::Rallying => "rallying",
            Self::Overbought => "overbought",
            Self::Retracing => "retracing",
            Self::Reversing => "reversing",
            Self::Ranging => "ranging",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The regions as the origin states them, all strict; at most one may hold.
    fn strict_regions(m: f64, s: f64) -> Vec<Stage> {
        let inside = |low: f64, high: f64| low < m && m < high;
        [
            (m < -150.0, Stage::Oversold),
            (m > 150.0 && m > s, Stage::Overbought),
            (inside(50.0, 150.0) && m > s, Stage::Rallying),
            (inside(-150.0, 50.0) && m > s, Stage::Rebounding),
            (inside(-150.0, -50.0) && m < s, Stage::Reversing),
            (m > -50.0 && m < s, Stage::Retracing),
            (inside(-50.0, 50.0) && m == s, Stage::Ranging),
        ]
        .into_iter()
        .filter_map(|(holds, stage)| holds.then_some(stage))
        .collect()
    }

    proptest! {
        #[test]
        fn agrees_with_the_published_regions_and_leaves_no_hole(m in -500.0..500.0_f64, s in -500.0..500.0_f64) {
            let stage = Stage::of(m, s).unwrap();
            let published = strict_regions(m, s);
            prop_assert!(published.len() <= 1);
            if let [published] = published[..] {
                prop_assert_eq!(stage, published);
            }
        }
    }

    #[test]
    fn boundaries_belong_to_the_zone_nearer_zero() {
        use Stage::{Overbought, Oversold, Rallying, Ranging, Rebounding, Retracing, Reversing};
        for (m, below, equal, above) in [
            // m, then the stage with the signal below, equal and above
            (-150.000_001, Oversold, Oversold, Oversold),
            (-150.0, Rebounding, Reversing, Reversing),
            (-50.000_001, Rebounding, Reversing, Reversing),
            (-50.0, Rebounding, Ranging, Retracing),
            (0.0, Rebounding, Ranging, Retracing),
            (50.0, Rebounding, Ranging, Retracing),
            (50.000_001, Rallying, Rallying, Retracing),
            (150.0, Rallying, Rallying, Retracing),
            (150.000_001, Overbought, Overbought, Retracing),
        ] {
            assert_eq!(Stage::of(m, m - 1.0), Some(below), "{m} above its signal");
            assert_eq!(Stage::of(m, m), Some(equal), "{m} equal to its signal");
            assert_eq!(Stage::of(m, m + 1.0), Some(above), "{m} below its signal");
        }
        assert_eq!(Stage::of(0.0, f64::INFINITY), None);
    }
}
