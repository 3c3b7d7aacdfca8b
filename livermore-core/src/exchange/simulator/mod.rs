//! A market that needs no network: seeded, deterministic, and able to misbehave on request.

mod config;
mod feed;
mod history;
mod listing;
mod market;
mod regime;
mod rng;
#[allow(clippy::module_inception, reason = "the type of the room's name")]
mod simulator;

pub use config::{Fault, FaultKind, SimulatorConfig};
pub use market::SimMarket;
pub use rng::SplitMix64;
pub use simulator::Simulator;
