use livermore_core::control::ControlPolicy;
use livermore_pg::{PgCommandLog, PgConfig, PgError};

use super::Bus;
use crate::failure::Failure;

pub(super) async fn open(url: &str) -> Result<Bus, Failure> {
    let log = PgCommandLog::connect(&PgConfig::from_url(url), ControlPolicy::default()).await;
    Ok(Bus::new(log.map_err(refused)?))
}

/// What is not set up is what the doctor is for.
fn refused(error: PgError) -> Failure {
    match error {
        PgError::Setup { .. } => Failure::NotSetUp(error.into()),
        other => Failure::Settings(other.into()),
    }
}
