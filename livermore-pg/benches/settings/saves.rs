//! L and M: a save over a known revision, with history and notice.

use livermore_core::settings::{Document, Expect, SettingsStore};

use crate::{
    database::{Database, save, user},
    documents,
    table::{Plan, Section},
};

/// Saves of one measurement.
const SAVES: u64 = 20;
const FLOOR: &str = "one statement by hand";

/// What `settings_save` does in the end, without the tenant, the cause and the account of a conflict.
const BY_HAND: &str = "
WITH given AS MATERIALIZED (
    SELECT $3::text::jsonb AS document
), saved AS (
    UPDATE livermore.users u
    SET settings = g.document, settings_revision = u.settings_revision + 1, updated_at = now()
    FROM given g
    WHERE u.id = $1 AND u.settings_revision = $2
    RETURNING u.settings_revision
), logged AS (
    INSERT INTO livermore.settings_history AS h (user_id, revision, document, actor, reason, cause, at)
    SELECT $1, s.settings_revision, g.document, $4, NULL, NULL, timestamptz 'epoch' + $5 * interval '1 millisecond'
    FROM saved s, given g
    RETURNING h.revision
)
SELECT l.revision, pg_notify('livermore_settings', $1::text || ':' || l.revision::text)::text FROM logged l";

const FUNCTION: &str = "
SELECT revision, outcome FROM livermore.settings_save($1, $2, $3::text::jsonb, $4, NULL, NULL, $5)";

pub(crate) fn saves(plan: &Plan, database: &Database, title: &str) -> usize {
    let Database { runtime, store, by_hand, as_program } = database;
    let text = documents::current();
    let document = Document::parse(text.as_bytes()).expect("a document");
    // Each case has a user of its own, and so a revision of its own to count.
    (11..=13).for_each(|id| database.fill(id, &document));
    let mut section = Section::per(format!("{title}, {} bytes", text.len()), "ns/save");
    let mut revision = runtime.block_on(current(database, 11));
    section.case(FLOOR, SAVES, &[], || {
        runtime.block_on(async {
            let mut by_hand = by_hand.lock().await;
            for _ in 0..SAVES {
                revision = write(&mut by_hand, BY_HAND, 11, revision, &text).await;
            }
        });
    });
    let mut revision = runtime.block_on(current(database, 12));
    section.case("settings_save on a held connection", SAVES, &[(FLOOR, None)], || {
        runtime.block_on(async {
            let mut as_program = as_program.lock().await;
            for _ in 0..SAVES {
                revision = write(&mut as_program, FUNCTION, 12, revision, &text).await;
            }
        });
    });
    let mut expected = runtime.block_on(store.load(user(13))).expect("an answer").expect("settings").revision;
    section.case("PgSettingsStore::save", SAVES, &[(FLOOR, Some(1.15))], || {
        runtime.block_on(async {
            for _ in 0..SAVES {
                let save = save(&document, Expect::Revision(expected));
                expected = store.save(user(13), save).await.expect("saved");
            }
        });
    });
    section.run(plan)
}

async fn current(database: &Database, id: u64) -> i64 {
    let stored = database.store.load(user(id)).await.expect("an answer").expect("settings");
    stored.revision.get().cast_signed()
}

async fn write(
    connection: &mut sqlx::PgConnection,
    statement: &'static str,
    id: i64,
    revision: i64,
    text: &str,
) -> i64 {
    let asked = sqlx::query_as(statement).bind(id).bind(revision).bind(text).bind("bench").bind(0_i64);
    let (revision, _): (i64, Option<String>) = asked.fetch_one(connection).await.expect("a save");
    revision
}
