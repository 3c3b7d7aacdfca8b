//! Per-user settings: a versioned JSON document behind a typed view.
//!
//! The stored thing is a [`Document`]; code sees its own type `S:` [`Settings`]. A change is made on the raw document, so
//! that keys this program does not know survive every save, at every depth. Old documents are brought up to date by
//! [`Migrations`] when they are read; a document newer than the program is shown and never written.
//!
//! Documents are kept in a [`SettingsStore`]: [`MemorySettingsStore`], `FileSettingsStore` (feature `file`), or any
//! other that passes the contract suite. [`SettingsService`] reads and changes them as `S`, and gives readers one
//! immutable [`SettingsSnapshot`] that is kept up to date.

mod diff;
mod document;
mod edit;
mod envelope;
mod error;
#[cfg(feature = "file")]
mod file;
mod load;
mod memory;
mod migrations;
mod path;
mod plain;
mod problem;
mod refresher;
mod reset;
mod schema;
mod service;
mod service_edits;
mod snapshot;
#[cfg(feature = "file")]
mod snapshot_file;
mod store;
mod text;
mod typed;
mod typed_change;
mod user;
mod watchers;

#[cfg(all(feature = "file", feature = "test-util"))]
pub use crate::disk::WriteStep;
pub use diff::{Change, ChangeKind, ThreeWay, diff, three_way};
pub use document::{Document, NotADocument};
pub use envelope::{EXPORT_VERSION, export, import};
pub use error::SettingsError;
#[cfg(feature = "file")]
pub use file::{FileFinding, FileReport, FileSettingsStore, FileStoreConfig, FileWarning};
pub use load::{Loaded, Settings, Status, load};
pub use memory::MemorySettingsStore;
pub use migrations::{AppliedStep, MigrationError, Migrations, MigrationsBuilder, MigrationsError, Step, StepFn};
pub use path::{Path, PathError};
pub use problem::{Problem, ProblemCode};
pub use refresher::SnapshotRefresher;
pub use reset::reset;
pub use schema::{schema, warnings};
pub use service::{Attribution, SettingsService, Versioned};
pub use snapshot::{Freshness, SettingsSnapshot, SnapshotConfig, SnapshotReader, SnapshotWarning};
#[cfg(feature = "file")]
pub use snapshot_file::SnapshotFile;
#[cfg(feature = "test-util")]
pub use store::MockSettingsStore;
pub use store::{
    Actor, Cause, Expect, HistoryEntry, HistoryQuery, Save, SettingsStore, StoreCapability, Stored, Verdict,
    WatchEvents,
};
pub use text::{LoadedText, load_text};
pub use typed_change::change;
pub use user::{
    AlertSettings, BinanceUsSettings, CoinbaseSettings, Cooldowns, DiscordSettings, EnvName, EnvNames, EnvPolicy,
    Exchanges, InvalidEnvName, LogLevel, LoggingSettings, Mode, OtherExchangeSettings, ProfileSettings,
    RuntimeSettings, ScannerSettings, SymbolSettings, TradingMode, UserSettings,
};
