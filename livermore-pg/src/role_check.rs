use std::sync::Arc;

use tokio::time::timeout;

use crate::{PgError, SCHEMA_VERSION, connect::Connections};

/// Refuses a server, a schema or a role the store must not work with.
///
/// Row-level security protects nothing from a role that may switch it off. What counts is the role that logged in, and
/// every role it could become: `RESET ROLE` inside a connection must not help either.
pub(crate) async fn check(connections: &Arc<Connections>) -> Result<(), PgError> {
    check_role(connections).await?;
    check_version(connections).await?;
    check_rights(connections).await
}

/// The role, and the tables it is to be kept apart in.
pub(crate) async fn check_role(connections: &Arc<Connections>) -> Result<(), PgError> {
    const STEP: &str = "looking at server, role and schema";
    let mut held = connections.acquire(STEP).await?;
    let limit = held.limit();
    let answer = timeout(limit, sqlx::query_as(ROLE).fetch_one(&mut held.connection)).await;
    let (server, name, privileged, becomes, owns, usable, unprotected): Role = held.settle(STEP, answer)?;
    let setup = |reason: String| Err(PgError::Setup { reason });
    if server < 130_000 {
        return setup(format!("the server is PostgreSQL {}; 13 or newer is needed", server / 10_000));
    }
    if !usable {
        return setup(format!(
            "role {name} has no access to the schema livermore, or there is none; run the migrations as the owner role, \
             then SELECT livermore.grant_access('{name}')"
        ));
    }
    if privileged {
        return setup(format!(
            "role {name} is a superuser or has BYPASSRLS, so that nothing keeps the users apart; {ANOTHER_ROLE}"
        ));
    }
    if let Some(other) = becomes {
        return setup(format!(
            "role {name} is a member of {other}, a superuser or a role with BYPASSRLS; REVOKE {other} FROM {name}"
        ));
    }
    if let Some(owner) = owns {
        return setup(format!(
            "role {name} is, or is a member of, {owner}, which owns the schema livermore and may switch its row-level \
             security off; {ANOTHER_ROLE}"
        ));
    }
    if let Some(tables) = unprotected {
        return setup(format!(
            "row-level security is not forced on {tables}; run the migrations again, or ALTER TABLE … \
             ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        ));
    }
    Ok(())
}

/// How far the schema is; only where there is one that the role may look into.
pub(crate) async fn schema_version(connections: &Arc<Connections>) -> Result<i64, PgError> {
    const STEP: &str = "reading the schema version";
    let mut held = connections.acquire(STEP).await?;
    let limit = held.limit();
    let answer =
        timeout(limit, sqlx::query_as("SELECT livermore.schema_version()").fetch_one(&mut held.connection)).await;
    let (db,): (i32,) = held.settle(STEP, answer)?;
    Ok(i64::from(db))
}

async fn check_version(connections: &Arc<Connections>) -> Result<(), PgError> {
    let db = schema_version(connections).await?;
    match db.cmp(&SCHEMA_VERSION) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(PgError::SchemaNewer { db, binary: SCHEMA_VERSION }),
        std::cmp::Ordering::Less => Err(PgError::Setup {
            reason: format!(
                "the database is at schema version {db} and this program needs {SCHEMA_VERSION}; run the migrations as the \
                 owner role"
            ),
        }),
    }
}

/// What the program's role was granted.
pub(crate) async fn check_rights(connections: &Arc<Connections>) -> Result<(), PgError> {
    const STEP: &str = "looking at the role's rights";
    let mut held = connections.acquire(STEP).await?;
    let limit = held.limit();
    let answer = timeout(limit, sqlx::query_as(RIGHTS).fetch_one(&mut held.connection)).await;
    let (name, complete): (String, bool) = held.settle(STEP, answer)?;
    if complete {
        return Ok(());
    }
    Err(PgError::Setup {
        reason: format!("role {name} lacks rights; run SELECT livermore.grant_access('{name}') as the owner role"),
    })
}

const ANOTHER_ROLE: &str = "log in as a role made for the program: CREATE ROLE livermore_app LOGIN PASSWORD …; then, as the \
    owner role, SELECT livermore.grant_access('livermore_app')";

/// The columns of `ROLE`.
type Role = (i32, String, bool, Option<String>, Option<String>, bool, Option<String>);

const ROLE: &str = "
SELECT
    current_setting('server_version_num')::int AS server,
    session_user::text AS name,
    coalesce((SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.rolname = session_user), true) AS privileged,
    (SELECT min(r.rolname::text) FROM pg_roles r
        WHERE (r.rolsuper OR r.rolbypassrls) AND pg_has_role(session_user, r.oid, 'MEMBER')) AS becomes,
    (SELECT min(r.rolname::text) FROM pg_roles r
        WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND (
            r.oid IN (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'livermore')
            OR r.oid IN (
                SELECT c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'livermore'))) AS owns,
    coalesce((SELECT has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace n WHERE n.nspname = 'livermore'), false) AS usable,
    (SELECT string_agg(c.relname::text, ', ' ORDER BY c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'livermore' AND c.relkind IN ('r', 'p')
            AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
            AND (c.relname = 'users' OR EXISTS (
                SELECT FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped))) AS unprotected";

const RIGHTS: &str = "
SELECT session_user::text,
    has_table_privilege('livermore.users', 'SELECT') AND has_table_privilege('livermore.users', 'INSERT')
    AND has_table_privilege('livermore.users', 'UPDATE') AND has_table_privilege('livermore.settings_history', 'SELECT')
    AND has_table_privilege('livermore.settings_history', 'INSERT')
    AND has_function_privilege('livermore.settings_revisions(bigint[])', 'EXECUTE')
    AND has_function_privilege('livermore.command_waiting(bigint[])', 'EXECUTE')
    AND has_table_privilege('livermore.command', 'DELETE') AND (
        SELECT bool_and(has_table_privilege('livermore.' || t, p))
        FROM unnest(ARRAY['desired', 'command', 'observed', 'lease']) AS t, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS p)";
