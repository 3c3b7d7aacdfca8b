//! The executor over the log in memory, in paused time.

mod deciding;
mod leading;
mod outage;
mod planes;
mod regression;
mod support;
mod volatile;
