use std::{path::PathBuf, time::Duration};

use crate::disk::Hook;

/// Where a [`FileSettingsStore`](super::FileSettingsStore) keeps its files, and how much.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileStoreConfig {
    /// The folder. It is made when it is not there.
    pub folder: PathBuf,
    /// How long to wait for another process that uses the folder.
    pub lock_wait: Duration,
    /// How many revisions of each user are kept at least; at most twice as many are.
    pub history: usize,
    pub(super) hook: Hook,
}

impl FileStoreConfig {
    /// A store in `folder` that waits up to 2 seconds for it and keeps 1,000 revisions.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        // Two seconds outlast another command that only reads or saves, and are short enough for a person.
        Self { folder: folder.into(), lock_wait: Duration::from_secs(2), history: 1_000, hook: Hook::default() }
    }

    /// The same configuration with another longest wait for the folder.
    pub const fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// The same configuration with another number of revisions kept, at least one.
    pub const fn with_history(mut self, revisions: usize) -> Self {
        self.history = if revisions == 0 { 1 } else { revisions };
        self
    }

    /// The same configuration with a function that is called at every step of every write. It may fail, as a full disk
    /// does, or end the process.
    #[cfg(feature = "test-util")]
    pub fn with_faults(
        mut self,
        at: impl Fn(crate::disk::WriteStep) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.hook = Hook::new(at);
        self
    }
}
