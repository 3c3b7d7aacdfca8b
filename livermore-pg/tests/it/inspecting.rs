//! What an operator is told about server, schema and role.

use livermore_pg::{PgConfig, PgError, PgSchema, SCHEMA_VERSION, inspect, migrate};

use crate::support::{APP, OWNER, database, empty_database};

#[tokio::test]
async fn each_role_sees_how_far_the_schema_is() {
    let Some(empty) = empty_database().await else { return };
    let owner = PgConfig::from_url(empty.url(OWNER));
    assert_eq!(inspect(&owner).await.unwrap().schema, PgSchema::Missing);
    migrate(&owner, None).await.unwrap();
    let seen = inspect(&owner).await.unwrap();
    assert_eq!((seen.schema, seen.role.as_str()), (PgSchema::Version(SCHEMA_VERSION), OWNER));
    assert!(seen.refused.unwrap().to_string().contains("owns the schema"), "the owner is not the program's role");
    let seen = inspect(&PgConfig::from_url(empty.url(APP))).await.unwrap();
    assert_eq!((seen.schema, seen.lists_users), (PgSchema::Hidden, false));
    assert!(seen.refused.unwrap().to_string().contains("grant_access"));
}

#[tokio::test]
async fn the_programs_role_is_told_what_it_lacks() {
    let Some(database) = database().await else { return };
    let seen = inspect(&database.config()).await.unwrap();
    assert!(seen.refused.is_none() && seen.lists_users && seen.server >= 13, "{seen:?}");
    assert!(!format!("{seen:?}").contains("canary"), "{seen:?}");
    database.run("REVOKE EXECUTE ON FUNCTION livermore.settings_users(bigint, bigint) FROM livermore_app").await;
    database.run("REVOKE UPDATE ON livermore.users FROM livermore_app").await;
    let seen = inspect(&database.config()).await.unwrap();
    assert!(!seen.lists_users && seen.refused.unwrap().to_string().contains("lacks rights"));
    let nowhere = inspect(&PgConfig::from_url("postgres://livermore_app@127.0.0.1:1/x")).await.unwrap_err();
    assert!(matches!(nowhere, PgError::Unreachable { .. }), "{nowhere:?}");
}
