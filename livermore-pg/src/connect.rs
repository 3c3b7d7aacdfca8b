use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, error::Elapsed, timeout, timeout_at},
};

use crate::{PgConfig, PgError, config::target, error::connection_survives};

/// A bounded set of connections.
///
/// sqlx has a pool of its own. This one exists for three promises that one does not keep: a caller who finds all
/// connections in use is told `Busy`, and one who finds no server `Unreachable`; a connection whose peer went silent never
/// takes its place in the pool with it (a dropped or timed-out call drops the connection, nothing is awaited); and
/// nothing is sent to the server but the statement itself, neither before nor after it.
pub(crate) struct Connections {
    options: PgConnectOptions,
    acquire_timeout: Duration,
    answer_timeout: Duration,
    places: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    closed: bool,
    connections: Vec<Rested>,
}

struct Rested {
    connection: PgConnection,
    born: Instant,
    since: Instant,
}

/// Rested for longer, a connection is tried before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// How long that trial may take.
const TRIAL: Duration = Duration::from_millis(500);
/// Older connections are replaced, so that the set follows a moved server and the memory of a backend is given back.
const MAX_AGE: Duration = Duration::from_mins(30);

impl Connections {
    /// An empty set; nothing is connected yet.
    pub(crate) fn new(config: &PgConfig) -> Result<Arc<Self>, PgError> {
        Self::with_places(config, config.max_connections)
    }

    /// A set of one.
    pub(crate) fn single(config: &PgConfig) -> Result<Arc<Self>, PgError> {
        Self::with_places(config, 1)
    }

    fn with_places(config: &PgConfig, places: u32) -> Result<Arc<Self>, PgError> {
        Ok(Arc::new(Self {
            options: config.limited_options()?,
            acquire_timeout: Duration::from_millis(config.acquire_timeout_ms),
            answer_timeout: config.answer_timeout(),
            places: Arc::new(Semaphore::new(places as usize)),
            idle: Mutex::default(),
        }))
    }

    /// A connection to work with.
    pub(crate) async fn acquire(self: &Arc<Self>, step: &str) -> Result<Held, PgError> {
        let deadline = Instant::now() + self.acquire_timeout;
        let place = match timeout_at(deadline, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(PgError::Closed),
            Err(_) => {
                return Err(PgError::Busy { step: format!("{step}: every connection is in use") });
            }
        };
        self.occupy(place, deadline, step).await
    }

    /// The same, if there is a free place at this moment.
    pub(crate) async fn acquire_at_once(self: &Arc<Self>, step: &str) -> Option<Result<Held, PgError>> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(self.occupy(place, Instant::now() + self.acquire_timeout, step).await)
    }

    async fn occupy(
        self: &Arc<Self>,
        place: OwnedSemaphorePermit,
        deadline: Instant,
        step: &str,
    ) -> Result<Held, PgError> {
        while let Some(mut rested) = self.take_rested()? {
            let now = Instant::now();
            if now - rested.born > MAX_AGE {
                continue;
            }
            let trusted = now - rested.since < TRUSTED_FOR;
            if trusted || matches!(timeout(TRIAL, rested.connection.ping()).await, Ok(Ok(()))) {
                let Rested { connection, born, .. } = rested;
                return Ok(Held { connection, born, all: Arc::clone(self), place });
            }
            // What killed this one has most likely killed those that rested as long.
            self.forget_rested();
        }
        let connecting = PgConnection::connect_with(&self.options);
        match timeout_at(deadline, connecting).await {
            Ok(Ok(connection)) => {
                let all = Arc::clone(self);
                Ok(Held { connection, born: Instant::now(), all, place })
            }
            Ok(Err(error)) => Err(PgError::new(&format!("{step}: connecting {}", self.target()), &error)),
            Err(_) => Err(PgError::silent(&format!("{step}: connecting {}", self.target()))),
        }
    }

    /// Refuses new work and closes what rests.
    pub(crate) async fn close(&self) {
        self.places.close();
        let rested = {
            let mut idle = self.idle();
            idle.closed = true;
            std::mem::take(&mut idle.connections)
        };
        for rested in rested {
            // The server finds out by itself when the goodbye does not arrive.
            let _ = timeout(TRIAL, rested.connection.close()).await;
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.idle().closed
    }

    pub(crate) fn target(&self) -> String {
        target(&self.options)
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that rested last: the others may age and be replaced.
    fn take_rested(&self) -> Result<Option<Rested>, PgError> {
        let mut idle = self.idle();
        if idle.closed { Err(PgError::Closed) } else { Ok(idle.connections.pop()) }
    }

    fn forget_rested(&self) {
        let forgotten = std::mem::take(&mut self.idle().connections);
        drop(forgotten);
    }
}

/// A connection in use. Dropped without [`settle`](Self::settle) it is cut, whatever it was doing.
pub(crate) struct Held {
    pub(crate) connection: PgConnection,
    born: Instant,
    all: Arc<Connections>,
    place: OwnedSemaphorePermit,
}

impl Held {
    /// How long to wait for an answer.
    pub(crate) fn limit(&self) -> Duration {
        self.all.answer_timeout
    }

    /// Takes the answer, and puts the connection back if it may serve again.
    pub(crate) fn settle<T>(self, step: &str, answer: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<T, PgError> {
        let Self { connection, born, all, place } = self;
        let survives = match &answer {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => connection_survives(error),
            Err(_) => false,
        };
        if survives {
            let mut idle = all.idle();
            if !idle.closed {
                idle.connections.push(Rested { connection, born, since: Instant::now() });
            }
        } else {
            all.forget_rested();
        }
        // Only now, so that the next caller finds the connection.
        drop(place);
        match answer {
            Ok(answer) => answer.map_err(|error| PgError::new(step, &error)),
            Err(_) => Err(PgError::silent(step)),
        }
    }
}
