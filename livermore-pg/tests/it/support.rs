//! A database per test, copied from one that was migrated once.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use livermore_core::{
    ids::{Revision, Timestamp, UserId},
    settings::{Actor, Attribution, Cause, Document, Expect, Save, SettingsError, SettingsStore},
};
use livermore_pg::{PgConfig, PgSettingsStore, migrate};
use livermore_tests::postgres::{Postgres, shared};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};
use tokio::sync::{Mutex, OnceCell};

pub(crate) const OWNER: &str = "livermore_owner";
pub(crate) const APP: &str = "livermore_app";
const TEMPLATE: &str = "livermore_template";

/// A database of its own, dropped with this value.
pub(crate) struct Database {
    pub(crate) server: &'static Postgres,
    pub(crate) name: String,
}

/// A migrated database, or `None` where servers are skipped.
pub(crate) async fn database() -> Option<Database> {
    static TEMPLATE_READY: OnceCell<()> = OnceCell::const_new();
    let server = shared()?;
    TEMPLATE_READY
        .get_or_init(|| async {
            server.run("postgres", "CREATE ROLE livermore_owner LOGIN; CREATE ROLE livermore_app LOGIN").await;
            server.run("postgres", "CREATE DATABASE livermore_template OWNER livermore_owner").await;
            let config = PgConfig::from_url(server.url(OWNER, TEMPLATE));
            migrate(&config, Some(APP)).await.expect("the template can be migrated");
        })
        .await;
    Some(create(server, &format!("TEMPLATE {TEMPLATE} OWNER livermore_owner")).await)
}

/// An empty database that belongs to the owner role.
pub(crate) async fn empty_database() -> Option<Database> {
    drop(database().await?);
    Some(create(shared()?, "OWNER livermore_owner").await)
}

async fn create(server: &'static Postgres, how: &str) -> Database {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // A template can be copied by one at a time.
    static ONE: Mutex<()> = Mutex::const_new(());
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let _one = ONE.lock().await;
    server.run("postgres", &format!("CREATE DATABASE {name} {how}")).await;
    Database { server, name }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, sql) = (self.server, format!("DROP DATABASE {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(server.run("postgres", &sql));
        });
        let _ = dropping.join();
    }
}

impl Database {
    pub(crate) fn url(&self, role: &str) -> String {
        self.server.url(role, &self.name)
    }

    /// As the program.
    pub(crate) fn config(&self) -> PgConfig {
        PgConfig::from_url(self.url(APP))
    }

    pub(crate) async fn store(&self) -> PgSettingsStore {
        PgSettingsStore::connect(&self.config()).await.expect("the store connects")
    }

    /// The SQLSTATE with which the server refuses what a superuser sends.
    pub(crate) async fn refuses(&self, sql: &str) -> Option<String> {
        let mut admin = self.server.admin(&self.name).await;
        let error = admin.execute(AssertSqlSafe(sql)).await.err()?;
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        Some(code.expect("a SQLSTATE").into_owned())
    }

    /// Runs SQL as superuser.
    pub(crate) async fn run(&self, sql: &str) {
        self.server.run(&self.name, sql).await;
    }
}

pub(crate) fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn revision(number: u64) -> Revision {
    Revision::new(number).unwrap()
}

pub(crate) fn cause(text: &str) -> Cause {
    Cause::new(text).unwrap()
}

/// A document that differs for each `number`.
pub(crate) fn numbered(number: u64) -> Document {
    Document::new(json!({ "version": 3, "number": number })).unwrap()
}

pub(crate) fn save_of(document: Document, expect: Expect) -> Save {
    Save::new(expect, document, Actor::new("test").unwrap(), Timestamp::from_secs(1_522_800_000).unwrap())
}

pub(crate) fn by() -> Attribution {
    let Save { actor, at, .. } = save(1);
    Attribution::new(actor, at)
}

pub(crate) fn save(number: u64) -> Save {
    save_of(numbered(number), Expect::Any)
}

/// The number in the stored document of a user.
pub(crate) async fn number_of(store: &PgSettingsStore, id: u64) -> Result<Option<u64>, SettingsError> {
    let stored = store.load(user(id)).await?;
    Ok(stored.and_then(|stored| stored.document.as_map()["number"].as_u64()))
}

/// Tries until it succeeds, for at most 20 s, and shows the last error otherwise.
pub(crate) async fn eventually<T, F>(what: &str, mut call: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, SettingsError>>,
{
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) if tokio::time::Instant::now() > deadline => panic!("{what}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Waits until a number that the server is asked for is what it should be, for at most 20 s.
pub(crate) async fn until(database: &Database, what: &str, asked: &str, expected: impl Fn(i64) -> bool) {
    let mut admin = database.server.admin(&database.name).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let (found,): (i64,) = sqlx::query_as(AssertSqlSafe(asked)).fetch_one(&mut admin).await.unwrap();
        if expected(found) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: still {found}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// SplitMix64: the same numbers on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
