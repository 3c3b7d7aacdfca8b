use super::{Place, StoreOptions};
use crate::failure::Failure;

pub(super) async fn run(options: &StoreOptions, grant: Option<&str>) -> Result<(), Failure> {
    match options.store.store.place()? {
        Place::Folder(_) => Err(Failure::NothingToMigrate),
        #[cfg(feature = "pg")]
        Place::Postgres(url) => postgres(options, url, grant).await,
        #[cfg(not(feature = "pg"))]
        Place::Postgres(_) => {
            let _ = grant;
            std::future::ready(Err(Failure::WithoutPostgres)).await
        }
    }
}

#[cfg(feature = "pg")]
async fn postgres(options: &StoreOptions, url: &str, grant: Option<&str>) -> Result<(), Failure> {
    use livermore_core::settings::SettingsError;
    use livermore_pg::{PgSchema, SCHEMA_VERSION, inspect, migrate};
    use serde_json::json;

    use super::postgres::config;
    use crate::output;

    let config = config(url);
    let seen = inspect(&config).await.map_err(SettingsError::from)?;
    let before = match seen.schema {
        PgSchema::Version(version) => Some(version),
        PgSchema::Missing | PgSchema::Hidden => None,
    };
    let from = before.map_or_else(|| "no tables".to_owned(), |version| format!("version {version}"));
    if before != Some(SCHEMA_VERSION) {
        eprintln!("livermore: {}, as {}: {from}, going to version {SCHEMA_VERSION}", seen.address, seen.role);
    }
    migrate(&config, grant).await.map_err(SettingsError::from)?;
    if options.json {
        let (address, role) = (seen.address, seen.role);
        return output::json(&json!({
            "address": address, "role": role, "before": before, "after": SCHEMA_VERSION, "granted": grant,
        }));
    }
    match before {
        Some(SCHEMA_VERSION) => output::line(&format!("already at version {SCHEMA_VERSION}"))?,
        _ => output::line(&format!("at version {SCHEMA_VERSION}, before: {from}"))?,
    }
    grant.map_or(Ok(()), |role| output::line(&format!("{role} has the rights of the program")))
}
