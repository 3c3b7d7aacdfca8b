use std::{error::Error, fmt, sync::Arc, time::Duration};

use livermore_core::{
    control::{ControlError, ControlPolicy, Doorbell},
    ids::Timestamp,
};
use sqlx::{Postgres, postgres::PgArguments, query::QueryAs, query_as};
use tokio::time::timeout;

use crate::{
    PgConfig, PgError, PgSettingsStore,
    command_bells::CommandBells,
    command_rows::{Columns, Read},
    connect::{Connections, Held},
    error::{control_error, is_undone},
    role_check,
};

/// A command log in PostgreSQL: both of its ends, for any number of senders and runners.
///
/// Cheap to clone; all clones are one log. Every call is one statement in one transaction of its own, under the lock of
/// its user's row, so that the log of one user does one thing at a time. Times are the server's.
///
/// Senders take connections from a bounded set. Runners have one more that nobody else takes, so that decisions go on
/// while senders are told [`Busy`](ControlError::Busy), which they are after 2 s of waiting for a connection or a lock.
///
/// A call whose answer was lost is made a second time on a new connection where that is harmless: everything but
/// [`next`](livermore_core::control::CommandInbox::next) and
/// [`postpone`](livermore_core::control::CommandInbox::postpone), which count. If that does not help either, a submission,
/// a decision and the like fail with [`OutcomeUnknown`](ControlError::OutcomeUnknown).
///
/// Bells and signals are notices of the server, heard over a connection of their own. A [`Doorbell`] may be put beside
/// them.
#[derive(Clone)]
pub struct PgCommandLog {
    pub(crate) inner: Arc<Inner>,
    pub(crate) doorbell: Option<Arc<dyn Doorbell>>,
}

pub(crate) struct Inner {
    pub(crate) policy: ControlPolicy,
    pub(crate) bells: Arc<CommandBells>,
    senders: Arc<Connections>,
    /// Whether somebody else uses the senders' connections too, and closes them.
    shared: bool,
    reserved: Arc<Connections>,
}

/// On whose behalf a connection is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Sender,
    Runner,
}

/// Why there is no answer.
struct Failed {
    error: PgError,
    /// It was sent, and nobody has said that it was not done.
    may_have_happened: bool,
}

/// What came of asking up to two times.
pub(crate) struct Tried<T> {
    pub(crate) rows: Vec<Read<T>>,
    /// The answer to the first try was lost, and it may happen yet: a refusal of the second one proves nothing.
    pub(crate) in_doubt: bool,
}

/// A statement with its values.
pub(crate) type Asked<'q, T> = QueryAs<'q, Postgres, Read<T>, PgArguments>;

impl PgCommandLog {
    /// Connects as the program's role, and refuses a server, a schema or a role that must not be used.
    ///
    /// It never changes the schema; see [`migrate`](crate::migrate).
    pub async fn connect(config: &PgConfig, policy: ControlPolicy) -> Result<Self, PgError> {
        let senders = Connections::new(config)?;
        role_check::check(&senders).await?;
        Self::new(config, policy, senders, false)
    }

    /// The log in the database of a settings store, whose connections its senders share. `config` is what the store was
    /// connected with. Closing the store closes them for both.
    pub fn beside(store: &PgSettingsStore, config: &PgConfig, policy: ControlPolicy) -> Result<Self, PgError> {
        Self::new(config, policy, store.connections(), true)
    }

    fn new(config: &PgConfig, policy: ControlPolicy, senders: Arc<Connections>, shared: bool) -> Result<Self, PgError> {
        let (reserved, bells) = (Connections::single(config)?, CommandBells::new(config)?);
        Ok(Self { inner: Arc::new(Inner { policy, bells, senders, shared, reserved }), doorbell: None })
    }

    /// The same log with another way to hear of it, which this handle and its clones ring and listen to. It is not
    /// closed with the log.
    pub fn with_doorbell(mut self, doorbell: Arc<dyn Doorbell>) -> Self {
        self.doorbell = Some(doorbell);
        self
    }

    pub(crate) async fn shut(&self) {
        self.inner.bells.close();
        self.inner.reserved.close().await;
        if !self.inner.shared {
            self.inner.senders.close().await;
        }
    }

