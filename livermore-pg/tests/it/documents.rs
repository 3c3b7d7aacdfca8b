//! Limits: what the program refuses, what the database refuses, and what happens when they were set aside.

use livermore_core::settings::{
    Document, Expect, Migrations, Problem, ProblemCode, Settings, SettingsError, SettingsStore, Status, load,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::support::{Database, database, number_of, numbered, save, save_of, user};

/// Puts JSON text into a user's row, past the program.
async fn put(database: &Database, id: u64, expression: &str) -> Result<(), String> {
    let mut admin = database.server.admin(&database.name).await;
    let sql = format!(
        "INSERT INTO livermore.users (id, settings, settings_revision) VALUES ({id}, ({expression})::jsonb, 1) \
         ON CONFLICT (id) DO UPDATE SET settings = excluded.settings"
    );
    match admin.execute(AssertSqlSafe(sql)).await {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(error.as_database_error().and_then(sqlx::error::DatabaseError::code).expect("a SQLSTATE").into_owned())
        }
    }
}

async fn expect_unreadable(database: &Database, expression: &str, place: &str) {
    let store = database.store().await;
    store.save(user(7), save(70)).await.unwrap();
    store.save(user(8), save(80)).await.unwrap();
    put(database, 7, expression).await.unwrap();
    let error = store.load(user(7)).await.unwrap_err();
    let SettingsError::Unreadable { reason } = &error else { panic!("{error:?}") };
    assert!(reason.contains("user 7") && reason.contains(place), "{reason}");
    assert_eq!(number_of(&store, 8).await.unwrap(), Some(80), "another user is not concerned");
    assert!(store.users(None, 10).await.unwrap().ends_with(&[user(7), user(8)]));
    store.save(user(7), save(71)).await.unwrap();
    assert_eq!(number_of(&store, 7).await.unwrap(), Some(71), "saving another one repairs it");
}

async fn expect_kept(database: &Database, value: Value) {
    let store = database.store().await;
    let document = Document::new(value).unwrap();
    store.save(user(1), save_of(document.clone(), Expect::Any)).await.unwrap();
    let stored = store.load(user(1)).await.unwrap().unwrap().document;
    assert_eq!(stored, document, "{}", document.to_json());
}

