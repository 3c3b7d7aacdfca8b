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

use livermore_core::control::{CommandBus, CommandInbox, ControlPolicy, EmbeddedCommandLog};

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
pub(crate) async fn open_for_sender(url: &BusUrl) -> Result<Bus, Failure> {
    if url.place()? == BusPlace::Memory { Err(Failure::MemoryBus) } else { open(url).await }
}

/// Opens a log.
pub(crate) async fn open(url: &BusUrl) -> Result<Bus, Failure> {
    match url.place()? {
        BusPlace::Memory => Ok(Bus::new(EmbeddedCommandLog::in_memory(ControlPolicy::default(), clock::now_or_epoch))),
        BusPlace::Folder(folder) => folder::open(folder).await,
        #[cfg(feature = "redis")]
        BusPlace::Redis(url) => redis::open(url).await,
        #[cfg(not(feature = "redis"))]
        BusPlace::Redis(_) => Err(Failure::WithoutBus { what: "Redis" }),
        #[cfg(feature = "pg")]
        BusPlace::Postgres(url) => postgres::open(url).await,
        #[cfg(not(feature = "pg"))]
        BusPlace::Postgres(_) => Err(Failure::WithoutBus { what: "PostgreSQL" }),
    }
}