    /// Asks once.
    pub(crate) async fn once<T: Columns + Send + Unpin>(
        &self,
        end: End,
        step: &str,
        asked: Asked<'_, T>,
    ) -> Result<Vec<Read<T>>, ControlError> {
        self.ask(end, step, asked).await.map_err(|failed| self.refused(failed.error, failed.may_have_happened))
    }

    /// Asks, and asks again on another connection if the answer was lost. For what may be done twice.
    pub(crate) async fn twice<'q, T: Columns + Send + Unpin>(
        &self,
        end: End,
        step: &str,
        asked: impl Fn() -> Asked<'q, T> + Send,
    ) -> Result<Tried<T>, ControlError> {
        match self.ask(end, step, asked()).await {
            Ok(rows) => Ok(Tried { rows, in_doubt: false }),
            Err(failed) if failed.may_have_happened => match self.ask(end, step, asked()).await {
                Ok(rows) => Ok(Tried { rows, in_doubt: true }),
                // Whatever is wrong now: the first try may have happened.
                Err(again) => Err(unknown(step, again.error)),
            },
            Err(failed) => Err(self.refused(failed.error, false)),
        }
    }

    /// The same for what changes nothing: an answer that is lost is lost, and nothing else.
    pub(crate) async fn look<'q, T: Columns + Send + Unpin>(
        &self,
        end: End,
        step: &str,
        asked: impl Fn() -> Asked<'q, T> + Send,
    ) -> Result<Vec<Read<T>>, ControlError> {
        let mut answer = self.ask(end, step, asked()).await;
        if answer.as_ref().is_err_and(|failed| failed.may_have_happened) {
            answer = self.ask(end, step, asked()).await;
        }
        answer.map_err(|failed| self.refused(failed.error, false))
    }

    async fn ask<T: Columns + Send + Unpin>(
        &self,
        end: End,
        step: &str,
        asked: Asked<'_, T>,
    ) -> Result<Vec<Read<T>>, Failed> {
        let unsent = |error| Failed { error, may_have_happened: false };
        let mut held = self.connection(end, step).await.map_err(unsent)?;
        let limit = held.limit();
        let answer = timeout(limit, asked.fetch_all(&mut held.connection)).await;
        let undone = matches!(&answer, Ok(Err(error)) if is_undone(error));
        held.settle(step, answer).map_err(|error| {
            let lost = matches!(error, PgError::Unreachable { .. });
            Failed { error, may_have_happened: lost && !undone }
        })
    }

    async fn connection(&self, end: End, step: &str) -> Result<Held, PgError> {
        let Inner { senders, reserved, .. } = &*self.inner;
        if reserved.is_closed() {
            return Err(PgError::Closed);
        }
        match end {
            End::Sender => senders.acquire(step).await,
            // A runner's calls for several users go side by side while there is room.
            End::Runner => {
                for connections in [reserved, senders] {
                    if let Some(held) = connections.acquire_at_once(step).await {
                        return held;
                    }
                }
                reserved.acquire(step).await
            }
        }
    }

    fn refused(&self, error: PgError, may_have_happened: bool) -> ControlError {
        control_error(error, may_have_happened, self.inner.policy.retry_after)
    }
}

/// What is said of something that may have happened.
pub(crate) fn unknown(step: &str, cause: impl Error + Send + Sync + 'static) -> ControlError {
    ControlError::OutcomeUnknown { step: step.to_owned(), source: Some(Box::new(cause)) }
}

/// A statement that answers with these columns.
pub(crate) fn ask<'q, T: Columns>(sql: &'static str) -> Asked<'q, T> {
    query_as(sql)
}

/// A time to be added to now: no longer than to the end of the calendar.
pub(crate) fn sql_millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).min(Timestamp::MAX.as_millis())
}

impl fmt::Debug for PgCommandLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgCommandLog")
            .field("target", &self.inner.reserved.target())
            .field("doorbell", &self.doorbell)
            .field("closed", &self.inner.reserved.is_closed())
            .finish_non_exhaustive()
    }
}
