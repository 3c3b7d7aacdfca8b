use std::time::Duration;

use super::{Desired, Holder, Observed};
use crate::ids::Epoch;

/// One user's monitor at one moment: what it is to do, what it says it does, and who runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// What it is to do.
    pub desired: Desired,
    /// What its runner reported last, which may be long ago and of an earlier runner.
    pub observed: Option<Observed>,
    /// Who decides its commands; none when nobody does.
    pub runner: Option<Tenure>,
}

/// A lease as somebody else sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenure {
    /// Who holds it.
    pub holder: Holder,
    /// Its epoch.
    pub epoch: Epoch,
    /// How long it lasts if it is not renewed, by the store's clock.
    pub remaining: Duration,
}

impl Overview {
    /// Whether a runner is there, and its last report is its own, of the newest generation, and says that the data plane
    /// is as wanted.
    pub fn is_converged(&self) -> bool {
        use super::Health;
        let report = self.observed.as_ref().zip(self.runner.as_ref());
        report.is_some_and(|(observed, runner)| {
            observed.epoch == runner.epoch
                && !observed.held_back
                && observed.generation == self.desired.generation
                && observed.health == Health::Converged
        })
    }
}