#[tokio::test]
async fn case_51_nul_is_refused_before_and_in_sql() {
    let Some(database) = database().await else { return };
    let refused = Document::parse(br#"{"version":1,"a":"\u0000"}"#).unwrap_err();
    assert_eq!(refused.0[0].code, ProblemCode::Nul);
    assert!(Document::parse(br#"{"version":1,"a":"\ud800"}"#).is_err(), "half a surrogate pair");
    assert_eq!(put(&database, 1, r#"'{"a":"\u0000"}'"#).await, Err("22P05".to_owned()));
    let store = database.store().await;
    let error = store.save(user(1), save(1).with_reason("a\0b")).await.unwrap_err();
    assert!(matches!(error, SettingsError::Invalid { .. }), "{error:?}");
}

#[tokio::test]
async fn case_52_numbers_that_cannot_be_read() {
    let Some(database) = database().await else { return };
    expect_unreadable(&database, r#"'{"version": 1, "threshold": 1e400}'"#, "number").await;
    expect_unreadable(&database, r#"'{"version": 1, "a": {"b": 9007199254740993}}'"#, "/a/b: number").await;
    let numbers = json!([1.5, 0.1, 1e17, -1e17, 1e15, 1e-7, 5e-324, 1.797e-300, 123_456_789.123_456_79, 0.0, 1.0]);
    expect_kept(&database, json!({ "version": 1, "numbers": numbers })).await;
}

#[tokio::test]
async fn case_53_nesting_that_cannot_be_read() {
    let Some(database) = database().await else { return };
    for depth in [Document::MAX_DEPTH, 128, 5_000] {
        let nested = format!(r#"'{{"version": 1, "a": ' || repeat('[', {depth}) || repeat(']', {depth}) || '}}'"#);
        expect_unreadable(&database, &nested, "too_deep").await;
    }
}

#[tokio::test]
async fn case_54_size() {
    let Some(database) = database().await else { return };
    assert!(Document::new(json!({ "version": 1, "a": "x".repeat(Document::MAX_BYTES) })).is_err());
    // As many separators as can be: every one of them gets a space in the database.
    let most = json!({ "a": vec![0; (Document::MAX_BYTES - 7) / 2] });
    assert!(Document::MAX_BYTES - most.to_string().len() <= 1);
    expect_kept(&database, most).await;
    assert_eq!(put(&database, 1, r#"'{"a": "' || repeat('x', 98304) || '"}'"#).await, Err("23514".to_owned()));
    expect_unreadable(&database, r#"'{"a": "' || repeat('x', 70000) || '"}'"#, "too_large").await;
    // Numbers that the database writes out in full.
    let store = database.store().await;
    let long = Document::new(json!({ "version": 1, "a": vec![1e-300; 1_000] })).unwrap();
    let error = store.save(user(3), save_of(long, Expect::Any)).await.unwrap_err();
    let SettingsError::Invalid { problems } = error else { panic!("{error:?}") };
    assert_eq!(problems[0].code, ProblemCode::TooLarge);
    assert_eq!(store.load(user(3)).await.unwrap(), None);
}

#[tokio::test]
async fn case_55_the_database_agrees_on_what_a_document_is() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    let table = [
        ("{}", true),
        (r#"{"version": 1}"#, true),
        (r#"{"version": 1e0}"#, true),
        (r#"{"version": 4294967295}"#, true),
        (r#"{"version": 4294967296}"#, false),
        (r#"{"version": 9223372036854775808}"#, false),
        (r#"{"version": "1"}"#, false),
        (r#"{"version": 1.5}"#, false),
        (r#"{"version": 1.0}"#, false),
        (r#"{"version": 0}"#, false),
        (r#"{"version": -1}"#, false),
        (r#"{"version": null}"#, false),
        (r#"{"version": {}}"#, false),
        ("[]", false),
        ("[1]", false),
        ("1", false),
        ("null", false),
        (r#""version""#, false),
    ];
    for (text, accepted) in table {
        let answer = put(&database, 1, &format!("'{text}'")).await;
        assert_eq!(answer, if accepted { Ok(()) } else { Err("23514".to_owned()) }, "the database on {text}");
        // jsonb has no exponents: 1e0 is 1 there, and the program would never write it.
        let Some(document) = Document::parse(text.as_bytes()).ok().filter(|_| !text.contains("e0")) else {
            continue;
        };
        let answer = store.save(user(2), save_of(document, Expect::Any)).await;
        match answer {
            Ok(_) => assert!(accepted, "the store on {text}"),
            Err(SettingsError::Invalid { problems }) => {
                assert!(!accepted, "the store on {text}");
                let Problem { pointer, code, .. } = &problems[0];
                assert!(
                    matches!(
                        (pointer.as_str(), code),
                        ("/version", ProblemCode::VersionInvalid) | ("", ProblemCode::Number)
                    ),
                    "{pointer} {code:?}"
                );
            }
            Err(error) => panic!("{text}: {error:?}"),
        }
    }
    // NULL is a user without settings.
    database.run("UPDATE livermore.users SET settings = NULL WHERE id = 1").await;
    assert_eq!(store.load(user(1)).await.unwrap(), None);
}

/// An app whose settings have one version.
#[derive(Serialize, Deserialize, Default, Clone, Debug)]
#[serde(default)]
struct App {
    number: u64,
}

impl Settings for App {
    fn migrations() -> &'static Migrations {
        static MIGRATIONS: std::sync::LazyLock<Migrations> =
            std::sync::LazyLock::new(|| Migrations::builder().build(1).expect("the chain is complete"));
        &MIGRATIONS
    }

    fn validate(&self) -> Vec<Problem> {
        Vec::new()
    }
}

#[tokio::test]
async fn case_56_a_newer_document_is_shown_and_kept() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    let newer =
        Document::new(json!({ "version": 9, "number": 4, "later": { "unknown": [1, { "x": null }] } })).unwrap();
    store.save(user(1), save_of(newer.clone(), Expect::Absent)).await.unwrap();
    let stored = store.load(user(1)).await.unwrap().unwrap();
    let loaded = load::<App>(Some(&stored.document)).unwrap();
    assert_eq!((loaded.status, loaded.settings.number, loaded.from), (Status::Newer, 4, 9));
    assert_eq!(store.load(user(1)).await.unwrap().unwrap(), stored);
    assert_eq!(stored.document, newer);
}

#[tokio::test]
async fn the_mode_column_follows_the_document_and_survives_any_text() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    for mode in [json!("position-monitor"), json!("x".repeat(60_000)), json!({ "not": "text" }), json!(null)] {
        let document = Document::new(json!({ "version": 3, "mode": mode })).unwrap();
        store.save(user(1), save_of(document, Expect::Any)).await.unwrap();
        let mut admin = database.server.admin(&database.name).await;
        let row = sqlx::query_as("SELECT mode FROM livermore.users WHERE id = 1").fetch_one(&mut admin).await;
        let (column,): (Option<String>,) = row.unwrap();
        let expected = mode.as_str().map(|mode| mode.chars().take(64).collect::<String>());
        assert_eq!(column, expected);
    }
    assert_eq!(numbered(1).to_json(), r#"{"number":1,"version":3}"#);
}
