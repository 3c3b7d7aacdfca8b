//! Nothing that is printed holds a password, a document or a row.

use std::{error::Error, fmt::Write as _};

use livermore_core::settings::{Document, Expect, SettingsStore};
use livermore_pg::{PgConfig, PgSettingsStore, migrate};
use livermore_tests::postgres::PASSWORD;
use serde_json::json;

use crate::support::{database, save_of, user};

/// Everything an error says, with its sources.
fn all_of(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, " {error} {error:?}");
        source = error.source();
    }
    text
}

#[tokio::test]
async fn no_password_document_or_row_is_printed() {
    const CANARY: &str = "canary-document";
    let Some(database) = database().await else { return };
    let store = database.store().await;
    let document = |text: String| Document::new(json!({ "version": 1, "secret": text })).unwrap();
    let mut said = vec![
        format!("{store:?} {store:#?}"),
        format!("{:?} {:#?}", database.config(), database.config()),
        all_of(&PgSettingsStore::connect(&PgConfig::from_url(database.url("postgres"))).await.unwrap_err()),
        all_of(&PgSettingsStore::connect(&PgConfig::from_url(database.url("nobody_here"))).await.unwrap_err()),
        all_of(&migrate(&database.config(), None).await.unwrap_err()),
    ];
    store.save(user(7), save_of(document(CANARY.to_owned()), Expect::Absent)).await.unwrap();
    said.push(all_of(&store.save(user(7), save_of(document(CANARY.to_owned()), Expect::Absent)).await.unwrap_err()));
    // A CHECK that fails: the server's DETAIL quotes the row.
    database
        .run("ALTER TABLE livermore.users ADD CONSTRAINT users_canary CHECK (settings_revision < 2) NOT VALID")
        .await;
    said.push(all_of(&store.save(user(7), save_of(document(CANARY.to_owned()), Expect::Any)).await.unwrap_err()));
    // A unique index that is violated: DETAIL quotes the key.
    database.run("ALTER TABLE livermore.users DROP CONSTRAINT users_canary").await;
    database.run("CREATE UNIQUE INDEX canary ON livermore.settings_history (md5(document::text))").await;
    said.push(all_of(&store.save(user(7), save_of(document(CANARY.to_owned()), Expect::Any)).await.unwrap_err()));
    // What cannot be read is named by place and kind.
    database
        .run(r#"UPDATE livermore.users SET settings = '{"version": 1, "number": 12345e400, "x": "canary-document"}'"#)
        .await;
    said.push(all_of(&store.load(user(7)).await.unwrap_err()));
    for text in &said {
        for canary in [CANARY, PASSWORD, "12345"] {
            assert!(!text.contains(canary), "{canary}: {text}");
        }
    }
    assert!(said[0].contains("livermore_app on 127.0.0.1"), "{}", said[0]);
}
