//! Against real servers.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod acl;
mod basics;
mod commands_used;
mod contract;
mod faults;
mod ingress;
mod loss;
mod support;
