#![doc = include_str!("../README.md")]

mod config;
mod connect;
mod error;
mod inspect;
mod migrate;
mod role_check;
mod settings_store;
mod watch;

pub use config::PgConfig;
pub use error::{Fault, PgError};
pub use inspect::{PgInspection, PgSchema, inspect};
pub use migrate::{MIGRATION_FILES, SCHEMA_VERSION, migrate};
pub use settings_store::PgSettingsStore;
