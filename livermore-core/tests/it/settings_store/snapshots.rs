//! Snapshots for readers, with and without the store.

use std::{
    fs, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use livermore_core::{
    ids::{Revision, Timestamp, UserId},
    settings::{
        Expect, Freshness, HistoryEntry, HistoryQuery, MemorySettingsStore, Save, SettingsError, SettingsService,
        SettingsSnapshot, SettingsStore, SnapshotConfig, SnapshotFile, StoreCapability, Stored, WatchEvents, WriteStep,
    },
};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use super::toy::{Toy, by, doc, user};

/// A store that can be out of reach.
#[derive(Debug, Default)]
struct Flaky {
    memory: MemorySettingsStore,
    down: AtomicBool,
    /// Watches that tell nothing.
    deaf: bool,
}

impl Flaky {
    fn reach(&self) -> Result<&MemorySettingsStore, SettingsError> {
        let down = self.down.load(Ordering::SeqCst);
        let error = || SettingsError::Unavailable { step: "connecting".to_owned(), source: None };
        if down { Err(error()) } else { Ok(&self.memory) }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SettingsStore for Flaky {
    fn capability(&self) -> StoreCapability {
        self.memory.capability()
    }

    async fn load(&self, user: UserId) -> Result<Option<Stored>, SettingsError> {
        self.reach()?.load(user).await
    }

    async fn save(&self, user: UserId, save: Save) -> Result<Revision, SettingsError> {
        self.reach()?.save(user, save).await
    }

    async fn history(&self, user: UserId, query: HistoryQuery) -> Result<Vec<HistoryEntry>, SettingsError> {
        self.reach()?.history(user, query).await
    }

    async fn watch(&self, user: UserId) -> Result<WatchEvents, SettingsError> {
        let events = self.reach()?.watch(user).await?;
        Ok(if self.deaf { Box::pin(futures_util::stream::pending()) } else { events })
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, SettingsError> {
        self.reach()?.users(after, limit).await
    }

    async fn close(&self) {
        self.memory.close().await;
    }
}

/// A store, a service on it, a clock to be set, and the warnings.
struct Bench {
    store: Arc<Flaky>,
    service: SettingsService<Toy>,
    clock: Arc<AtomicI64>,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new(store: Flaky) -> Self {
        let store = Arc::new(store);
        let service = SettingsService::new(store.clone());
        Self { store, service, clock: Arc::new(AtomicI64::new(1_000)), warnings: Arc::default() }
    }

    async fn put(&self, document: Value) {
        let save = Save::new(Expect::Any, doc(document), by().actor, by().at);
        self.store.save(user(), save).await.unwrap();
    }

    fn config(&self) -> SnapshotConfig {
        let (clock, warnings) = (self.clock.clone(), self.warnings.clone());
        SnapshotConfig::new(move || Timestamp::from_millis(clock.load(Ordering::SeqCst)).unwrap())
            .with_warnings(move |warning| warnings.lock().unwrap().push(warning.to_string()))
    }

    fn down(&self, down: bool) {
        self.store.down.store(down, Ordering::SeqCst);
    }

    fn set_clock(&self, millis: i64) {
        self.clock.store(millis, Ordering::SeqCst);
    }

    fn warned(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock().unwrap())
    }
}

type Running = (oneshot::Sender<()>, JoinHandle<Result<(), SettingsError>>);

fn run(refresher: livermore_core::settings::SnapshotRefresher<Toy>) -> Running {
    let (stop, stopped) = oneshot::channel::<()>();
    (stop, tokio::spawn(refresher.run(async move { drop(stopped.await) })))
}

async fn next(reader: &mut livermore_core::settings::SnapshotReader<Toy>) -> Arc<SettingsSnapshot<Toy>> {
    timeout(Duration::from_mins(10), reader.changed()).await.expect("no new snapshot").unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn readers_see_every_change_and_share_one_snapshot() {
    let bench = Bench::new(Flaky::default());
    let (mut reader, refresher) = bench.service.snapshots(user(), bench.config()).await.unwrap();
    let mut other = refresher.reader();
    assert_eq!((reader.get().revision, reader.get().settings.count), (Revision::ZERO, 0));
    let (stop, running) = run(refresher);
    for count in 1..=5 {
        bench.service.change(user(), &by(), |toy| toy.count += 1).await.unwrap();
        let seen = next(&mut reader).await;
        assert_eq!((seen.settings.count, &seen.freshness), (count, &Freshness::Fresh));
        assert!(Arc::ptr_eq(&seen, other.get()));
    }
    drop(stop);
    running.await.unwrap().unwrap();
    assert_eq!(reader.get().settings.count, 5, "a reader keeps what it has");
    assert!(reader.changed().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_not_told_is_found_by_asking() {
    let bench = Bench::new(Flaky { deaf: true, ..Flaky::default() });
    let (mut reader, refresher) = bench.service.snapshots(user(), bench.config()).await.unwrap();
    let (_stop, _running) = run(refresher);
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.put(json!({ "version": 2, "count": 3 })).await;
    assert_eq!(next(&mut reader).await.settings.count, 3);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_leaves_the_last_settings_marked_with_their_age() {
    let bench = Bench::new(Flaky::default());
    bench.put(json!({ "version": 2, "count": 3 })).await;
    let (mut reader, mut refresher) = bench.service.snapshots(user(), bench.config()).await.unwrap();
    bench.down(true);
    bench.set_clock(61_000);
    refresher.refresh().await.unwrap();
    refresher.refresh().await.unwrap();
    let stale = reader.get().clone();
    assert_eq!(stale.settings.count, 3);
    assert_eq!(stale.stale_for(Timestamp::from_millis(61_000).unwrap()), Some(60_000));
    assert!(matches!(&stale.freshness, Freshness::Stale { reason, .. } if reason.contains("connecting")));
    let warned = bench.warned();
    assert!(warned.len() == 1 && warned[0].contains("stale"), "told once: {warned:?}");
    // Stale settings are for reading: a change needs the store.
    let change = bench.service.change(user(), &by(), |toy| toy.count += 1).await;
    assert!(matches!(change, Err(SettingsError::Unavailable { .. })), "{change:?}");
    bench.down(false);
    refresher.refresh().await.unwrap();
    assert_eq!((reader.get().stale_for(Timestamp::MAX), bench.warned().len()), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn settings_that_become_unreadable_leave_the_last_good_ones() {
    let bench = Bench::new(Flaky::default());
    bench.put(json!({ "version": 2, "count": 3 })).await;
    let (mut reader, refresher) = bench.service.snapshots(user(), bench.config()).await.unwrap();
    let (_stop, _running) = run(refresher);
    bench.put(json!({ "version": 2, "count": 2000 })).await;
    let stale = next(&mut reader).await;
    assert_eq!((stale.settings.count, stale.revision.get()), (3, 1));
    assert!(stale.stale_for(Timestamp::MAX).is_some());
    bench.put(json!({ "version": 2, "count": 4 })).await;
    let mended = next(&mut reader).await;
    assert_eq!((mended.settings.count, &mended.freshness), (4, &Freshness::Fresh));
}

#[tokio::test(start_paused = true)]
async fn a_closed_store_ends_the_refresher() {
    let bench = Bench::new(Flaky::default());
    let (_reader, refresher) = bench.service.snapshots(user(), bench.config()).await.unwrap();
    let (_stop, running) = run(refresher);
    bench.store.close().await;
    assert!(matches!(running.await.unwrap(), Err(SettingsError::Closed)));
}

#[tokio::test]
async fn case_43_a_start_without_the_store_uses_the_last_good_settings_and_never_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(Flaky::default());
    let config = || bench.config().with_cache(SnapshotFile::new(folder.path().join("cache")));
    bench.put(json!({ "version": 1, "colour": "red", "theirs": 1 })).await;
    bench.service.snapshots(user(), config()).await.unwrap();
    bench.down(true);
    bench.set_clock(31_000);
    let (mut reader, mut refresher) = bench.service.snapshots(user(), config()).await.unwrap();
    let stale = reader.get().clone();
    assert_eq!((stale.settings.color.as_str(), stale.revision.get()), ("red", 1));
    assert_eq!(stale.stale_for(Timestamp::from_millis(31_000).unwrap()), Some(30_000));
    assert_eq!(bench.warned().len(), 1);
    bench.down(false);
    refresher.refresh().await.unwrap();
    assert_eq!(reader.get().freshness, Freshness::Fresh);
    // Without a cache, or for a user who is not in it, there is nothing to go by.
    bench.down(true);
    let other = UserId::new(2).unwrap();
    for answer in
        [bench.service.snapshots(user(), bench.config()).await, bench.service.snapshots(other, config()).await]
    {
        assert!(matches!(answer, Err(SettingsError::Unavailable { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn case_73_a_full_disk_leaves_the_old_cache_and_a_damaged_one_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(Flaky::default());
    let cache = SnapshotFile::new(folder.path());
    let path = cache.path(user());
    bench.put(json!({ "version": 2, "count": 1 })).await;
    bench.service.snapshots(user(), bench.config().with_cache(cache.clone())).await.unwrap();
    let old = fs::read(&path).unwrap();

    bench.put(json!({ "version": 2, "count": 2 })).await;
    let steps = [WriteStep::ReplacementHalfWritten, WriteStep::ReplacementWritten, WriteStep::ReplacementSynced];
    for step in steps {
        let full = cache
            .clone()
            .with_faults(move |at| if at == step { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) });
        let (mut reader, _) = bench.service.snapshots(user(), bench.config().with_cache(full)).await.unwrap();
        assert_eq!(reader.get().settings.count, 2, "the settings do not depend on their cache");
        let warned = bench.warned();
        assert!(warned.len() == 1 && warned[0].contains("could not be written"), "{step:?}: {warned:?}");
        assert_eq!(fs::read(&path).unwrap(), old, "{step:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{step:?} has left something behind");
    }

    bench.down(true);
    let copied = cache.path(UserId::new(2).unwrap());
    fs::copy(&path, copied).unwrap();
    fs::write(&path, String::from_utf8(old).unwrap().replace(r#""count":1"#, r#""count":9"#)).unwrap();
    for user in [user(), UserId::new(2).unwrap()] {
        let answer = bench.service.snapshots(user, bench.config().with_cache(cache.clone())).await;
        assert!(matches!(answer, Err(SettingsError::Unavailable { .. })), "{answer:?}");
        let warned = bench.warned();
        assert!(warned.len() == 1 && warned[0].contains("damaged"), "{warned:?}");
    }
}

/// Whoever evaluates holds one snapshot: a change between two of its looks is seen by the next evaluation.
#[tokio::test]
async fn case_16_one_evaluation_sees_one_revision() {
    let bench = Bench::new(Flaky::default());
    // Revision, count and color always belong together.
    let document = |number: u64| json!({ "version": 2, "count": number, "color": number.to_string() });
    bench.put(document(1)).await;
    let (mut reader, mut refresher) = bench.service.snapshots(user(), bench.config()).await.unwrap();
    let mut other = refresher.reader();
    for number in 1..=100 {
        let evaluation = reader.get().clone();
        let first = (evaluation.revision.get(), evaluation.settings.count);
        bench.put(document(number + 1)).await;
        refresher.refresh().await.unwrap();
        assert_eq!(other.get().revision.get(), number + 1, "the change is there for whoever begins now");
        let again = evaluation.settings.color.parse().unwrap();
        let document = evaluation.document.as_map()["count"].as_u64();
        assert_eq!(
            (first, again, document, evaluation.revision.get()),
            ((number, number), number, Some(number), number)
        );
    }
    assert_eq!(reader.get().settings.count, 101);
}
