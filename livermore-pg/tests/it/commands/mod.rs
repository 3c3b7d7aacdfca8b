//! The command log.

mod contract;
mod deciding;
mod differential;
mod faults;
mod hearing;
mod leases;
mod regressed;
mod secrets;
mod submitting;
mod support;
mod tenants;
