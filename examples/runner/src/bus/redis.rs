use std::sync::Arc;

#[cfg(feature = "pg")]
use livermore_core::control::Doorbell;
use livermore_core::{
    control::{ControlError, ControlPolicy},
    ids::UserId,
};
#[cfg(feature = "pg")]
use livermore_redis::RedisBell;
use livermore_redis::{CompatIngress, RedisCommandLog, RedisConfig};

use super::{Bus, BusOption};
use crate::failure::Failure;

pub(super) async fn open(url: &str) -> Result<Bus, Failure> {
    let log = RedisCommandLog::open(&RedisConfig::from_url(url), ControlPolicy::default()).await;
    Ok(Bus::new(log.map_err(ControlError::from)?))
}

/// A Redis server that rings for another log.
#[cfg(feature = "pg")]
pub(super) fn doorbell(url: &str) -> Result<Arc<dyn Doorbell>, Failure> {
    Ok(Arc::new(RedisBell::open(&RedisConfig::from_url(url)).map_err(ControlError::from)?))
}

/// Messages of the TypeScript system, recorded as commands and answered.
pub(crate) struct PlainMessages(CompatIngress);

impl PlainMessages {
    /// Listens where a Redis server is part of the log; none where there is none.
    pub(crate) fn start(option: &BusOption, users: &[UserId], bus: &Bus) -> Result<Option<Self>, Failure> {
        let Some(url) = option.redis()? else { return Ok(None) };
        let ingress = CompatIngress::start(&RedisConfig::from_url(url), users, Arc::clone(&bus.senders));
        Ok(Some(Self(ingress.map_err(ControlError::from)?)))
    }

    pub(crate) async fn close(self) {
        self.0.close().await;
    }
}
