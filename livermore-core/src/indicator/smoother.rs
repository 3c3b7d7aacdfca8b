use super::{IndicatorError, config::check_period, seed::Seed};

/// What the public smoothers have in common: seeded by a mean, then one step per input.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Smoother {
    seed: Seed,
    value: f64,
}

impl Smoother {
    pub(super) fn new(period: u32) -> Result<Self, IndicatorError> {
        check_period("period", period)?;
        Ok(Self { seed: Seed::new(period), value: 0.0 })
    }

    /// Takes a finite input; `step` gives the next value from the last once the seed is complete.
    pub(super) fn update(&mut self, x: f64, step: impl FnOnce(f64) -> f64) -> Option<f64> {
        if !x.is_finite() {
            return None;
        }
        self.value = if self.seed.is_complete() { step(self.value) } else { self.seed.add(x)? };
        Some(self.value)
    }

    pub(super) fn value(&self) -> Option<f64> {
        self.seed.is_complete().then_some(self.value)
    }
}
