use super::IndicatorError;

/// The mean of the first n inputs: what every smoother here begins with.
///
/// Summed in order and divided once, which is the seed TA-Lib computes, to the last bit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seed {
    period: u32,
    seen: u32,
    sum: f64,
}

impl Seed {
    pub(super) const fn new(period: u32) -> Self {
        Self { period, seen: 0, sum: 0.0 }
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.seen == self.period
    }

    pub(super) const fn missing(&self) -> u32 {
        self.period - self.seen
    }

    /// Takes an input; the mean, once this one completes the seed. Must not be called after that.
    pub(super) fn add(&mut self, x: f64) -> Option<f64> {
        self.sum += x;
        self.seen += 1;
        self.is_complete().then(|| self.sum / f64::from(self.period))
    }

    /// How many inputs were taken, and their sum.
    pub(super) const fn progress(&self) -> (u32, f64) {
        (self.seen, self.sum)
    }

    /// A seed that has already taken `seen` inputs of this `sum`.
    pub(super) fn resumed(period: u32, seen: u32, sum: f64) -> Result<Self, IndicatorError> {
        if seen <= period && sum.is_finite() {
            Ok(Self { period, seen, sum })
        } else {
            Err(IndicatorError::Snapshot { reason: format!("{seen} inputs with sum {sum} cannot seed {period} bars") })
        }
    }
}
