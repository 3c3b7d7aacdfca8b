use std::{path::PathBuf, time::Duration};

use super::super::ControlPolicy;
use crate::disk::Hook;

/// Where a command log keeps its journal, and how much.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileLogConfig {
    /// The folder. It is made when it is not there, and may be that of a
    /// [`FileSettingsStore`](crate::settings::FileSettingsStore) too.
    pub folder: PathBuf,
    /// The limits of the log.
    pub policy: ControlPolicy,
    /// How long to wait for another process that uses the folder.
    pub lock_wait: Duration,
    /// From so many bytes on the journal is shortened when half of it no longer counts.
    pub shorten_from: u64,
    pub(super) hook: Hook,
}

impl FileLogConfig {
    /// A log in `folder` that waits up to 2 seconds for it and shortens a journal of 1 MiB or more.
    pub fn new(folder: impl Into<PathBuf>, policy: ControlPolicy) -> Self {
        Self {
            folder: folder.into(),
            policy,
            // Outlasts a process that is just ending, and is short enough for a person.
            lock_wait: Duration::from_secs(2),
            // A lease that is renewed every 3 s writes this much in some hours; reading it again takes milliseconds.
            shorten_from: 1024 * 1024,
            hook: Hook::default(),
        }
    }

    /// The same configuration with another longest wait for the folder.
    pub const fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// The same configuration with another size from which on the journal is shortened.
    pub const fn with_shorten_from(mut self, bytes: u64) -> Self {
        self.shorten_from = bytes;
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
