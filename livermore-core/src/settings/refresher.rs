use std::{fmt, future::pending, pin::pin, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::{sync::watch, time::sleep};

use super::{
    Freshness, Settings, SettingsError, SettingsService, SettingsSnapshot, SnapshotConfig, SnapshotReader,
    SnapshotWarning, Stored, WatchEvents, service::read,
};
use crate::ids::{Timestamp, UserId};

/// How long to wait before a watch that has ended is begun again.
const AFTER_AN_END: Duration = Duration::from_millis(200);

/// Keeps the snapshot of one user up to date while its [`run`](Self::run) is polled.
pub struct SnapshotRefresher<S> {
    service: SettingsService<S>,
    user: UserId,
    config: SnapshotConfig,
    sender: watch::Sender<Arc<SettingsSnapshot<S>>>,
    /// When the store last confirmed what is in the snapshot.
    confirmed: Timestamp,
    #[cfg(feature = "file")]
    cached: Option<(crate::ids::Revision, Timestamp)>,
}

impl<S: Settings> SettingsService<S> {
    /// Begins to keep one user's settings at hand: a reader, and what keeps it up to date.
    ///
    /// When the store cannot be reached, the last good settings are used, marked as stale, if the configuration has a
    /// cache that holds them. Without them the store's error is the answer: the defaults are not what this user chose.
    pub async fn snapshots(
        &self,
        user: UserId,
        config: SnapshotConfig,
    ) -> Result<(SnapshotReader<S>, SnapshotRefresher<S>), SettingsError> {
        let now = (config.now)();
        let (snapshot, confirmed, stored) = match self.store().load(user).await {
            Ok(stored) => {
                let versioned = read(stored.as_ref())?;
                (SettingsSnapshot::new(user, versioned, Freshness::Fresh), now, stored)
            }
            Err(error) if error.is_retryable() => match last_good(user, &config).await {
                Some((stored, as_of)) => {
                    let freshness = Freshness::Stale { as_of, reason: error.to_string() };
                    let snapshot = SettingsSnapshot::new(user, read(Some(&stored))?, freshness);
                    (config.warn)(SnapshotWarning::Stale { user, error });
                    (snapshot, as_of, None)
                }
                None => return Err(error),
            },
            Err(error) => return Err(error),
        };
        let (sender, receiver) = watch::channel(Arc::new(snapshot));
        let mut refresher = SnapshotRefresher {
            service: self.clone(),
            user,
            config,
            sender,
            confirmed,
            #[cfg(feature = "file")]
            cached: None,
        };
        refresher.remember(stored.as_ref()).await;
        Ok((SnapshotReader::new(receiver), refresher))
    }
}

impl<S: Settings> SnapshotRefresher<S> {
    /// A further reader.
    pub fn reader(&self) -> SnapshotReader<S> {
        SnapshotReader::new(self.sender.subscribe())
    }

    /// Follows the store until `stop` is ready, or until the store is closed, which is the only error.
    ///
    /// A store that fails is asked again after [`poll`](SnapshotConfig::poll); meanwhile the snapshot is marked as
    /// stale. Settings that cannot be read, because they are invalid or damaged, count as a failure too: the last good
    /// ones stay.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) -> Result<(), SettingsError> {
        let mut stop = pin!(stop);
        let mut watch: Option<WatchEvents> = None;
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                done = self.step(&mut watch) => done?,
            }
            let told = async {
                match &mut watch {
                    Some(watch) => watch.next().await,
                    None => pending().await,
                }
            };
            let ended = tokio::select! {
                biased;
                () = &mut stop => return Ok(()),
                told = told => told.is_none(),
                () = sleep(self.config.poll) => false,
            };
            if ended {
                watch = None;
                // A store whose watches end at once must not be asked without a pause.
                tokio::select! {
                    () = &mut stop => return Ok(()),
                    () = sleep(AFTER_AN_END.min(self.config.poll)) => {}
                }
            }
        }
    }

    /// Watches if nobody does, then reads.
    async fn step(&mut self, watch: &mut Option<WatchEvents>) -> Result<(), SettingsError> {
        // The watch comes first: what is saved between the two is then read, or told, or both.
        if watch.is_none() {
            match self.service.store().watch(self.user).await {
                Ok(events) => *watch = Some(events),
                Err(SettingsError::Closed) => return Err(SettingsError::Closed),
                Err(error) => (self.config.warn)(SnapshotWarning::NotWatching { user: self.user, error }),
            }
        }
        self.refresh().await
    }

    /// Reads the store once and publishes what is new. The only error is a closed store.
    pub async fn refresh(&mut self) -> Result<(), SettingsError> {
        let stored = self.service.store().load(self.user).await;
        let answer = stored.and_then(|stored| Ok((read::<S>(stored.as_ref())?, stored)));
        let held = self.sender.borrow().clone();
        match answer {
            Ok((versioned, stored)) => {
                self.confirmed = (self.config.now)();
                let was_stale = held.freshness != Freshness::Fresh;
                if was_stale {
                    (self.config.warn)(SnapshotWarning::FreshAgain { user: self.user });
                }
                if was_stale || held.revision != versioned.revision {
                    let snapshot = SettingsSnapshot::new(self.user, versioned, Freshness::Fresh);
                    self.sender.send_replace(Arc::new(snapshot));
                }
                self.remember(stored.as_ref()).await;
            }
            Err(SettingsError::Closed) => return Err(SettingsError::Closed),
            Err(error) => {
                if held.freshness == Freshness::Fresh {
                    self.sender.send_replace(Arc::new(held.stale(self.confirmed, error.to_string())));
                    (self.config.warn)(SnapshotWarning::Stale { user: self.user, error });
                }
            }
        }
        Ok(())
    }
}

#[cfg(feature = "file")]
impl<S: Settings> SnapshotRefresher<S> {
    /// Puts what the store has confirmed into the cache: when it is new, and now and then for its time.
    async fn remember(&mut self, stored: Option<&Stored>) {
        const EVERY_MS: i64 = 60_000;
        let (Some(cache), Some(stored)) = (&self.config.cache, stored) else { return };
        let known = |(revision, at)| revision == stored.revision && self.confirmed.millis_since(at) < EVERY_MS;
        if self.cached.is_some_and(known) {
            return;
        }
        match cache.write(self.user, stored.clone(), self.confirmed).await {
            Ok(()) => self.cached = Some((stored.revision, self.confirmed)),
            Err(error) => {
                let file = cache.path(self.user).display().to_string();
                (self.config.warn)(SnapshotWarning::CacheNotWritten { file, error });
            }
        }
    }
}

#[cfg(feature = "file")]
async fn last_good(user: UserId, config: &SnapshotConfig) -> Option<(Stored, Timestamp)> {
    let cache = config.cache.as_ref()?;
    cache.read(user).await.unwrap_or_else(|warning| {
        (config.warn)(warning);
        None
    })
}

#[cfg(not(feature = "file"))]
impl<S: Settings> SnapshotRefresher<S> {
    #[allow(clippy::unused_async, clippy::unused_self, reason = "as with a cache")]
    async fn remember(&mut self, _: Option<&Stored>) {}
}

#[cfg(not(feature = "file"))]
#[allow(clippy::unused_async, reason = "as with a cache")]
async fn last_good(_: UserId, _: &SnapshotConfig) -> Option<(Stored, Timestamp)> {
    None
}

impl<S> fmt::Debug for SnapshotRefresher<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotRefresher").field("user", &self.user).finish_non_exhaustive()
    }
}
