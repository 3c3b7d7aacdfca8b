//! Commands: what they mean, and the logs that keep them.

mod broken;
mod broken_log;
mod embedded;
mod laws;
mod meaning;
pub(crate) mod misheard_log;
mod mocks;
mod parsing;
mod schemas;
mod secrets;
