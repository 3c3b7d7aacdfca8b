//! What the server's errors become. The table of all of them is tested beside it; here are the ones a server can be
//! made to give.

use livermore_core::settings::{SettingsError, SettingsStore};
use livermore_pg::{PgConfig, PgError, PgSettingsStore};
use sqlx::{Connection, Executor};

use crate::support::{APP, database, number_of, save, user};

#[tokio::test]
async fn case_71_25006_a_read_only_server() {
    let Some(database) = database().await else { return };
    database.run(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name)).await;
    let store = database.store().await;
    let error = store.save(user(7), save(1)).await.unwrap_err();
    assert!(matches!(&error, SettingsError::Unavailable { .. }), "{error:?}");
    assert_eq!(number_of(&store, 7).await.unwrap(), None, "reading goes on");
    // As after a failover: the next connection can write.
    let reset = format!("ALTER DATABASE {} RESET default_transaction_read_only", database.name);
    database.server.run("postgres", &reset).await;
    database
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND usename = 'livermore_app'",
        )
        .await;
    crate::support::eventually("saving", || store.save(user(7), save(1))).await;
}

#[tokio::test]
async fn case_71_57p01_connections_ended_by_the_server() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    store.save(user(7), save(1)).await.unwrap();
    for _ in 0..5 {
        database
            .run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND usename = 'livermore_app'",
            )
            .await;
        assert_eq!(number_of(&store, 7).await.unwrap(), Some(1), "a read finds a new connection by itself");
    }
}

#[tokio::test]
async fn case_71_55p03_a_lock_that_is_not_free() {
    let Some(database) = database().await else { return };
    let store = PgSettingsStore::connect(&PgConfig { lock_timeout_ms: 100, ..database.config() }).await.unwrap();
    store.save(user(7), save(1)).await.unwrap();
    let mut admin = database.server.admin(&database.name).await;
    let mut holder = admin.begin().await.unwrap();
    holder.execute("SELECT 1 FROM livermore.users WHERE id = 7 FOR UPDATE").await.unwrap();
    let error = store.save(user(7), save(2)).await.unwrap_err();
    assert!(matches!(&error, SettingsError::Busy { step } if step.contains("55P03")), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn case_71_42501_a_right_that_was_taken_away() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    database.run("REVOKE INSERT ON livermore.settings_history FROM livermore_app").await;
    let error = store.save(user(7), save(1)).await.unwrap_err();
    assert!(matches!(&error, SettingsError::Setup { reason } if reason.contains("grant_access")), "{error:?}");
    assert_eq!(number_of(&store, 7).await.unwrap(), None, "neither document nor history");
    let refused = PgSettingsStore::connect(&database.config()).await.unwrap_err().to_string();
    assert!(refused.contains("lacks rights"), "{refused}");
}

#[tokio::test]
async fn case_71_logins_and_databases_that_are_wrong() {
    let Some(database) = database().await else { return };
    database.run("DO $$ BEGIN CREATE ROLE livermore_locked LOGIN PASSWORD 'right'; EXCEPTION WHEN duplicate_object THEN END $$").await;
    for (url, part) in [
        (database.url("livermore_locked"), "28P01"),
        (database.url("nobody_at_all"), "28000"),
        (database.server.url(APP, "no_such_database"), "3D000"),
    ] {
        let error = PgSettingsStore::connect(&PgConfig::from_url(url)).await.unwrap_err();
        assert!(matches!(&error, PgError::Setup { reason } if reason.contains(part)), "{part}: {error:?}");
    }
}

#[tokio::test]
async fn case_71_53300_too_many_connections() {
    let Some(database) = database().await else { return };
    database.run(&format!("ALTER DATABASE {} CONNECTION LIMIT 1", database.name)).await;
    let config = database.config();
    let connect = || async { Ok(PgSettingsStore::connect(&config).await?) };
    // A connection that was closed is counted for a moment still.
    let first = crate::support::eventually("connecting", connect).await;
    let error = PgSettingsStore::connect(&config).await.unwrap_err();
    assert!(matches!(&error, PgError::Busy { step } if step.contains("53300")), "{error:?}");
    assert!(error.is_retryable());
    first.close().await;
    crate::support::eventually("connecting", connect).await;
}

#[tokio::test]
async fn case_71_40001_40p01_and_a_full_disk_are_told_apart() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    // A trigger answers for the conditions a test cannot make.
    for (code, busy) in [("40001", true), ("40P01", true), ("53100", false), ("08006", false), ("23514", false)] {
        database
            .run(&format!(
                "CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE EXCEPTION 'canary-text' USING ERRCODE = '{code}', DETAIL = 'canary-detail'; END $$;
                 DROP TRIGGER IF EXISTS refuse ON livermore.users;
                 CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON livermore.users
                 FOR EACH ROW EXECUTE FUNCTION public.refuse()"
            ))
            .await;
        let error = store.save(user(7), save(1)).await.unwrap_err();
        let expected = match code {
            "53100" => matches!(error, SettingsError::Setup { .. }),
            "08006" => matches!(error, SettingsError::Unavailable { .. }),
            "23514" => matches!(error, SettingsError::Invalid { .. }),
            _ => matches!(error, SettingsError::Busy { .. }),
        };
        assert!(expected, "{code}: {error:?}");
        assert_eq!(matches!(error, SettingsError::Busy { .. }), busy);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}
