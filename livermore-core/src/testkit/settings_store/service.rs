use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use serde_json::json;
use tokio::{sync::Barrier, task::JoinSet};

use super::{
    SettingsFixture,
    fixture::{document, id, revision, save},
    saving::WRITERS,
};
use crate::{
    ids::{Revision, UserId},
    settings::{
        Attribution, Expect, HistoryEntry, HistoryQuery, Path, Save, SettingsError, SettingsService, SettingsStore,
        Status, StoreCapability, Stored, UserSettings, WatchEvents,
    },
};

/// Of any number of updates at once all land, each on what the one before it made.
pub async fn writers_who_decide_again_all_land(fixture: SettingsFixture) {
    let begin = UserSettings::default().alerts.cooldowns.bars;
    let store = Together { store: fixture.store.clone(), begun: Barrier::new(8), loads: AtomicU64::new(0) };
    let service = SettingsService::<UserSettings>::new(Arc::new(store));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let service = service.clone();
        writers.spawn(async move {
            let updated = service.change(id(1), &by(), |settings| settings.alerts.cooldowns.bars += 1).await;
            let updated = updated.expect("an update was refused");
            (updated.revision.get(), updated.loaded.settings.alerts.cooldowns.bars)
        });
    }
    let mut made = fixture.within("the writers", writers.join_all()).await;
    made.sort_unstable();
    let expected: Vec<_> = (1..=WRITERS).zip(begin + 1..).collect();
    assert_eq!(made, expected, "revision and count of each writer");
    let history = fixture.history(1, HistoryQuery::newest(100)).await;
    let revisions: Vec<u64> = history.iter().map(|entry| entry.revision.get()).collect();
    assert_eq!(revisions, (1..=WRITERS).rev().collect::<Vec<_>>());
}

/// A document newer than the program is shown by a service, and not written by any of its calls.
pub async fn a_newer_document_is_shown_and_never_written(fixture: SettingsFixture) {
    let current = document(json!({ "version": 3 }));
    let newer = document(json!({ "version": 4, "mode": "scalper-macdv", "hologram": [{ "on": null, "of": 1.50 }] }));
    for stored in [&current, &newer] {
        fixture.save(1, Save { document: stored.clone(), ..save(1, Expect::Any) }).await;
    }
    let before = (fixture.load(1).await, fixture.history(1, HistoryQuery::newest(100)).await);
    let service = SettingsService::<UserSettings>::new(fixture.store.clone());
    let shown = fixture.within("load", service.load(id(1))).await.expect("the newer document is not shown");
    assert_eq!((shown.revision, shown.loaded.status), (revision(2), Status::Newer));
    assert_eq!(shown.loaded.document.to_json(), newer.to_json());
    let (by, mode) = (by(), Path::root().join("mode"));
    let patch = json!({ "mode": "position-monitor" });
    let answers = [
        ("update", service.update(id(1), &by, |_| Ok(current.clone())).await),
        ("update to itself", service.update(id(1), &by, |loaded| Ok(loaded.document.clone())).await),
        ("patch", service.patch(id(1), &by, &patch).await),
        ("set", service.set(id(1), &by, &mode, patch["mode"].clone()).await),
        ("remove", service.remove(id(1), &by, &mode).await),
        ("change", service.change(id(1), &by, |settings| settings.alerts.enabled = false).await),
        ("reset", service.reset(id(1), &by).await),
        ("import", service.import(id(1), &by, &current).await),
        ("import of a newer one", service.import(id(1), &by, &newer).await),
        ("save", service.save(id(1), &by, Expect::Any, &current).await),
        ("save over what is there", service.save(id(1), &by, Expect::Revision(revision(2)), &current).await),
        ("rollback", service.rollback(id(1), &by, revision(1)).await),
    ];
    for (call, answer) in answers {
        assert!(matches!(answer, Err(SettingsError::Newer { found: 4, max: 3 })), "{call} answered {answer:?}");
    }
    let after = (fixture.load(1).await, fixture.history(1, HistoryQuery::newest(100)).await);
    assert_eq!(after, before, "after calls that were refused");
    assert_eq!(fixture.stored(1).await.document.to_json(), newer.to_json());
}

fn by() -> Attribution {
    let Save { actor, at, .. } = save(1, Expect::Any);
    Attribution::new(actor, at)
}

/// A store whose first loads wait for each other, so that all the writers begin on the same revision.
#[derive(Debug)]
struct Together {
    store: Arc<dyn SettingsStore>,
    begun: Barrier,
    loads: AtomicU64,
}

#[async_trait]
impl SettingsStore for Together {
    fn capability(&self) -> StoreCapability {
        self.store.capability()
    }

    async fn load(&self, user: UserId) -> Result<Option<Stored>, SettingsError> {
        let loaded = self.store.load(user).await;
        if self.loads.fetch_add(1, Ordering::SeqCst) < WRITERS {
            self.begun.wait().await;
        }
        loaded
    }

    async fn save(&self, user: UserId, save: Save) -> Result<Revision, SettingsError> {
        self.store.save(user, save).await
    }

    async fn history(&self, user: UserId, query: HistoryQuery) -> Result<Vec<HistoryEntry>, SettingsError> {
        self.store.history(user, query).await
    }

    async fn watch(&self, user: UserId) -> Result<WatchEvents, SettingsError> {
        self.store.watch(user).await
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, SettingsError> {
        self.store.users(after, limit).await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
