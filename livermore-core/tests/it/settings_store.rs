//! The settings stores of this crate, against the contract and beyond it.

#![allow(clippy::unused_async, reason = "the suite takes an async fn, and some have nothing to wait for")]

mod broken;
mod file;
#[cfg(unix)]
mod killed; // it tells a killed process by its lack of an exit code
mod memory;
mod mock;
mod service;
mod snapshots;
mod toy;
