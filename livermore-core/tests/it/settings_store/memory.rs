//! The store in memory, and the forms in which stores are held.

use std::sync::Arc;

use livermore_core::{
    ids::UserId,
    settings::{Actor, Document, Expect, HistoryQuery, MemorySettingsStore, Save, SettingsStore},
    testkit::SettingsFixture,
};

mod memory_suite {
    use super::*;

    async fn fresh() -> SettingsFixture {
        SettingsFixture::new(Arc::new(MemorySettingsStore::new()))
    }

    livermore_core::settings_store_contract!(fresh);
}

/// The form in which stores come out of a configuration.
mod boxed_suite {
    use super::*;

    async fn fresh() -> SettingsFixture {
        let boxed: Box<dyn SettingsStore> = Box::new(MemorySettingsStore::new());
        SettingsFixture::new(boxed.into())
    }

    livermore_core::settings_store_contract!(fresh, #[tokio::test]);
}

#[tokio::test]
async fn the_oldest_revisions_are_forgotten_beyond_the_bound() {
    let store = MemorySettingsStore::new();
    let user = UserId::new(1).unwrap();
    let at = livermore_core::ids::Timestamp::EPOCH;
    let saves = MemorySettingsStore::HISTORY + 10;
    for _ in 0..saves {
        let document = Document::new(serde_json::json!({ "version": 1 })).unwrap();
        let save = Save::new(Expect::Any, document, Actor::new("test").unwrap(), at);
        store.save(user, save).await.unwrap();
    }
    let history = store.history(user, HistoryQuery::newest(usize::MAX)).await.unwrap();
    assert_eq!(history.len(), MemorySettingsStore::HISTORY);
    assert_eq!(history[0].revision.get(), saves as u64);
}
