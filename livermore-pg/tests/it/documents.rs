//! Limits: what the program refuses, what the database refuses, and what happens when they were set aside.

use std::sync::Arc;

use livermore_core::settings::{
    Document, Expect, Migrations, NotADocument, Problem, ProblemCode, Settings, SettingsError, SettingsService,
    SettingsStore, Status, UserSettings, load,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::{Database, by, database, number_of, numbered, save, save_of, user};

/// Puts JSON text into a user's row, past the program.
async fn put(database: &Database, id: u64, expression: &str) -> Result<(), String> {
    let sql = format!(
        "INSERT INTO livermore.users (id, settings, settings_revision) VALUES ({id}, ({expression})::jsonb, 1) \
         ON CONFLICT (id) DO UPDATE SET settings = excluded.settings"
    );
    database.refuses(&sql).await.map_or(Ok(()), Err)
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
    let numbers =
        json!([1.5, 0.1, 9_007_199_254_740_991.0, 1e15, 1e-7, 5e-324, 1.797e-300, 123_456_789.123_456_79, 0.0, 1.0]);
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
    let most = json!({ "a": vec![0; (Document::MAX_BYTES - 19) / 2], "version": 1 });
    assert!(Document::MAX_BYTES - most.to_string().len() <= 1);
    expect_kept(&database, most).await;
    assert_eq!(
        put(&database, 1, r#"'{"version": 1, "a": "' || repeat('x', 98304) || '"}'"#).await,
        Err("23514".to_owned())
    );
    expect_unreadable(&database, r#"'{"version": 1, "a": "' || repeat('x', 70000) || '"}'"#, "too_large").await;
    // Numbers that the database writes out in full: refused by the program first.
    expect_kept(&database, json!({ "version": 1, "a": vec![1e-300; 216] })).await;
    let NotADocument(refused) = Document::new(json!({ "version": 1, "a": vec![1e-300; 217] })).unwrap_err();
    assert_eq!(refused[0].code, ProblemCode::TooLarge);
}

#[tokio::test]
async fn case_55_program_and_database_agree_on_what_a_document_is() {
    use ProblemCode::{NotAnObject, Number, VersionInvalid, VersionMissing};

    let Some(database) = database().await else { return };
    let store = database.store().await;
    let table = [
        (r#"{"version": 1}"#, None),
        (r#"{"version": 4294967295}"#, None),
        ("{}", Some(VersionMissing)),
        (r#"{"number": 1, "inner": {"version": 1}}"#, Some(VersionMissing)),
        (r#"{"Version": 1}"#, Some(VersionMissing)),
        (r#"{"version": 4294967296}"#, Some(VersionInvalid)),
        (r#"{"version": 9223372036854775808}"#, Some(Number)),
        (r#"{"version": "1"}"#, Some(VersionInvalid)),
        (r#"{"version": 1.5}"#, Some(VersionInvalid)),
        (r#"{"version": 1.0}"#, Some(VersionInvalid)),
        (r#"{"version": 0}"#, Some(VersionInvalid)),
        (r#"{"version": -1}"#, Some(VersionInvalid)),
        (r#"{"version": null}"#, Some(VersionInvalid)),
        (r#"{"version": true}"#, Some(VersionInvalid)),
        (r#"{"version": {}}"#, Some(VersionInvalid)),
        (r#"{"version": [1]}"#, Some(VersionInvalid)),
        ("[]", Some(NotAnObject)),
        ("[1]", Some(NotAnObject)),
        (r#"[{"version": 1}]"#, Some(NotAnObject)),
        ("1", Some(NotAnObject)),
        ("true", Some(NotAnObject)),
        ("null", Some(NotAnObject)),
        (r#""version""#, Some(NotAnObject)),
    ];
    database.run("INSERT INTO livermore.users (id) VALUES (3)").await;
    for (revision, (text, refused)) in (1..).zip(table) {
        let expected = refused.map_or(Ok(()), |_| Err("23514".to_owned()));
        assert_eq!(put(&database, 1, &format!("'{text}'")).await, expected, "livermore.users on {text}");
        let insert = "INSERT INTO livermore.settings_history (user_id, revision, document, actor, at)";
        let logged = database.refuses(&format!("{insert} VALUES (3, {revision}, '{text}', 'a', now())")).await;
        assert_eq!(logged.as_deref(), refused.map(|_| "23514"), "livermore.settings_history on {text}");
        let answer = match Document::parse(text.as_bytes()) {
            Ok(document) => store.save(user(2), save_of(document, Expect::Any)).await.map(drop),
            Err(error) => Err(error.into()),
        };
        match answer {
            Ok(()) => assert_eq!(refused, None, "the program on {text}"),
            Err(SettingsError::Invalid { problems }) => {
                assert_eq!(
                    problems.iter().map(|problem| problem.code).collect::<Vec<_>>(),
                    Vec::from_iter(refused),
                    "{text}"
                );
            }
            Err(error) => panic!("{text}: {error:?}"),
        }
    }
    // The database knows one way to write a number: 1e0 is 1 to it, and not to the program, which never writes it.
    assert_eq!(put(&database, 1, r#"'{"version": 1e0}'"#).await, Ok(()));
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
async fn case_57_unknown_members_everywhere_survive_from_version_1_to_3_and_a_typed_change() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    let old = json!({
        "version": 1,
        "symbols": ["BTC-USD"],
        "theirs": [{ "deep": [null, 1.50, { "x": "ü" }] }],
        "livermore_runtime": { "auto_start": false, "nice": 10 },
        "exchanges": { "coinbase": { "enabled": true, "limits": [{ "perSecond": 10, "vendor": 1e-7 }] } },
    });
    store.save(user(1), save_of(Document::new(old).unwrap(), Expect::Absent)).await.unwrap();
    let service = SettingsService::<UserSettings>::new(Arc::new(store.clone()));
    let migrated = service.load(user(1)).await.unwrap().loaded.document;
    for unknown in ["theirs.0.deep.2.x", "runtime.nice", "exchanges.coinbase.limits.0.vendor"] {
        assert!(migrated.get(&unknown.parse().unwrap()).is_some(), "{unknown}");
    }
    service.change(user(1), &by(), |settings| settings.runtime.auto_start = true).await.unwrap();
    let stored = store.load(user(1)).await.unwrap().unwrap().document;
    let changed = json!([{ "op": "replace", "path": "/runtime/autoStart", "value": true }]);
    assert_eq!(migrated.patch_to(&stored), changed);
}

#[tokio::test]
async fn case_67_a_change_below_a_missing_parent_makes_the_parent() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    let first = Document::new(json!({ "version": 3, "theirs": { "kept": [1, null] } })).unwrap();
    store.save(user(7), save_of(first.clone(), Expect::Absent)).await.unwrap();
    let mut admin = database.server.admin(&database.name).await;
    let mut row = async |column: &'static str| {
        let asked = sqlx::query_as(AssertSqlSafe(format!("SELECT ({column})::text FROM livermore.users WHERE id = 7")));
        let (text,): (Option<String>,) = asked.fetch_one(&mut admin).await.unwrap();
        text.map(|text| Document::parse(text.as_bytes()).unwrap())
    };
    // Why no part of a document is written by SQL: one of these changes nothing, the other erases everything.
    let unchanged = row("jsonb_set(settings, '{alerts,discord,enabled}', 'true')").await;
    assert_eq!(unchanged, Some(first));
    assert_eq!(row("jsonb_set(settings, '{theirs}', NULL)").await, None);
    // The service writes the whole document over the revision it has read.
    let service = SettingsService::<UserSettings>::new(Arc::new(store.clone()));
    let path = "alerts.discord.enabled".parse().unwrap();
    let saved = service.set(user(7), &by(), &path, json!(true)).await.unwrap();
    let expected =
        json!({ "version": 3, "alerts": { "discord": { "enabled": true } }, "theirs": { "kept": [1, null] } });
    assert_eq!(saved.loaded.document.to_value(), expected);
    assert_eq!(row("settings").await, Some(saved.loaded.document), "the row is the document");
    // Null is a value and takes nothing else away.
    service.set(user(7), &by(), &"alerts".parse().unwrap(), Value::Null).await.unwrap();
    let expected = json!({ "version": 3, "alerts": null, "theirs": { "kept": [1, null] } });
    assert_eq!(row("settings").await.map(Document::into_value), Some(expected));
    let stale = save_of(Document::new(json!({ "version": 3 })).unwrap(), Expect::Revision(saved.revision));
    assert!(matches!(store.save(user(7), stale).await, Err(SettingsError::Conflict { .. })));
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
