use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    Bells, BusCapability, CommandBus, CommandInbox, CommandQuery, CommandRecord, CommandStatus, ControlError,
    ControlPolicy, Decision, Desired, Holder, Lease, Next, Observed, Overview, Signals, Submission, UserLog,
    ledger::{Ledger, Turn},
    signal_hub::SignalHub,
};
#[cfg(feature = "file")]
use super::{FileLogConfig, FileLogReport, journal::Writer};
use crate::ids::{CommandId, Seq, Timestamp, UserId};

/// A command log within one process: in memory, or (feature `file`) with a journal in a folder.
///
/// Cheap to clone; all clones are one log, and each is both of its ends. In memory it forgets everything when the last
/// clone is dropped.
///
/// # Files
/// A log in a folder writes `commands.jsonl`: a line per write, each JSON with a checksum, readable by its owner only.
/// It holds the payloads of commands. Copy it to back it up while no process uses the folder. From time to time it is
/// replaced by a shorter one that says the same.
///
/// # One process
/// The folder is locked (`commands.lock`) from opening to [`close`](CommandBus::close), or until the last clone is dropped
/// or the process ends. A second process waits for it a while and then fails with
/// [`Unavailable`](ControlError::Unavailable), naming the folder.
///
/// # Failures
/// Nothing is answered that is not safe on the disk; operations that wait at the same time share one write. A process may
/// end at any moment: a last line that was not finished is cut off when the folder is opened again, and nobody was told
/// of it. A write that fails, on a full disk for example, is taken back and answered with `Unavailable`; where it cannot
/// be taken back, with [`OutcomeUnknown`](ControlError::OutcomeUnknown). The next call reads the journal again and goes
/// on. A line that is damaged later, or a journal of a newer version, is refused with
/// [`Setup`](ControlError::Setup), which names the line and what can be done.
#[derive(Clone)]
pub struct EmbeddedCommandLog(Arc<Inner>);

/// Reads the time. Nothing in this crate reads a clock of its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

struct Inner {
    capability: BusCapability,
    hub: Arc<SignalHub>,
    place: Place,
}

/// Where the ledger is.
enum Place {
    Memory {
        clock: Clock,
        /// None once it is closed.
        ledger: Mutex<Option<Ledger>>,
    },
    #[cfg(feature = "file")]
    Folder(Writer),
}

impl EmbeddedCommandLog {
    /// An empty log in memory, by this clock.
    pub fn in_memory(policy: ControlPolicy, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let capability = BusCapability { durable: false, shared: false, keeps_outcomes: policy.keep_outcome };
        let place = Place::Memory { clock: Arc::new(clock), ledger: Mutex::new(Some(Ledger::new(policy))) };
        Self(Arc::new(Inner { capability, hub: Arc::new(SignalHub::new()), place }))
    }

    /// Opens the log in a folder, by this clock; makes it where there is none, and cuts off what an interrupted write has
    /// left.
    #[cfg(feature = "file")]
    pub async fn open(
        config: FileLogConfig,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<(Self, FileLogReport), ControlError> {
        let capability = BusCapability { durable: true, shared: false, keeps_outcomes: config.policy.keep_outcome };
        let hub = Arc::new(SignalHub::new());
        let (writer, report) = Writer::open(config, Arc::new(clock), Arc::clone(&hub)).await?;
        Ok((Self(Arc::new(Inner { capability, hub, place: Place::Folder(writer) })), report))
    }

    /// One operation, with nothing between its steps.
    #[cfg_attr(not(feature = "file"), allow(clippy::unused_async, reason = "a log in a folder waits here"))]
    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Turn<'_>) -> Result<T, ControlError> + Send + 'static,
    ) -> Result<T, ControlError> {
        match &self.0.place {
            Place::Memory { clock, ledger } => {
                let mut entries = Vec::new();
                let answer = {
                    // No panic can leave the ledger half changed.
                    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
                    let ledger = ledger.as_mut().ok_or(ControlError::Closed)?;
                    work(&mut ledger.turn(clock(), &mut entries))
                };
                self.0.hub.tell(&entries);
                answer
            }
            #[cfg(feature = "file")]
            Place::Folder(writer) => writer.turn(work).await,
        }
    }

    #[cfg_attr(not(feature = "file"), allow(clippy::unused_async, reason = "a log in a folder waits here"))]
    async fn end(&self) {
        match &self.0.place {
            Place::Memory { ledger, .. } => *ledger.lock().unwrap_or_else(PoisonError::into_inner) = None,
            #[cfg(feature = "file")]
            Place::Folder(writer) => writer.close().await,
        }
        self.0.hub.close();
    }
}

#[async_trait]
impl CommandBus for EmbeddedCommandLog {
    fn capability(&self) -> BusCapability {
        self.0.capability
    }

    async fn submit(&self, user: UserId, submission: &Submission) -> Result<CommandRecord, ControlError> {
        let submission = submission.clone();
        self.turn(move |turn| turn.on(user, |log, now, policy, out| log.submit(now, &submission, policy, out))).await
    }

