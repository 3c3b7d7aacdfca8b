//! Settings in files (feature `file`).

mod backward;
mod config;
mod report;
mod store;
mod user_files;

pub use config::FileStoreConfig;
pub use report::{FileFinding, FileReport, FileWarning};
pub use store::FileSettingsStore;
