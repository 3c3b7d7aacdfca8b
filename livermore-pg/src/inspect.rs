use std::sync::Arc;

use tokio::time::timeout;

use crate::{PgConfig, PgError, SCHEMA_VERSION, connect::Connections, role_check};

/// What a server, its schema and the role that logs in are like, for the people who set them up.
#[derive(Debug)]
#[non_exhaustive]
pub struct PgInspection {
    /// `host:port/database`.
    pub address: String,
    /// The server's major version.
    pub server: u32,
    /// The role that logged in.
    pub role: String,
    /// How far the schema is.
    pub schema: PgSchema,
    /// Why the program must not, or cannot, work as this role; `None` where it may. Its rights are looked at only in a
    /// schema of this program's version.
    pub refused: Option<PgError>,
    /// Whether the role may list the users.
    pub lists_users: bool,
}

/// How far the schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PgSchema {
    /// Not there, or not finished.
    Missing,
    /// There, but the role may not look into it.
    Hidden,
    /// At this version; the program needs [`SCHEMA_VERSION`].
    Version(i64),
}

/// Looks at a server as any role, the owner included, and changes nothing.
///
/// An error means that the server could not be asked; what is wrong with it is part of the answer.
pub async fn inspect(config: &PgConfig) -> Result<PgInspection, PgError> {
    let options = config.options()?;
    let database = options.get_database().unwrap_or(options.get_username());
    let address = format!("{}:{}/{database}", options.get_host(), options.get_port());
    let connections = Connections::new(config)?;
    let seen = look(&connections, address).await;
    connections.close().await;
    seen
}

async fn look(connections: &Arc<Connections>, address: String) -> Result<PgInspection, PgError> {
    const STEP: &str = "looking at server and schema";
    let mut held = connections.acquire(STEP).await?;
    let answer = timeout(held.limit(), sqlx::query_as(SEEN).fetch_one(&mut held.connection)).await;
    let (server, role, there, usable, lists_users): (i32, String, bool, bool, bool) = held.settle(STEP, answer)?;
    let schema = match (there, usable) {
        (true, true) => PgSchema::Version(role_check::schema_version(connections).await?),
        (true, false) => PgSchema::Hidden,
        (false, _) => PgSchema::Missing,
    };
    let mut refused = role_check::check_role(connections).await;
    if refused.is_ok() && schema == PgSchema::Version(SCHEMA_VERSION) {
        refused = role_check::check_rights(connections).await;
    }
    let refused = match refused {
        Err(error) if error.is_retryable() => return Err(error),
        answer => answer.err(),
    };
    let server = u32::try_from(server / 10_000).unwrap_or_default();
    Ok(PgInspection { address, server, role, schema, refused, lists_users })
}

/// From the catalogs alone, which everybody may read: naming what is not there, or not ours, would be an error.
const SEEN: &str = "
WITH functions AS (
    SELECT p.oid, p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'livermore'
)
SELECT
    current_setting('server_version_num')::int,
    session_user::text,
    EXISTS (SELECT FROM functions WHERE proname = 'schema_version'),
    coalesce((SELECT has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace n WHERE n.nspname = 'livermore'), false),
    coalesce((SELECT bool_and(has_function_privilege(f.oid, 'EXECUTE')) FROM functions f
        WHERE f.proname = 'settings_users'), false)";
