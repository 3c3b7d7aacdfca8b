//! The whole test of a settings store: the contract, sentence by sentence.

#![allow(missing_docs, clippy::unused_async, reason = "tests; this store has nothing to wait for")]

use std::sync::Arc;

use livermore_core::testkit::SettingsFixture;
use livermore_third_party_store::JournalStore;

async fn fresh() -> SettingsFixture {
    SettingsFixture::new(Arc::new(JournalStore::new()))
}

livermore_core::settings_store_contract!(fresh);
