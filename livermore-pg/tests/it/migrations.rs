//! Bringing a database up to date, and finding one that is not.

use std::time::Duration;

use livermore_core::settings::SettingsStore;
use livermore_pg::{MIGRATION_FILES, PgConfig, PgError, PgSettingsStore, SCHEMA_VERSION, migrate};
use livermore_tests::fault_proxy::{FaultProxy, Way};
use tokio::{task::JoinSet, time::timeout};

use crate::support::{APP, Database, OWNER, database, empty_database, number_of, save, user};

fn owner(database: &Database) -> PgConfig {
    PgConfig::from_url(database.url(OWNER))
}

fn reason(answer: Result<(), PgError>) -> String {
    match answer {
        Err(PgError::Setup { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn case_60_a_newer_schema_is_left_alone() {
    let Some(database) = database().await else { return };
    let running = database.store().await;
    running.save(user(7), save(70)).await.unwrap();
    database
        .run(
            "INSERT INTO livermore.migrations VALUES (99, 'of the future', now(), true, '\\x00', 0);
             CREATE OR REPLACE FUNCTION livermore.schema_version() RETURNS integer
             LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 99'",
        )
        .await;
    for answer in [migrate(&owner(&database), None).await, PgSettingsStore::connect(&database.config()).await.map(drop)]
    {
        let Err(PgError::SchemaNewer { db, binary }) = answer else { panic!("{answer:?}") };
        assert_eq!((db, binary), (99, SCHEMA_VERSION));
    }
    // A program that runs already goes on.
    running.save(user(7), save(71)).await.unwrap();
    assert_eq!(number_of(&running, 7).await.unwrap(), Some(71));
}

#[tokio::test]
async fn an_older_or_missing_schema_is_refused_with_advice() {
    let Some(database) = empty_database().await else { return };
    let refused = PgSettingsStore::connect(&database.config()).await.unwrap_err().to_string();
    assert!(refused.contains("run the migrations as the owner role"), "{refused}");
    migrate(&owner(&database), Some(APP)).await.unwrap();
    database
        .run(
            "CREATE OR REPLACE FUNCTION livermore.schema_version() RETURNS integer
             LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 1'",
        )
        .await;
    let refused = PgSettingsStore::connect(&database.config()).await.unwrap_err().to_string();
    assert!(refused.contains("at schema version 1"), "{refused}");
}

#[tokio::test]
async fn case_61_eight_migrators_at_once() {
    let Some(database) = empty_database().await else { return };
    let mut migrators = JoinSet::new();
    for _ in 0..8 {
        let config = owner(&database);
        migrators.spawn(async move { migrate(&config, Some(APP)).await });
    }
    for answer in timeout(Duration::from_secs(30), migrators.join_all()).await.unwrap() {
        answer.unwrap();
    }
    database.store().await.save(user(1), save(1)).await.unwrap();
}

#[tokio::test]
async fn case_61_a_migrator_that_dies_midway_is_replaced() {
    let Some(database) = empty_database().await else { return };
    let proxy = FaultProxy::start(database.server.address()).await.unwrap();
    let doomed = PgConfig::from_url(database.server.url_through(proxy.address(), OWNER, &database.name));
    // Every 400 bytes of what it sends, and always another one right behind it.
    for bytes in (200..8_000).step_by(700) {
        proxy.cut_after(Way::Out, bytes);
        let before = proxy.passed(Way::Out);
        let (dead, alive) = tokio::join!(migrate(&doomed, None), async {
            let begun = async {
                while proxy.passed(Way::Out) == before {
                    tokio::task::yield_now().await;
                }
            };
            timeout(Duration::from_secs(10), begun).await.unwrap();
            timeout(Duration::from_secs(30), migrate(&owner(&database), Some(APP))).await
        });
        alive.unwrap().unwrap();
        if let Err(error) = dead {
            assert!(error.is_retryable(), "{error:?}");
        }
        proxy.disarm();
        database.store().await.save(user(1), save(1)).await.unwrap();
        database.run("DROP SCHEMA livermore CASCADE").await;
    }
}

#[tokio::test]
async fn case_62_a_failed_migration_names_its_file_and_blocks_nobody() {
    let Some(database) = empty_database().await else { return };
    database
        .run("CREATE SCHEMA livermore AUTHORIZATION livermore_owner; CREATE TABLE livermore.settings_history ()")
        .await;
    let told = reason(migrate(&owner(&database), None).await);
    assert!(told.contains("livermore-pg/migrations/0001_settings.sql") && told.contains("42P07"), "{told}");
    // What it had done is undone, and its lock is gone.
    database.run("DROP TABLE livermore.settings_history").await;
    timeout(Duration::from_secs(5), migrate(&owner(&database), Some(APP))).await.unwrap().unwrap();
    database.store().await;
}

#[tokio::test]
async fn case_62_a_role_that_may_not_create_is_told_so() {
    let Some(database) = empty_database().await else { return };
    let refused = migrate(&database.config(), None).await.unwrap_err().to_string();
    assert!(refused.contains("42501"), "{refused}");
}

#[tokio::test]
async fn case_63_an_edited_and_an_unfinished_migration() {
    let Some(database) = database().await else { return };
    database.run("UPDATE livermore.migrations SET checksum = '\\x00' WHERE version = 2").await;
    let told = reason(migrate(&owner(&database), None).await);
    assert!(told.contains(MIGRATION_FILES[1].0) && told.contains("another form"), "{told}");
    database.run("UPDATE livermore.migrations SET success = false WHERE version = 1").await;
    let told = reason(migrate(&owner(&database), None).await);
    assert!(told.contains(MIGRATION_FILES[0].0) && told.contains("delete its row"), "{told}");
}

#[tokio::test]
async fn migrating_twice_changes_nothing_and_the_files_alone_are_enough() {
    let Some(database) = empty_database().await else { return };
    // As people do who migrate by other means.
    for (_, sql) in MIGRATION_FILES {
        database.run(&format!("SET ROLE livermore_owner; {sql}")).await;
    }
    database.run("SET ROLE livermore_owner; SELECT livermore.grant_access('livermore_app')").await;
    database.store().await.save(user(1), save(1)).await.unwrap();
    let told = reason(migrate(&owner(&database), None).await);
    assert!(told.contains("made by other means"), "{told}");

    let Some(database) = crate::support::database().await else { return };
    migrate(&owner(&database), Some(APP)).await.unwrap();
    database.store().await.save(user(1), save(1)).await.unwrap();
}
