use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{Document, Settings, SettingsError, Status, Versioned};
use crate::ids::{Revision, Timestamp, UserId};

/// One user's settings at one moment: never changed, shared by all who read them.
#[derive(Clone)]
#[non_exhaustive]
pub struct SettingsSnapshot<S> {
    /// Whose.
    pub user: UserId,
    /// Which revision; zero where nothing is stored and these are the defaults.
    pub revision: Revision,
    /// The settings.
    pub settings: Arc<S>,
    /// The document they were read from, up to date.
    pub document: Arc<Document>,
    /// How the stored document relates to this program.
    pub status: Status,
    /// Whether this is what the store has.
    pub freshness: Freshness,
}

/// Whether a snapshot is what the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// As far as is known.
    Fresh,
    /// The last settings that could be read. They may be read, and nothing may be decided from them for good.
    Stale {
        /// When the store last confirmed them.
        as_of: Timestamp,
        /// Why nothing newer could be read.
        reason: String,
    },
}

/// Reads the newest snapshot of one user. Cheap to clone; each reader has its own.
///
/// It keeps working when whoever refreshes it has ended: then it stays as it is.
#[derive(Clone)]
pub struct SnapshotReader<S> {
    receiver: watch::Receiver<Arc<SettingsSnapshot<S>>>,
    held: Arc<SettingsSnapshot<S>>,
}

/// How snapshots are kept up to date.
#[derive(Clone)]
#[non_exhaustive]
pub struct SnapshotConfig {
    /// How often the store is asked without being prompted, in case a change was not told.
    pub poll: Duration,
    /// The clock, for the age of stale settings.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Told what went wrong without ending anything.
    pub warn: Arc<dyn Fn(SnapshotWarning) + Send + Sync>,
    /// Where the last good settings outlive the process.
    #[cfg(feature = "file")]
    pub cache: Option<super::SnapshotFile>,
}

/// Something that went wrong without ending anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SnapshotWarning {
    /// Told once, until the store answers again.
    #[error("the settings of user {user} are stale: {error}")]
    Stale { user: UserId, error: SettingsError },
    #[error("the settings of user {user} are read from the store again")]
    FreshAgain { user: UserId },
    #[error("changes to the settings of user {user} are not told; they are asked for instead: {error}")]
    NotWatching { user: UserId, error: SettingsError },
    #[error("the last good settings {file} are damaged and ignored")]
    CacheDamaged { file: String },
    #[error("the last good settings {file} could not be read: {error}")]
    CacheUnreadable { file: String, error: std::io::Error },
    #[error("the last good settings {file} could not be written; the old ones are as they were: {error}")]
    CacheNotWritten { file: String, error: std::io::Error },
}

impl<S> SettingsSnapshot<S> {
    pub(super) fn new(user: UserId, versioned: Versioned<S>, freshness: Freshness) -> Self {
        let Versioned { revision, loaded } = versioned;
        Self {
            user,
            revision,
            settings: Arc::new(loaded.settings),
            document: Arc::new(loaded.document),
            status: loaded.status,
            freshness,
        }
    }

    /// For how many milliseconds the store has not confirmed these settings; `None` while it does.
    pub fn stale_for(&self, now: Timestamp) -> Option<i64> {
        match &self.freshness {
            Freshness::Fresh => None,
            Freshness::Stale { as_of, .. } => Some(now.millis_since(*as_of).max(0)),
        }
    }
}

impl<S> SnapshotReader<S> {
    pub(super) fn new(mut receiver: watch::Receiver<Arc<SettingsSnapshot<S>>>) -> Self {
        let held = receiver.borrow_and_update().clone();
        Self { receiver, held }
    }

    /// The newest snapshot. While nothing has changed this is one atomic read.
    #[inline]
    pub fn get(&mut self) -> &Arc<SettingsSnapshot<S>> {
        // An error means that nobody refreshes any more: the last snapshot is still to be seen.
        if !matches!(self.receiver.has_changed(), Ok(false)) {
            self.renew();
        }
        &self.held
    }

    /// Out of line, so that looking whether anything has changed can be part of the caller's loop.
    #[cold]
    #[inline(never)]
    fn renew(&mut self) {
        self.held = self.receiver.borrow_and_update().clone();
    }

    /// Waits for another snapshot than the one [`get`](Self::get) gave last; `None` once nobody refreshes any more.
    pub async fn changed(&mut self) -> Option<&Arc<SettingsSnapshot<S>>> {
        self.receiver.changed().await.ok()?;
        self.renew();
        Some(&self.held)
    }
}

impl SnapshotConfig {
    /// Asks every 30 seconds and tells nobody of warnings.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            // Half the time after which a person wonders whether the change was lost.
            poll: Duration::from_secs(30),
            now: Arc::new(now),
            warn: Arc::new(|_| ()),
            #[cfg(feature = "file")]
            cache: None,
        }
    }

    /// The same configuration with another pause between questions.
    pub const fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// The same configuration, telling `warn` what goes wrong.
    pub fn with_warnings(mut self, warn: impl Fn(SnapshotWarning) + Send + Sync + 'static) -> Self {
        self.warn = Arc::new(warn);
        self
    }

    /// The same configuration, keeping the last good settings in a file.
    #[cfg(feature = "file")]
    pub fn with_cache(mut self, cache: super::SnapshotFile) -> Self {
        self.cache = Some(cache);
        self
    }
}

impl<S: Settings> SettingsSnapshot<S> {
    /// The same settings, no longer confirmed.
    pub(super) fn stale(&self, as_of: Timestamp, reason: String) -> Self {
        Self { freshness: Freshness::Stale { as_of, reason }, ..self.clone() }
    }
}

impl<S> fmt::Debug for SettingsSnapshot<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsSnapshot")
            .field("user", &self.user)
            .field("revision", &self.revision)
            .field("status", &self.status)
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for SnapshotReader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotReader").field("held", &self.held).finish_non_exhaustive()
    }
}

impl fmt::Debug for SnapshotConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotConfig").field("poll", &self.poll).finish_non_exhaustive()
    }
}
