use std::{fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Document, SnapshotWarning, Stored};
use crate::{
    disk::{Hook, decode, encode, private_folder, replace},
    ids::{Revision, Timestamp, UserId},
};

/// A folder with the last good settings of each user, for a start without the store.
///
/// A file is replaced as a whole, or stays as it was, and has a checksum: one that is damaged is ignored.
#[derive(Debug, Clone)]
pub struct SnapshotFile {
    folder: PathBuf,
    hook: Hook,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    user: UserId,
    revision: Revision,
    as_of: Timestamp,
    document: Document,
}

impl SnapshotFile {
    /// A cache in `folder`, which is made when something is written.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), hook: Hook::default() }
    }

    /// The file of a user.
    pub fn path(&self, user: UserId) -> PathBuf {
        self.folder.join(format!("{user}.last-good.json"))
    }

    /// The same cache with a function that is called at every step of a write, and may fail.
    #[cfg(feature = "test-util")]
    pub fn with_faults(mut self, at: impl Fn(super::WriteStep) -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.hook = Hook::new(at);
        self
    }

    /// What was stored, and when that was last known.
    pub(super) async fn read(&self, user: UserId) -> Result<Option<(Stored, Timestamp)>, SnapshotWarning> {
        let path = self.path(user);
        let file = path.display().to_string();
        let bytes = match spawn_blocking(move || fs::read(path)).await.unwrap_or_else(|_| Err(interrupted())) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SnapshotWarning::CacheUnreadable { file, error }),
        };
        // The name of the user is in the file too: a copied file must not give one user the settings of another.
        let entry = decode::<Entry>(&bytes).filter(|entry| entry.user == user);
        let Some(Entry { revision, as_of, document, .. }) = entry else {
            return Err(SnapshotWarning::CacheDamaged { file });
        };
        Ok(Some((Stored { revision, document }, as_of)))
    }

    pub(super) async fn write(&self, user: UserId, stored: Stored, as_of: Timestamp) -> io::Result<()> {
        let (path, cache) = (self.path(user), self.clone());
        let write = move || {
            private_folder(&cache.folder)?;
            let Stored { revision, document } = stored;
            replace(&path, &encode(&Entry { user, revision, as_of, document })?, &cache.hook)
        };
        spawn_blocking(write).await.unwrap_or_else(|_| Err(interrupted()))
    }
}

fn interrupted() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "the program is ending")
}
