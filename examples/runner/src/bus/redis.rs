use livermore_core::control::{ControlError, ControlPolicy};
use livermore_redis::{RedisCommandLog, RedisConfig};

use super::Bus;
use crate::failure::Failure;

pub(super) async fn open(url: &str) -> Result<Bus, Failure> {
    let log = RedisCommandLog::open(&RedisConfig::from_url(url), ControlPolicy::default()).await;
    Ok(Bus::new(log.map_err(ControlError::from)?))
}
