use livermore_core::{
    ids::UserId,
    settings::{SettingsError, SettingsStore},
};
use livermore_pg::{PgConfig, PgInspection, PgSchema, PgSettingsStore, SCHEMA_VERSION, inspect};

use super::{
    Found,
    check::{Check, Status},
};
use crate::{clock::Stopwatch, failure::in_full};

/// The server, the tables, the role and the user's document.
pub(super) async fn examine(url: &str, user: UserId, checks: &mut Vec<Check>) -> Found {
    let config = PgConfig::from_url(url);
    let watch = Stopwatch::start();
    let seen = match inspect(&config).await {
        Ok(seen) => seen,
        Err(error) => {
            let error = SettingsError::from(error);
            checks.push(failed("store", &error).next("check the URL, the server and the way to it"));
            return Found::NotAsked;
        }
    };
    let latency = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
    let PgInspection { address, server, .. } = &seen;
    let found = format!("PostgreSQL {server} at {address}, answered in {latency} ms");
    let store = Check::new("store", Status::Ok, found).fact("kind", "postgres").fact("address", address.as_str());
    checks.push(store.fact("server", *server).fact("latencyMs", latency));
    checks.push(schema(&seen));
    if seen.schema == PgSchema::Missing {
        checks.push(Check::new("role", Status::Skip, "its rights are those on the tables"));
        return Found::NotAsked;
    }
    checks.extend(role(&seen));
    if seen.refused.is_some() || seen.schema != PgSchema::Version(SCHEMA_VERSION) {
        return Found::NotAsked;
    }
    match load(&config, user).await {
        Ok(found) => found,
        Err(error) => {
            checks.push(failed("store", &error));
            Found::NotAsked
        }
    }
}

async fn load(config: &PgConfig, user: UserId) -> Result<Found, SettingsError> {
    let store = PgSettingsStore::connect(config).await?;
    let loaded = store.load(user).await;
    store.close().await;
    match loaded {
        Ok(stored) => Ok(Found::Stored(stored)),
        Err(SettingsError::Unreadable { reason }) => Ok(Found::Unreadable(reason)),
        Err(error) => Err(error),
    }
}

fn schema(seen: &PgInspection) -> Check {
    let check = |status, found: String| Check::new("schema", status, found).fact("needed", SCHEMA_VERSION);
    let migrate = || {
        let role = if seen.refused.is_some() { "livermore_app" } else { &seen.role };
        let role = if seen.schema == PgSchema::Missing { &seen.role } else { role };
        format!("livermore store migrate --store postgres://OWNER:PASSWORD@{} --grant {role}", seen.address)
    };
    match seen.schema {
        PgSchema::Missing => {
            let found = format!("there are no tables; version {SCHEMA_VERSION} is needed");
            check(Status::Fail, found).next(migrate())
        }
        PgSchema::Hidden => check(Status::Skip, "the role may not look into the schema".to_owned()),
        PgSchema::Version(found) => {
            let text = format!("version {found}, version {SCHEMA_VERSION} is needed");
            let row = match found.cmp(&SCHEMA_VERSION) {
                std::cmp::Ordering::Equal => check(Status::Ok, format!("version {found}")),
                std::cmp::Ordering::Less => check(Status::Fail, text).next(migrate()),
                std::cmp::Ordering::Greater => check(Status::Fail, text).next("update livermore"),
            };
            row.fact("found", found)
        }
    }
}

fn role(seen: &PgInspection) -> Vec<Check> {
    let name = seen.role.as_str();
    let row = |status, found: &str| Check::new("role", status, found).fact("role", name);
    if let Some(refused) = &seen.refused {
        // What is wrong; then what to do.
        let text = refused.to_string();
        let (found, next) = text.split_once("; ").unwrap_or((&text, ""));
        let check = row(Status::Fail, found).fact("rowLevelSecurity", false);
        return vec![if next.is_empty() { check } else { check.next(next) }];
    }
    let fit = row(Status::Ok, &format!("{name} sees one user at a time: row-level security is in force"));
    let lists = if seen.lists_users {
        row(Status::Ok, &format!("{name} may list users"))
    } else {
        row(Status::Warn, &format!("{name} may not list users, which `settings migrate --all-users` needs"))
            .next(format!("SELECT livermore.grant_access('{name}') as the owner role"))
    };
    vec![fit.fact("rowLevelSecurity", true), lists.fact("listsUsers", seen.lists_users)]
}

fn failed(check: &'static str, error: &SettingsError) -> Check {
    Check::new(check, Status::Fail, in_full(error)).fact("kind", "postgres").retryable(error.is_retryable())
}
