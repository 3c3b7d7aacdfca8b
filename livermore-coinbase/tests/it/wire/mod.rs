//! What travels, and what it means.

mod bodies;
mod deviations;
mod fixtures;
mod frames;
mod fuzzing;
mod no_allocation;
pub(crate) mod samples;
