use std::{borrow::Cow, time::Duration};

use sqlx::{
    Connection, PgConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};
use tokio::time::timeout;

use crate::{PgConfig, PgError, config::target};

/// The schema version this program works with: the number of the last migration.
pub const SCHEMA_VERSION: i64 = 3;

/// The migrations, in order: file name and SQL. They are published in `livermore-pg/migrations` for people who migrate
/// by other means.
pub const MIGRATION_FILES: [(&str, &str); 3] = [
    ("0001_settings.sql", include_str!("../migrations/0001_settings.sql")),
    ("0002_settings_functions.sql", include_str!("../migrations/0002_settings_functions.sql")),
    ("0003_commands.sql", include_str!("../migrations/0003_commands.sql")),
];

/// Brings the database up to date, and gives `grant_to` the rights of the program.
///
/// `config` is the login of the owner role, not the one the program runs with. Any number may migrate at once: one does
/// the work, the others wait for it. Nothing is left behind by one that fails or dies; what it had finished stays, and the
/// next one goes on from there. Schema version and history of migrations are in `livermore.migrations`.
pub async fn migrate(config: &PgConfig, grant_to: Option<&str>) -> Result<(), PgError> {
    // A connection of its own, closed at the end: the migrator's lock belongs to the session and survives its errors.
    let options = config.options()?.options([
        ("lock_timeout", "60s"),
        ("statement_timeout", "600s"),
        ("idle_in_transaction_session_timeout", "60s"),
        // Otherwise a server that is asked for something that is there already says so in its log each time.
        ("client_min_messages", "warning"),
    ]);
    let step = || format!("migrating as {}", target(&options));
    let connecting = timeout(Duration::from_millis(config.acquire_timeout_ms), PgConnection::connect_with(&options));
    let mut connection = match connecting.await {
        Ok(connection) => connection.map_err(|error| PgError::new(&step(), &error))?,
        Err(_) => return Err(PgError::silent(&step())),
    };
    let mut outcome = run(&mut connection).await;
    if let (Ok(()), Some(role)) = (&outcome, grant_to) {
        let granted = sqlx::query("SELECT livermore.grant_access($1)").bind(role).execute(&mut connection).await;
        outcome = granted.map(drop).map_err(|error| PgError::new("giving the program's role its rights", &error));
    }
    let _ = timeout(Duration::from_secs(2), connection.close()).await;
    outcome
}

async fn run(connection: &mut PgConnection) -> Result<(), PgError> {
    match migrator().run_direct(None, connection, false).await {
        Ok(()) => Ok(()),
        Err(error) => Err(explain(connection, error).await),
    }
}

fn migrator() -> Migrator {
    let migrations = (1..).zip(MIGRATION_FILES).map(|(version, (name, sql))| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.create_schema("livermore");
    // The table of the host application's own migrations is none of our business.
    migrator.dangerous_set_table_name("livermore.migrations");
    migrator
}

/// Says which file is concerned and what to do.
async fn explain(connection: &mut PgConnection, error: MigrateError) -> PgError {
    let setup = |reason: String| PgError::Setup { reason };
    match error {
        MigrateError::VersionMissing(version) if version > SCHEMA_VERSION => {
            let newest: Result<(Option<i64>,), _> =
                sqlx::query_as("SELECT max(version) FROM livermore.migrations").fetch_one(connection).await;
            let db = newest.ok().and_then(|(version,)| version).unwrap_or(version);
            PgError::SchemaNewer { db, binary: SCHEMA_VERSION }
        }
        MigrateError::VersionMissing(version) => setup(format!(
            "livermore.migrations lists migration {version}, which never existed; it holds rows of another program"
        )),
        MigrateError::VersionMismatch(version) => setup(format!(
            "{} was applied in another form than this program has; restore the file as it was released (a change goes \
             into a new migration), or apply the difference by hand and correct its checksum in livermore.migrations",
            file(version)
        )),
        MigrateError::Dirty(version) => setup(format!(
            "{} was begun and not finished; complete or undo its statements by hand, then delete its row from \
             livermore.migrations (or set success to true if you completed it) and migrate again",
            file(version)
        )),
        MigrateError::ExecuteMigration(error, version) => {
            let code = error.as_database_error().and_then(|error| error.code().map(Cow::into_owned));
            match PgError::new(&format!("{} failed", file(version)), &error) {
                // A lost connection or a lock that was not free: try again.
                retryable if retryable.is_retryable() => retryable,
                PgError::Setup { .. } | PgError::Refused { .. } => setup(format!(
                    "{} failed and was undone ({}, SQLSTATE {}){}",
                    file(version),
                    // The server's first line names tables and columns; its DETAIL, which holds rows, is left behind.
                    error.as_database_error().map_or("no message", sqlx::error::DatabaseError::message),
                    code.as_deref().unwrap_or("none"),
                    advice(code.as_deref()),
                )),
                other => other,
            }
        }
        MigrateError::Execute(error) => PgError::new("migrating", &error),
        _ => setup("the migrations could not be run".to_owned()),
    }
}

fn advice(code: Option<&str>) -> &'static str {
    match code {
        Some("42P07" | "42723") => "; if the schema was made by other means, go on with those and do not migrate here",
        Some("42501") => "; the owner role needs CREATE on the database",
        _ => "",
    }
}

fn file(version: i64) -> String {
    let name = usize::try_from(version - 1).ok().and_then(|index| MIGRATION_FILES.get(index)).map(|(name, _)| *name);
    format!("migration {}", name.map_or_else(|| version.to_string(), |name| format!("livermore-pg/migrations/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_without_holes() {
        for (index, (name, _)) in (1_i64..).zip(MIGRATION_FILES) {
            assert!(name.starts_with(&format!("{index:04}_")), "{name}");
        }
        assert_eq!(usize::try_from(SCHEMA_VERSION).ok(), Some(MIGRATION_FILES.len()));
        let (_, last) = MIGRATION_FILES[MIGRATION_FILES.len() - 1];
        assert!(
            last.contains("FUNCTION livermore.schema_version()") && last.contains(&format!("SELECT {SCHEMA_VERSION} "))
        );
    }
}
