use livermore_core::{
    ids::{Timestamp, UserId},
    settings::{Actor, Document, Expect, Save, SettingsStore},
};
use livermore_pg::{PgConfig, PgSettingsStore, migrate};
use livermore_tests::postgres::Postgres;
use sqlx::PgConnection;
use tokio::runtime::{Builder, Runtime};

/// A migrated database, the store on it, and a connection for what is done by hand.
pub(crate) struct Database {
    pub(crate) runtime: Runtime,
    pub(crate) store: PgSettingsStore,
    /// As superuser: row-level security is part of what is measured, not of what it is measured against.
    pub(crate) by_hand: tokio::sync::Mutex<PgConnection>,
    /// As the program's role.
    pub(crate) as_program: tokio::sync::Mutex<PgConnection>,
}

impl Database {
    pub(crate) fn new(server: &Postgres) -> Self {
        const NAME: &str = "bench";
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let config = |role| PgConfig::from_url(server.url(role, NAME));
        let (store, by_hand, as_program) = runtime.block_on(async {
            server.run("postgres", "CREATE ROLE livermore_owner LOGIN; CREATE ROLE livermore_app LOGIN").await;
            server.run("postgres", "CREATE DATABASE bench OWNER livermore_owner").await;
            migrate(&config("livermore_owner"), Some("livermore_app")).await.expect("a migrated database");
            let store = PgSettingsStore::connect(&config("livermore_app")).await.expect("a store");
            let url = server.url("livermore_app", NAME);
            let as_program = <PgConnection as sqlx::Connection>::connect(&url).await.expect("a connection");
            (store, server.admin(NAME).await, as_program)
        });
        Self { runtime, store, by_hand: by_hand.into(), as_program: as_program.into() }
    }

    /// Saves for the first time.
    pub(crate) fn fill(&self, id: u64, document: &Document) {
        let save = save(document, Expect::Any);
        self.runtime.block_on(self.store.save(user(id), save)).expect("saved");
    }
}

pub(crate) fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

pub(crate) fn save(document: &Document, expect: Expect) -> Save {
    Save::new(expect, document.clone(), Actor::new("bench").expect("an actor"), Timestamp::EPOCH)
}
