//! The contract of the settings store.

use std::{sync::Arc, time::Duration};

use livermore_core::{
    settings::{MemorySettingsStore, SettingsStore},
    testkit::SettingsFixture,
};
use livermore_pg::PgSettingsStore;

use crate::support::database;

async fn fresh() -> SettingsFixture {
    let Some(database) = database().await else {
        // Skipped, and said so: something has to pass in its place.
        return SettingsFixture::new(Arc::new(MemorySettingsStore::new()));
    };
    let (store, config) = (database.store().await, database.config());
    SettingsFixture::new(Arc::new(store))
        .with_reopen(move || {
            let config = config.clone();
            async move {
                let store = PgSettingsStore::connect(&config).await.expect("the store connects again");
                Arc::new(store) as Arc<dyn SettingsStore>
            }
        })
        .with_patience(Duration::from_secs(20))
        .with_guard(database)
}

livermore_core::settings_store_contract!(fresh, #[tokio::test]);
