//! The mock: as an example, and forwarding under the contract.

use std::sync::Arc;

use futures_util::FutureExt;
use livermore_core::{
    settings::{MemorySettingsStore, SettingsError, SettingsService, SettingsStore},
    testkit::{MockSettingsStore, SettingsFixture},
};

use super::toy::{Toy, by, doc, user};

#[tokio::test]
async fn what_is_invalid_does_not_reach_the_store() {
    let mut mock = MockSettingsStore::new();
    mock.expect_load().times(1).returning(|_| Ok(None));
    mock.expect_save().never();
    let service = SettingsService::<Toy>::new(Arc::new(mock));
    let invalid = doc(serde_json::json!({ "version": 2, "count": 1001 }));
    let answer = service.import(user(), &by(), &invalid).await;
    assert!(matches!(answer, Err(SettingsError::Invalid { .. })), "{answer:?}");
}

#[tokio::test]
async fn an_update_gives_up_after_its_tries() {
    let mut mock = MockSettingsStore::new();
    mock.expect_load().returning(|_| Ok(None));
    let conflict = |_, _| Err(SettingsError::Conflict { current: None });
    mock.expect_save().times(SettingsService::<Toy>::MAX_TRIES).returning(conflict);
    let service = SettingsService::<Toy>::new(Arc::new(mock));
    let answer = service.update(user(), &by(), |loaded| Ok(loaded.document.clone())).await;
    assert!(matches!(answer, Err(SettingsError::Conflict { .. })), "{answer:?}");
}

/// A mock that forwards to the store in memory, whose futures never wait.
mod forwarding_mock {
    use super::*;

    async fn fresh() -> SettingsFixture {
        let memory = Arc::new(MemorySettingsStore::new());
        let mut mock = MockSettingsStore::new();
        let to = memory.clone();
        mock.expect_capability().returning(move || to.capability());
        let to = memory.clone();
        mock.expect_load().returning(move |user| to.load(user).now_or_never().unwrap());
        let to = memory.clone();
        mock.expect_save().returning(move |user, save| to.save(user, save).now_or_never().unwrap());
        let to = memory.clone();
        mock.expect_history().returning(move |user, query| to.history(user, query).now_or_never().unwrap());
        let to = memory.clone();
        mock.expect_watch().returning(move |user| to.watch(user).now_or_never().unwrap());
        let to = memory.clone();
        mock.expect_users().returning(move |after, limit| to.users(after, limit).now_or_never().unwrap());
        mock.expect_close().returning(move || memory.close().now_or_never().unwrap());
        SettingsFixture::new(Arc::new(mock))
    }

    livermore_core::settings_store_contract!(fresh);
}
