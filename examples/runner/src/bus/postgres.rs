use std::sync::Arc;

use livermore_core::control::{ControlPolicy, Doorbell};
use livermore_pg::{PgCommandLog, PgConfig, PgError};

use super::Bus;
use crate::failure::Failure;

pub(super) async fn open(url: &str, bell: Option<Arc<dyn Doorbell>>) -> Result<Bus, Failure> {
    let log = PgCommandLog::connect(&PgConfig::from_url(url), ControlPolicy::default()).await.map_err(refused)?;
    Ok(Bus::new(match bell {
        Some(bell) => log.with_doorbell(bell),
        None => log,
    }))
}

/// What is not set up is what the doctor is for.
fn refused(error: PgError) -> Failure {
    match error {
        PgError::Setup { .. } => Failure::NotSetUp(error.into()),
        other => Failure::Settings(other.into()),
    }
}
