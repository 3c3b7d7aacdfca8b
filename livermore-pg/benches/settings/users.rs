//! N: a trial migration of every user, one load a user as `livermore settings migrate` does.

use std::hint::black_box;

use livermore_core::settings::{SettingsStore, Status, UserSettings, load};

use crate::{
    database::Database,
    documents,
    table::{Plan, Section},
};

/// Users asked for at a time.
const PAGE: usize = 500;

pub(crate) fn dry_run(plan: &Plan, database: &Database) -> usize {
    let count: u64 = if plan.is_smoke_test() { 100 } else { 100_000 };
    let Database { runtime, store, by_hand, .. } = database;
    runtime.block_on(async {
        let rows = "INSERT INTO livermore.users (id, settings, settings_revision)
            SELECT 1000 + number, $1::text::jsonb, 1 FROM generate_series(1, $2) AS number";
        let filled = sqlx::query(rows).bind(documents::version_1()).bind(count.cast_signed());
        filled.execute(&mut *by_hand.lock().await).await.expect("filled");
    });
    assert!(runtime.block_on(migrated(store)) >= count, "not all users were read");
    let mut section = Section::per(format!("N. Trial migration of {count} users"), "ns/user");
    section.case("users, load and migrate", count, &[], || {
        black_box(runtime.block_on(migrated(store)));
    });
    section.run(&plan.with_rounds(if plan.is_smoke_test() { 1 } else { 3 }))
}

async fn migrated(store: &dyn SettingsStore) -> u64 {
    let (mut after, mut migrated) = (None, 0);
    loop {
        let users = store.users(after, PAGE).await.expect("users");
        let Some(last) = users.last() else { return migrated };
        after = Some(*last);
        for user in users {
            let stored = store.load(user).await.expect("a store that answers").expect("a user who is there");
            let loaded = load::<UserSettings>(Some(&stored.document)).expect("right settings");
            migrated += u64::from(loaded.status == Status::Migrated);
        }
    }
}
