use std::sync::Arc;

use livermore_core::settings::SettingsStore;
use livermore_pg::{PgConfig, PgError, PgSettingsStore};

use crate::failure::Failure;

pub(super) async fn open(url: &str) -> Result<Arc<dyn SettingsStore>, Failure> {
    Ok(Arc::new(PgSettingsStore::connect(&config(url)).await.map_err(refused)?))
}

pub(crate) fn config(url: &str) -> PgConfig {
    PgConfig::from_url(url)
}

/// What is not set up is what the doctor is for.
fn refused(error: PgError) -> Failure {
    match error {
        PgError::Setup { .. } => Failure::NotSetUp(error.into()),
        other => Failure::Settings(other.into()),
    }
}
