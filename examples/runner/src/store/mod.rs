//! Where settings are kept: `--store`, and `livermore store`.

mod folder_lock;
mod migrate;
mod options;
#[cfg(feature = "pg")]
mod postgres;
mod status;
mod url;

pub(crate) use folder_lock::{FolderLock, Holder};
pub(crate) use options::{StoreOption, StoreOptions};
pub(crate) use url::{Place, StoreUrl, without_passwords};

use std::{path::Path, sync::Arc};

use livermore_core::settings::{FileSettingsStore, FileStoreConfig, SettingsError, SettingsStore};

use self::options::StoreCommand;
use crate::{failure::Failure, runtime};

/// The file that says who uses the settings of a folder.
pub(crate) const SETTINGS_LOCK: &str = "lock";

pub(crate) fn run(options: &StoreOptions) -> Result<(), Failure> {
    runtime::block_on(async {
        match &options.command {
            StoreCommand::Migrate { grant } => migrate::run(options, grant.as_deref()).await,
            StoreCommand::Status => status::run(options).await,
        }
    })
}

/// Opens a store, and says on standard error what was found wrong and mended.
pub(crate) async fn open(url: &StoreUrl) -> Result<Arc<dyn SettingsStore>, Failure> {
    match url.place()? {
        Place::Folder(folder) => open_folder(folder).await,
        #[cfg(feature = "pg")]
        Place::Postgres(url) => postgres::open(url).await,
        #[cfg(not(feature = "pg"))]
        Place::Postgres(_) => Err(Failure::WithoutPostgres),
    }
}

async fn open_folder(folder: &str) -> Result<Arc<dyn SettingsStore>, Failure> {
    let (store, report) = match FileSettingsStore::open(FileStoreConfig::new(folder)).await {
        Err(SettingsError::Busy { .. }) => {
            let holder = match FolderLock::of(Path::new(folder), SETTINGS_LOCK) {
                Ok(FolderLock::Held(holder)) => holder,
                _ => None,
            };
            return Err(Failure::FolderInUse { folder: folder.to_owned(), holder });
        }
        opened => opened?,
    };
    for warning in &report.warnings {
        eprintln!("livermore: {folder}: {warning}");
    }
    Ok(Arc::new(store))
}
