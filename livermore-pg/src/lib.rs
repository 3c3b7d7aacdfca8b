#![doc = include_str!("../README.md")]

mod command_bells;
mod command_bus;
mod command_inbox;
mod command_log;
mod command_rows;
mod command_sql;
mod config;
mod connect;
mod error;
mod inspect;
mod listener;
mod migrate;
mod role_check;
mod settings_store;
mod watch;

pub use command_log::PgCommandLog;
pub use config::PgConfig;
pub use error::PgError;
pub use inspect::{PgInspection, PgSchema, inspect};
pub use livermore_core::Fault;
pub use migrate::{MIGRATION_FILES, SCHEMA_VERSION, migrate};
pub use settings_store::PgSettingsStore;
