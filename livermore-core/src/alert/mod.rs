//! Deciding when a series deserves someone's attention: level crossings and reversals of MACD-V.
//!
//! [`Evaluator`] is pure: it is given settled values, the rules in force and the state it left behind, and returns
//! alerts. It reads no clock, so replayed history yields the alerts that live data did.

#[allow(clippy::module_inception, reason = "the type of the room's name")]
mod alert;
mod evaluator;
mod rules;
mod state;

pub use alert::{Alert, AlertKind, Direction};
pub use evaluator::{Evaluation, Evaluator, Observation};
pub use rules::{AlertRules, Cooldown, QualityPolicy, Reversal, RulesError};
pub use state::{EvaluatorState, Fired, SeriesState};
