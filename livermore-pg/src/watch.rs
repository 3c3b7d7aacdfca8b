use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use livermore_core::ids::{Revision, UserId};
use sqlx::postgres::PgConnectOptions;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::{
    PgConfig, PgError,
    connect::Connections,
    listener::{self, Hearer},
};

/// Everyone who watches, and the one task that asks for them.
///
/// It listens on `livermore_settings`, where each save leaves `user:revision`, and asks for the revisions of all watched
/// users once per interval. The notices are speed, the interval is the guarantee: a notice is lost when the connection
/// breaks, and a connection may break without a sound.
///
/// A watcher gets the newest revision only, so nothing can pile up.
pub(crate) struct Watches {
    options: PgConnectOptions,
    connections: Arc<Connections>,
    poll_interval: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    users: HashMap<UserId, watch::Sender<Revision>>,
    task: Option<JoinHandle<()>>,
}

impl Watches {
    pub(crate) fn new(config: &PgConfig, connections: &Arc<Connections>) -> Result<Arc<Self>, PgError> {
        Ok(Arc::new(Self {
            options: config.limited_options()?,
            connections: Arc::clone(connections),
            poll_interval: Duration::from_millis(config.poll_interval_ms),
            state: Mutex::default(),
        }))
    }

    /// The revisions of one user, from now on. The task starts with the first watch.
    pub(crate) fn register(self: &Arc<Self>, user: UserId) -> Result<watch::Receiver<Revision>, PgError> {
        let mut state = self.state();
        if state.closed {
            return Err(PgError::Closed);
        }
        let receiver = state.users.entry(user).or_insert_with(|| watch::channel(Revision::ZERO).0).subscribe();
        if state.task.as_ref().is_none_or(JoinHandle::is_finished) {
            let listening = listener::run(Arc::downgrade(self), self.options.clone(), self.poll_interval);
            state.task = Some(tokio::spawn(listening));
        }
        Ok(receiver)
    }

    /// Tells a revision, if it is news.
    pub(crate) fn tell(&self, user: UserId, revision: Revision) {
        if let Some(sender) = self.state().users.get(&user) {
            sender.send_if_modified(|known| {
                let news = revision > *known;
                if news {
                    *known = revision;
                }
                news
            });
        }
    }

    /// Ends every watch and the task.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.users.clear();
        if let Some(task) = state.task.take() {
            task.abort();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is still watched.
    fn watched(&self) -> Vec<i64> {
        let mut state = self.state();
        state.users.retain(|_, sender| sender.receiver_count() > 0);
        state.users.keys().map(|user| user.get().cast_signed()).collect()
    }

    /// Asks for the revisions of everyone who is watched.
    async fn poll(&self) -> Result<(), PgError> {
        const STEP: &str = "asking for new revisions";
        let users = self.watched();
        if users.is_empty() {
            return Ok(());
        }
        let mut held = self.connections.acquire(STEP).await?;
        let limit = held.limit();
        let asked = sqlx::query_as("SELECT user_id, revision FROM livermore.settings_revisions($1)").bind(users);
        let answer = timeout(limit, asked.fetch_all(&mut held.connection)).await;
        let rows: Vec<(i64, i64)> = held.settle(STEP, answer)?;
        for (user, revision) in rows {
            self.tell_row(user, revision);
        }
        Ok(())
    }

    fn tell_row(&self, user: i64, revision: i64) {
        let user = u64::try_from(user).ok().and_then(|user| UserId::new(user).ok());
        let revision = u64::try_from(revision).ok().and_then(|revision| Revision::new(revision).ok());
        if let (Some(user), Some(revision)) = (user, revision) {
            self.tell(user, revision);
        }
    }
}

impl Hearer for Watches {
    const CHANNELS: &'static [&'static str] = &["livermore_settings"];
    const WITHOUT: &'static str = "saved settings, so that changes show at the intervals only";

    /// `user:revision`; anything else is ignored.
    fn hear(&self, _: &str, payload: &str) {
        let Some((user, revision)) = payload.split_once(':') else { return };
        if let (Ok(user), Ok(revision)) = (user.parse(), revision.parse()) {
            self.tell_row(user, revision);
        }
    }

    fn listening(&self, _: bool) {}

    async fn look(&self) {
        if let Err(error) = self.poll().await {
            tracing::warn!(%error, "revisions of watched settings could not be read");
        }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.close();
    }
}
