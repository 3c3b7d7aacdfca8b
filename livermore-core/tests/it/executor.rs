//! The executor over the log in memory, in paused time.

mod deciding;
mod leading;
mod planes;
mod regression;
mod support;
