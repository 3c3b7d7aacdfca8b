//! Tests of the crate from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod adapter;
mod fake;
mod rest;
mod wire;
