use std::{fmt, pin::Pin, time::Duration};

use async_trait::async_trait;
use futures_core::Stream;

use super::{CommandRecord, CommandStatus, ControlError, Overview, Submission, waiting};
use crate::ids::{CommandId, Generation, Seq, UserId};

/// The senders' end of a command log: tell a monitor what to do, and learn what became of it.
///
/// Object-safe: hold it as `Arc<dyn CommandBus>`. The other end is [`CommandInbox`](super::CommandInbox). The contract
/// below is tested clause by clause by [`command_log_contract!`](crate::command_log_contract) (feature `test-util`).
///
/// # Users
/// - Every call names one user, and nothing of another user is read or written by it. Two users may use the same id.
///
/// # Submitting
/// - A command that [`submit`](Self::submit) returned is recorded, with the next sequence number of its user, from 1 on
///   without a gap.
/// - Submitting the same id with the same command again records nothing and returns what is recorded, decided or not;
///   with another command it is refused as [`IdReused`](ControlError::IdReused).
/// - While [`max_open`](super::ControlPolicy::max_open) commands of a user are undecided, more are refused as
///   [`Busy`](ControlError::Busy); other users are not affected.
/// - Any other error than [`OutcomeUnknown`](ControlError::OutcomeUnknown) means that nothing was recorded.
///
/// # Expiry
/// - A command past its [`not_after`](CommandRecord::not_after) by the store's clock is never applied, and never shown as
///   waiting: whoever looks at it ends it as expired. (A change of the settings that was begun in time and saved is
///   applied; see [`CommandRecord::is_claimed`].)
///
/// # Asking
/// - [`record`](Self::record) returns what is recorded of an id, `None` if nothing is. A final outcome never changes.
/// - [`wait`](Self::wait) returns as soon as the stage is reached, or at the deadline with what is known by then: it never
///   says that something has happened that has not. [`submit_and_wait`](Self::submit_and_wait) is both in one.
/// - [`history`](Self::history) returns commands newest first, at most `limit`, those before `before`.
/// - [`overview`](Self::overview) returns the desired state, what was observed last, and who holds the lease. A lease that
///   has ended by the store's clock is nobody's.
///
/// # Cancelling
/// - [`cancel`](Self::cancel) ends an undecided command and returns the record: what stands there is what holds, be it
///   cancelled, decided before, or undecided still because its runner has begun to change the settings.
///
/// # Signals
/// - [`signals`](Self::signals) yields soon after one of the user's commands was decided and soon after its runner has
///   reported. Signals may be repeated, late or lost; a loss that is noticed is told as [`Signal::Missed`]. They say
///   that there is something to read, not what.
///
/// # Cancellation
/// - A dropped `submit` may or may not have recorded: submit again with the same id.
///
/// # Closing
/// - After [`close`](Self::close) every call fails with [`Closed`](ControlError::Closed) and every stream of signals ends.
///   Closing twice is harmless.
#[cfg_attr(feature = "test-util", mockall::automock)] // before async_trait, or the mock's methods are not async
#[async_trait]
pub trait CommandBus: fmt::Debug + Send + Sync + 'static {
    /// What this log promises beyond the contract, constant for its life.
    fn capability(&self) -> BusCapability;

    /// Records a command.
    async fn submit(&self, user: UserId, submission: &Submission) -> Result<CommandRecord, ControlError>;

    /// What is recorded of a command.
    async fn record(&self, user: UserId, id: CommandId) -> Result<Option<CommandStatus>, ControlError>;

    /// Takes a command back.
    async fn cancel(&self, user: UserId, id: CommandId) -> Result<CommandRecord, ControlError>;

    /// What was recorded before, newest first.
    async fn history(&self, user: UserId, query: CommandQuery) -> Result<Vec<CommandStatus>, ControlError>;

    /// What the user's monitor is to do, what it says it does, and who runs it.
    async fn overview(&self, user: UserId) -> Result<Overview, ControlError>;

    /// Tells when there is something to read.
    async fn signals(&self, user: UserId) -> Result<Signals, ControlError>;

    /// Waits until a command has reached `stage`, `time` at most.
    ///
    /// Fails only if what became of the command cannot be learnt by waiting longer.
    async fn wait(&self, user: UserId, id: CommandId, stage: Stage, time: Duration) -> Result<Waited, ControlError> {
        waiting::wait(self, user, id, stage, time).await
    }

    /// Records a command, as [`submit`](Self::submit) does, and waits for it, as [`wait`](Self::wait) does, `time` at most
    /// from its record on. Faster than one after the other: what was just recorded need not be looked at.
    ///
    /// Fails as `submit` does. Once the command is recorded, whatever may happen is part of the answer.
    async fn submit_and_wait(
        &self,
        user: UserId,
        submission: &Submission,
        stage: Stage,
        time: Duration,
    ) -> Result<Sent, ControlError> {
        waiting::submit_and_wait(self, user, submission, stage, time).await
    }

    /// Ends every stream of signals and refuses every later call.
    async fn close(&self);
}

/// When there is something to read.
pub type Signals = Pin<Box<dyn Stream<Item = Signal> + Send + 'static>>;

/// What may be new for a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// A command was decided.
    Decided(CommandId),
    /// The user's runner has reported this generation.
    Observed(Generation),
    /// Signals may have been lost: look at everything.
    Missed,
}

/// How far a sender waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The command has an outcome.
    Decided,
    /// The command was refused, or its effect is there (or was given up).
    Effective,
}

/// What waiting for a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waited {
    /// The stage is reached.
    Reached(CommandStatus),
    /// Time is up. Ask again later by the id; nothing is lost.
    Pending {
        /// The command.
        id: CommandId,
        /// What was read last; none if the log did not answer in all that time.
        last: Option<CommandStatus>,
    },
}

/// A command that was recorded, and what waiting for it came to.
#[derive(Debug)]
pub struct Sent {
    /// As it was recorded, now or before.
    pub record: CommandRecord,
    /// What waiting came to; an error if what became of the command cannot be learnt by waiting longer.
    pub waited: Result<Waited, ControlError>,
}

/// What a command log promises beyond the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusCapability {
    /// Whether commands survive the end of the process.
    pub durable: bool,
    /// Whether other processes may use the same log at the same time.
    pub shared: bool,
    /// How long the outcome of a command can be asked for, at least.
    pub keeps_outcomes: Duration,
}

/// Which part of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandQuery {
    /// Only commands before this one.
    pub before: Option<Seq>,
    /// At most so many.
    pub limit: usize,
}

impl CommandQuery {
    /// The newest `limit` commands.
    pub const fn newest(limit: usize) -> Self {
        Self { before: None, limit }
    }
}

impl Stage {
    /// Whether a command is there.
    pub const fn is_reached(self, status: &CommandStatus) -> bool {
        use super::Effect;
        match (self, &status.effect) {
            (Self::Decided, _) | (Self::Effective, Effect::None | Effect::Effective | Effect::Failed { .. }) => {
                status.record.outcome.is_some()
            }
            (Self::Effective, Effect::Pending) => false,
        }
    }
}
