//! A table that was there before.

use std::sync::Arc;

use livermore_core::settings::{Expect, HistoryQuery, SettingsService, SettingsStore, Status, UserSettings};

use crate::support::{by, database, numbered, revision, save, save_of, user};

const ADOPT: &str = include_str!("../../sql/adopt_users_table.sql");

#[tokio::test]
async fn the_published_sql_adopts_an_existing_table() {
    let Some(database) = database().await else { return };
    database
        .run(
            r#"CREATE TABLE public.users (id serial PRIMARY KEY, username text, settings jsonb DEFAULT '{"version": 1}');
               INSERT INTO public.users (username, settings) VALUES
                   ('ann', '{"version": 1, "symbols": ["BTC-USD"], "perseus_profile": {"unknown": [1]}}'),
                   ('bob', NULL), ('cid', '{"version": "1"}'), ('dan', '[]'), ('eve', '{"symbols": ["ETH-USD"]}'),
                   ('fay', '{}'), ('guy', '{"version": null}'), ('hal', '7')"#,
        )
        .await;
    let store = database.store().await;
    for _ in 0..2 {
        database.run(ADOPT).await;
        assert_eq!(store.users(None, 10).await.unwrap(), [user(1), user(5), user(6)]);
    }
    let ann = store.load(user(1)).await.unwrap().unwrap();
    assert_eq!(ann.revision, revision(1));
    assert_eq!(ann.document.to_json(), r#"{"perseus_profile":{"unknown":[1]},"symbols":["BTC-USD"],"version":1}"#);
    let history = store.history(user(1), HistoryQuery::newest(10)).await.unwrap();
    assert_eq!((history.len(), history[0].actor.as_str()), (1, "adoption"));
    assert_eq!(store.load(user(2)).await.unwrap(), None);
    // Old rows without a version are version 1, and live on like any other.
    let service = SettingsService::<UserSettings>::new(Arc::new(store.clone()));
    for (id, symbols) in [(5, vec!["ETH-USD"]), (6, vec![])] {
        let adopted = service.load(user(id)).await.unwrap();
        assert_eq!((adopted.revision, adopted.loaded.from, adopted.loaded.status), (revision(1), 1, Status::Migrated));
        assert_eq!(adopted.loaded.settings.symbols.monitored.len(), symbols.len());
        let changed = service.change(user(id), &by(), |settings| settings.alerts.enabled = false).await.unwrap();
        assert_eq!((changed.revision, changed.loaded.document.version()), (revision(2), Ok(3)));
    }
    assert_eq!(service.rollback(user(5), &by(), revision(1)).await.unwrap().revision, revision(3));
    store.save(user(1), save_of(numbered(2), Expect::Revision(revision(1)))).await.unwrap();
    store.save(user(3), save_of(numbered(3), Expect::Absent)).await.unwrap();
    // Row-level security is back, or the store would not connect; and a user the app does not have has no settings.
    let store = database.store().await;
    assert!(store.save(user(99), save(1)).await.is_err());
    database.run("DELETE FROM public.users WHERE id = 1").await;
    assert_eq!(store.users(None, 10).await.unwrap(), [user(3), user(5), user(6)]);
    assert_eq!(store.history(user(1), HistoryQuery::newest(10)).await.unwrap(), []);
}
