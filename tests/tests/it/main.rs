//! The `livermore` command as a user meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod coinbase;
mod command_line;
#[cfg(unix)]
mod commands;
mod demo;
mod doctor;
mod recorded;
mod replay;
mod settings;
mod settings_environment;
#[cfg(unix)]
mod settings_folder;
mod settings_json;
#[cfg(unix)]
mod settings_pg;
mod stores;
