//! `livermore doctor`: one row per thing a monitor needs. Every part adds its rows to the same list.

mod bus;
mod check;
#[cfg(feature = "coinbase")]
mod coinbase;
mod environment;
mod folder;
mod monitor;
mod options;
#[cfg(feature = "pg")]
mod postgres;
mod settings;

pub(crate) use options::DoctorOptions;

use std::time::Duration;

use livermore_core::settings::Stored;
use serde_json::json;

use self::check::{Check, Status};
use crate::{failure::Failure, output, runtime, store::Place};

/// Longest wait for a store in all. Each of its steps has a limit of its own, shorter than this.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a store has for the user.
enum Found {
    /// The store could not be asked; its own row says why.
    NotAsked,
    Stored(Option<Stored>),
    Unreadable(String),
}

pub(crate) fn run(options: &DoctorOptions) -> Result<(), Failure> {
    let checks = runtime::block_on(examine(options))?;
    let failed: Vec<&Check> = checks.iter().filter(|check| check.status == Status::Fail).collect();
    if options.json {
        output::json(&json!({ "user": options.user, "checks": checks, "failed": failed.len() }))?;
    } else {
        print(&checks)?;
    }
    let retryable = failed.iter().all(|check| check.retryable);
    if failed.is_empty() { Ok(()) } else { Err(Failure::Doctor { count: failed.len(), retryable }) }
}

async fn examine(options: &DoctorOptions) -> Result<Vec<Check>, Failure> {
    let mut checks = Vec::new();
    let asked = tokio::time::timeout(PATIENCE, ask(options, &mut checks)).await;
    let found = if let Ok(found) = asked {
        found?
    } else {
        let found = format!("no answer within {} s", PATIENCE.as_secs());
        checks.push(Check::new("store", Status::Fail, found).retryable(true));
        Found::NotAsked
    };
    let settings = settings::examine(options.user, found, &mut checks);
    if let Some(settings) = &settings {
        environment::examine(options.user, settings, &mut checks);
    } else {
        checks.push(Check::new("environment", Status::Skip, "the settings that name variables cannot be read"));
    }
    bus::examine(options, &mut checks).await?;
    #[cfg(feature = "coinbase")]
    coinbase::examine(options, settings.as_ref().map(|loaded| &loaded.settings), &mut checks).await?;
    Ok(checks)
}

/// Looks at the store, and asks it for the user's document.
async fn ask(options: &DoctorOptions, checks: &mut Vec<Check>) -> Result<Found, Failure> {
    match options.store.store.place()? {
        Place::Folder(path) => Ok(folder::examine(path, options.user, checks).await),
        #[cfg(feature = "pg")]
        Place::Postgres(url) => Ok(postgres::examine(url, options.user, checks).await),
        #[cfg(not(feature = "pg"))]
        Place::Postgres(_) => Err(Failure::WithoutPostgres),
    }
}

fn print(checks: &[Check]) -> Result<(), Failure> {
    for Check { name, status, found, next, .. } in checks {
        let mut lines = found.lines();
        output::line(&format!("{:4}  {name:11}  {}", status.as_str(), lines.next().unwrap_or_default()))?;
        for line in lines.chain(next.iter().flat_map(|next| next.lines())) {
            output::line(&format!("{:19}{line}", ""))?;
        }
    }
    Ok(())
}
