//! Where commands are recorded: `--bus`.

pub(crate) mod folder;
mod options;
#[cfg(feature = "pg")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod url;

pub(crate) use options::BusOption;
pub(crate) use url::{BusPlace, BusUrl};

use std::sync::Arc;

#[cfg(all(feature = "pg", not(feature = "redis")))]
use livermore_core::control::Doorbell;
use livermore_core::control::{CommandBus, CommandInbox, ControlPolicy, EmbeddedCommandLog};
#[cfg(not(feature = "redis"))]
use livermore_core::ids::UserId;

use crate::{clock, failure::Failure};

/// Both ends of a command log.
#[derive(Debug)]
pub(crate) struct Bus {
    pub(crate) senders: Arc<dyn CommandBus>,
    pub(crate) runners: Arc<dyn CommandInbox>,
}

impl Bus {
    fn new(log: impl CommandBus + CommandInbox + Clone) -> Self {
        Self { senders: Arc::new(log.clone()), runners: Arc::new(log) }
    }

    pub(crate) async fn close(&self) {
        self.senders.close().await;
        self.runners.close().await;
    }
}

/// Opens the log a sender writes to: one that somebody else can read.
pub(crate) async fn open_for_sender(option: &BusOption) -> Result<Bus, Failure> {
    if option.bus.place()? == BusPlace::Memory { Err(Failure::MemoryBus) } else { open(option).await }
}

/// Opens a log.
pub(crate) async fn open(option: &BusOption) -> Result<Bus, Failure> {
    let bell = option.bell()?;
    match option.bus.place()? {
        BusPlace::Memory => Ok(Bus::new(EmbeddedCommandLog::in_memory(ControlPolicy::default(), clock::now_or_epoch))),
        BusPlace::Folder(folder) => folder::open(folder).await,
        #[cfg(feature = "redis")]
        BusPlace::Redis(url) => redis::open(url).await,
        #[cfg(not(feature = "redis"))]
        BusPlace::Redis(_) => Err(Failure::WithoutBus { what: "Redis" }),
        #[cfg(feature = "pg")]
        BusPlace::Postgres(url) => postgres::open(url, bell.map(doorbell).transpose()?).await,
        #[cfg(not(feature = "pg"))]
        BusPlace::Postgres(_) if bell.is_some() => Err(Failure::Bell),
        #[cfg(not(feature = "pg"))]
        BusPlace::Postgres(_) => Err(Failure::WithoutBus { what: "PostgreSQL" }),
    }
}

#[cfg(all(feature = "pg", feature = "redis"))]
use redis::doorbell;

/// A Redis server that rings for another log.
#[cfg(all(feature = "pg", not(feature = "redis")))]
fn doorbell(_: &str) -> Result<Arc<dyn Doorbell>, Failure> {
    Err(Failure::WithoutBus { what: "Redis" })
}

#[cfg(feature = "redis")]
pub(crate) use redis::PlainMessages;

/// Messages of the TypeScript system; they come through Redis.
#[cfg(not(feature = "redis"))]
pub(crate) struct PlainMessages;

#[cfg(not(feature = "redis"))]
impl PlainMessages {
    #[allow(clippy::unnecessary_wraps, reason = "the same face as with Redis")]
    pub(crate) fn start(_: &BusOption, _: &[UserId], _: &Bus) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    #[allow(clippy::unused_async, reason = "the same face as with Redis")]
    pub(crate) async fn close(self) {}
}
