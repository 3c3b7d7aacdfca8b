//! The `livermore` command as a user meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod command_line;
mod demo;
mod recorded;
mod replay;
mod settings;
