//! One user never sees another, whatever the program does wrong.

use livermore_core::settings::SettingsStore;
use livermore_pg::{PgConfig, PgError, PgSettingsStore};
use sqlx::{Connection, Executor, PgConnection};

use crate::support::{APP, Database, OWNER, database, number_of, save, user};

async fn as_app(database: &Database) -> PgConnection {
    PgConnection::connect(&database.url(APP)).await.unwrap()
}

async fn count(connection: &mut PgConnection) -> i64 {
    let users = sqlx::query_as("SELECT count(*) FROM livermore.users").fetch_one(&mut *connection).await;
    let history = sqlx::query_as("SELECT count(*) FROM livermore.settings_history").fetch_one(connection).await;
    let ((users,), (history,)): ((i64,), (i64,)) = (users.unwrap(), history.unwrap());
    users + history
}

#[tokio::test]
async fn case_64_without_a_tenant_there_is_nothing() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    store.save(user(7), save(70)).await.unwrap();
    store.save(user(8), save(80)).await.unwrap();
    let mut app = as_app(&database).await;
    assert_eq!(count(&mut app).await, 0);
    app.execute("UPDATE livermore.users SET settings = NULL").await.unwrap();
    let refused = app.execute("INSERT INTO livermore.users (id) VALUES (9)").await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501");
    // With a tenant, only that one; deleting is nobody's right.
    let mut one = app.begin().await.unwrap();
    one.execute("SELECT set_config('app.user_id', '7', true)").await.unwrap();
    assert_eq!(count(&mut one).await, 2);
    let refused = one.execute("INSERT INTO livermore.users (id) VALUES (9)").await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501");
    drop(one);
    assert!(app.execute("DELETE FROM livermore.users").await.is_err());
    assert!(
        app.execute("UPDATE livermore.settings_history SET actor = 'x'").await.is_err(),
        "history is not rewritten"
    );
    assert_eq!(number_of(&store, 7).await.unwrap(), Some(70));
}

#[tokio::test]
async fn case_65_two_users_alternate_on_one_connection() {
    let Some(database) = database().await else { return };
    let config = PgConfig { max_connections: 1, ..database.config() };
    let store = PgSettingsStore::connect(&config).await.unwrap();
    for round in 0..10_000 {
        let id = 7 + round % 2;
        if round % 10 < 2 {
            store.save(user(id), save(id * 10_000 + round)).await.unwrap();
        }
        let number = number_of(&store, id).await.unwrap().unwrap();
        assert_eq!(number / 10_000, id, "round {round}");
    }
    // The setting of a finished transaction is '' and not NULL.
    let mut app = as_app(&database).await;
    app.execute("SELECT * FROM livermore.settings_load(7)").await.unwrap();
    let row =
        sqlx::query_as("SELECT current_setting('app.user_id', true), livermore.tenant()").fetch_one(&mut app).await;
    let (setting, tenant): (Option<String>, Option<i64>) = row.unwrap();
    assert_eq!((setting.as_deref(), tenant), (Some(""), None));
    assert_eq!(count(&mut app).await, 0);
}

#[tokio::test]
async fn case_66_a_role_that_could_switch_it_off_is_refused() {
    let Some(database) = database().await else { return };
    database
        .run(
            "DO $$ BEGIN
                CREATE ROLE t66_bypass LOGIN BYPASSRLS;
                CREATE ROLE t66_member LOGIN IN ROLE livermore_owner;
                CREATE ROLE t66_becomes LOGIN IN ROLE t66_bypass;
                CREATE ROLE t66_nothing LOGIN;
            END $$;
            SELECT livermore.grant_access(role) FROM unnest(ARRAY['t66_bypass', 't66_member', 't66_becomes']) AS role",
        )
        .await;
    let expected = [
        ("postgres", "superuser"),
        ("t66_bypass", "BYPASSRLS"),
        ("t66_becomes", "is a member of t66_bypass"),
        ("t66_member", "owns the schema livermore"),
        (OWNER, "owns the schema livermore"),
        ("t66_nothing", "SELECT livermore.grant_access('t66_nothing')"),
    ];
    for (role, part) in expected {
        let refused = PgSettingsStore::connect(&PgConfig::from_url(database.url(role))).await;
        match refused {
            Err(PgError::Setup { reason }) => assert!(reason.contains(part), "{role}: {reason}"),
            other => panic!("{role}: {other:?}"),
        }
    }
    // The program's own role gains nothing by undoing whatever was set.
    let store = database.store().await;
    store.save(user(7), save(70)).await.unwrap();
    let mut app = as_app(&database).await;
    for undo in ["RESET ROLE", "DISCARD ALL", "RESET SESSION AUTHORIZATION", "SET row_security = off"] {
        app.execute(undo).await.unwrap();
        let seen = sqlx::query_as::<_, (i64,)>("SELECT count(*) FROM livermore.users").fetch_one(&mut app).await;
        assert!(seen.as_ref().map_or(true, |(seen,)| *seen == 0), "after {undo}: {seen:?}");
    }
    drop(store);
    database.run("REASSIGN OWNED BY t66_bypass, t66_member, t66_becomes TO postgres").await;
    database.run("DROP OWNED BY t66_bypass, t66_member, t66_becomes").await;
    database.run("DROP ROLE t66_becomes, t66_bypass, t66_member, t66_nothing").await;
}

#[tokio::test]
async fn every_table_of_users_forces_row_level_security() {
    let Some(database) = database().await else { return };
    let mut admin = database.server.admin(&database.name).await;
    let rows = sqlx::query_as(
        "SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
                SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'livermore' AND c.relkind IN ('r', 'p') AND c.relname <> 'migrations'
         ORDER BY 1",
    );
    let rows: Vec<(String, bool)> = rows.fetch_all(&mut admin).await.unwrap();
    let tables = ["command", "desired", "lease", "observed", "settings_history", "users"];
    assert_eq!(rows, tables.map(|table| (table.to_owned(), true)));
    // A table that lost it is noticed at start.
    database.run("ALTER TABLE livermore.settings_history NO FORCE ROW LEVEL SECURITY").await;
    let refused = PgSettingsStore::connect(&database.config()).await.unwrap_err().to_string();
    assert!(refused.contains("not forced on settings_history"), "{refused}");
}

#[tokio::test]
async fn listing_users_is_a_right_of_its_own() {
    let Some(database) = database().await else { return };
    let store = database.store().await;
    store.save(user(7), save(70)).await.unwrap();
    assert_eq!(store.users(None, 10).await.unwrap(), [user(7)]);
    database.run("REVOKE EXECUTE ON FUNCTION livermore.settings_users(bigint, bigint) FROM livermore_app").await;
    let refused = store.users(None, 10).await.unwrap_err().to_string();
    assert!(refused.contains("listing users") && refused.contains("grant_access"), "{refused}");
    assert_eq!(number_of(&database.store().await, 7).await.unwrap(), Some(70), "everything else works");
}
