//! Settings in files (feature `file`).

mod backward;
mod config;
mod disk;
mod lock;
mod record;
mod report;
mod store;
mod user_files;

pub use config::FileStoreConfig;
#[cfg(feature = "test-util")]
pub use disk::WriteStep;
pub use report::{FileFinding, FileReport, FileWarning};
pub use store::FileSettingsStore;

pub(super) use disk::{Hook, private_folder, replace};
pub(super) use record::{decode, encode};
