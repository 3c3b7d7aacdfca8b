//! Tests on a real PostgreSQL, which they start themselves. Numbers are the fault cases they prove.

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stop at the first surprise"
)]

mod adoption;
mod commands;
mod contract;
mod documents;
mod faults;
mod inspecting;
mod migrations;
mod round_trip;
mod secrets;
mod skipping;
mod sqlstates;
mod support;
mod tenants;
mod watching;
