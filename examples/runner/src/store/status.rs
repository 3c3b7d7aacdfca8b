use std::path::Path;

use serde_json::json;

use super::{FolderLock, Place, SETTINGS_LOCK, StoreOptions};
use crate::{failure::Failure, output};

pub(super) async fn run(options: &StoreOptions) -> Result<(), Failure> {
    match options.store.store.place()? {
        Place::Folder(folder) => self::folder(options, folder),
        #[cfg(feature = "pg")]
        Place::Postgres(url) => postgres(options, url).await,
        #[cfg(not(feature = "pg"))]
        Place::Postgres(_) => std::future::ready(Err(Failure::WithoutPostgres)).await,
    }
}

fn folder(options: &StoreOptions, folder: &str) -> Result<(), Failure> {
    let path = Path::new(folder);
    let failure = |error| Failure::Input { path: folder.to_owned(), error };
    let exists = path.try_exists().map_err(failure)?;
    let lock = FolderLock::of(path, SETTINGS_LOCK).map_err(failure)?;
    let (in_use, holder) = match lock {
        FolderLock::Free => (false, None),
        FolderLock::Held(holder) => (true, holder),
    };
    if options.json {
        return output::json(
            &json!({ "kind": "file", "folder": folder, "exists": exists, "inUse": in_use, "holder": holder }),
        );
    }
    output::line(&format!("folder {folder}"))?;
    match (exists, in_use, holder) {
        (false, ..) => output::line("not there; the first settings command makes it"),
        (true, false, _) => output::line("no process uses it"),
        (true, true, Some(holder)) => output::line(&format!("in use by {holder}")),
        (true, true, None) => output::line("in use by another process"),
    }
}

#[cfg(feature = "pg")]
async fn postgres(options: &StoreOptions, url: &str) -> Result<(), Failure> {
    use livermore_core::settings::SettingsError;
    use livermore_pg::{PgSchema, SCHEMA_VERSION, inspect};

    use super::postgres::config;
    use crate::clock::Stopwatch;

    let watch = Stopwatch::start();
    let seen = inspect(&config(url)).await.map_err(SettingsError::from)?;
    let latency = watch.elapsed().as_millis();
    let (schema, found) = match seen.schema {
        PgSchema::Missing => ("missing", None),
        PgSchema::Hidden => ("hidden", None),
        PgSchema::Version(found) if found < SCHEMA_VERSION => ("older", Some(found)),
        PgSchema::Version(found) if found > SCHEMA_VERSION => ("newer", Some(found)),
        PgSchema::Version(found) => ("current", Some(found)),
    };
    let refused = seen.refused.map(|refused| refused.to_string());
    if options.json {
        output::json(&json!({
            "kind": "postgres", "address": seen.address, "server": seen.server, "role": seen.role,
            "latencyMs": u64::try_from(latency).unwrap_or(u64::MAX), "schema": schema, "found": found,
            "needed": SCHEMA_VERSION, "refused": refused, "listsUsers": seen.lists_users,
        }))?;
    } else {
        output::line(&format!("PostgreSQL {} at {}, answered in {latency} ms", seen.server, seen.address))?;
        let found = found.map_or_else(|| schema.to_owned(), |version| format!("version {version}, {schema}"));
        output::line(&format!("tables: {found}; this program needs version {SCHEMA_VERSION}"))?;
        match refused {
            Some(reason) => output::line(&format!("not for the program: {reason}"))?,
            None => output::line(&format!("role {} may work as the program", seen.role))?,
        }
    }
    if schema == "current" { Ok(()) } else { Err(Failure::NotMigratedStore) }
}