    async fn record(&self, user: UserId, id: CommandId) -> Result<Option<CommandStatus>, ControlError> {
        self.turn(move |turn| Ok(turn.on(user, |log, now, _, out| log.status(now, id, out)))).await
    }

    async fn cancel(&self, user: UserId, id: CommandId) -> Result<CommandRecord, ControlError> {
        self.turn(move |turn| turn.on(user, |log, now, _, out| log.cancel(now, id, out))).await
    }

    async fn history(&self, user: UserId, query: CommandQuery) -> Result<Vec<CommandStatus>, ControlError> {
        let CommandQuery { before, limit } = query;
        self.turn(move |turn| Ok(turn.on(user, |log, now, _, out| log.history(now, before, limit, out)))).await
    }

    async fn overview(&self, user: UserId) -> Result<Overview, ControlError> {
        self.turn(move |turn| Ok(turn.on(user, |log, now, _, _| log.overview(now)))).await
    }

    async fn signals(&self, user: UserId) -> Result<Signals, ControlError> {
        self.0.hub.signals(user)
    }

    async fn close(&self) {
        self.end().await;
    }
}

#[async_trait]
impl CommandInbox for EmbeddedCommandLog {
    async fn acquire(&self, users: &[UserId], holder: &Holder, ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        let (users, holder) = (users.to_vec(), holder.clone());
        self.turn(move |turn| {
            let leases = users
                .into_iter()
                .filter_map(|user| turn.on(user, |log, now, _, out| log.acquire(now, &holder, ttl, out)));
            Ok(leases.collect())
        })
        .await
    }

    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        let mut leases = leases.to_vec();
        self.turn(move |turn| {
            leases.retain(|lease| turn.on(lease.user, |log, now, _, out| log.renew(now, lease, ttl, out)));
            Ok(leases)
        })
        .await
    }

    async fn release(&self, leases: &[Lease]) -> Result<(), ControlError> {
        let leases = leases.to_vec();
        self.turn(move |turn| {
            leases.iter().for_each(|lease| turn.on(lease.user, |log, now, _, out| log.release(now, lease, out)));
            Ok(())
        })
        .await
    }

    async fn waiting(&self, users: &[UserId]) -> Result<Vec<UserId>, ControlError> {
        let mut users = users.to_vec();
        self.turn(move |turn| {
            users.retain(|user| turn.is_waiting(*user));
            Ok(users)
        })
        .await
    }

    async fn next(&self, lease: &Lease) -> Result<Option<Next>, ControlError> {
        let lease = lease.clone();
        self.turn(move |turn| turn.on(lease.user, |log, now, _, out| log.next(now, &lease, out))).await
    }

    async fn decide(&self, lease: &Lease, seq: Seq, decision: Decision) -> Result<CommandRecord, ControlError> {
        let lease = lease.clone();
        self.turn(move |turn| turn.on(lease.user, |log, now, _, out| log.decide(now, &lease, seq, decision, out))).await
    }

    async fn postpone(&self, lease: &Lease, seq: Seq) -> Result<(), ControlError> {
        let lease = lease.clone();
        self.turn(move |turn| turn.on(lease.user, |log, _, _, out| log.postpone(&lease, seq, out))).await
    }

    async fn states(&self, lease: &Lease) -> Result<(Desired, Option<Observed>), ControlError> {
        let lease = lease.clone();
        self.turn(move |turn| turn.on(lease.user, |log, _, _, _| log.states(&lease))).await
    }

    async fn observe(&self, lease: &Lease, observed: Observed) -> Result<(), ControlError> {
        let lease = lease.clone();
        self.turn(move |turn| turn.on(lease.user, |log, _, _, out| log.observe(&lease, observed, out))).await
    }

    async fn rebase(&self, user: UserId) -> Result<Desired, ControlError> {
        self.turn(move |turn| Ok(turn.on(user, |log, _, _, out| log.rebase(out)))).await
    }

    async fn forget(&self, users: &[UserId]) -> Result<(), ControlError> {
        let users = users.to_vec();
        self.turn(move |turn| {
            users.into_iter().for_each(|user| turn.on(user, UserLog::forget));
            Ok(())
        })
        .await
    }

    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError> {
        self.0.hub.bells(users)
    }

    async fn close(&self) {
        self.end().await;
    }
}

impl fmt::Debug for EmbeddedCommandLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("EmbeddedCommandLog");
        debug.field("durable", &self.0.capability.durable);
        match &self.0.place {
            Place::Memory { ledger, .. } => {
                let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
                debug.field("users", &ledger.as_ref().map_or(0, Ledger::users)).field("closed", &ledger.is_none());
            }
            #[cfg(feature = "file")]
            Place::Folder(writer) => {
                debug.field("writer", writer);
            }
        }
        debug.finish_non_exhaustive()
    }
}
