//! K: one user's settings out of the database.

use std::hint::black_box;

use livermore_core::settings::{Document, SettingsStore, UserSettings, load};

use crate::{
    database::{Database, user},
    documents,
    table::{Plan, Section},
};

/// Loads of one measurement.
const LOADS: u64 = 50;
const FLOOR: &str = "SELECT by hand, text only";

pub(crate) fn loads(plan: &Plan, database: &Database) -> usize {
    let Database { runtime, store, by_hand, as_program } = database;
    let text = documents::current();
    let document = Document::parse(text.as_bytes()).expect("a document");
    database.fill(1, &document);
    let mut section = Section::per(format!("K. A load of {} bytes", text.len()), "ns/load");
    section.case(FLOOR, LOADS, &[], || {
        runtime.block_on(async {
            let mut by_hand = by_hand.lock().await;
            for _ in 0..LOADS {
                black_box(
                    select(&mut by_hand, "SELECT settings_revision, settings::text FROM livermore.users WHERE id = $1")
                        .await,
                );
            }
        });
    });
    section.case("settings_load on a held connection", LOADS, &[(FLOOR, None)], || {
        runtime.block_on(async {
            let mut as_program = as_program.lock().await;
            for _ in 0..LOADS {
                black_box(select(&mut as_program, "SELECT revision, document FROM livermore.settings_load($1)").await);
            }
        });
    });
    section.case("PgSettingsStore::load", LOADS, &[(FLOOR, None)], || {
        runtime.block_on(async {
            for _ in 0..LOADS {
                black_box(store.load(user(1)).await.expect("an answer"));
            }
        });
    });
    section.case("PgSettingsStore::load and typed", LOADS, &[(FLOOR, Some(1.5))], || {
        runtime.block_on(async {
            for _ in 0..LOADS {
                let stored = store.load(user(1)).await.expect("an answer").expect("settings");
                black_box(load::<UserSettings>(Some(&stored.document)).expect("right settings"));
            }
        });
    });
    section.run(plan)
}

async fn select(connection: &mut sqlx::PgConnection, statement: &'static str) -> (i64, String) {
    sqlx::query_as(statement).bind(1_i64).fetch_one(connection).await.expect("a row")
}
