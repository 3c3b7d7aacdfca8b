use std::{fmt, pin::Pin, time::Duration};

use async_trait::async_trait;
use futures_core::Stream;

use super::{CommandRecord, ControlError, Decision, Desired, Holder, Lease, Next, Observed};
use crate::ids::{Seq, UserId};

/// The runners' end of a command log: decide commands, one runner per user, and report what came of it.
///
/// Object-safe: hold it as `Arc<dyn CommandInbox>`. The other end is [`CommandBus`](super::CommandBus); both ends of one
/// log see the same at once. The contract below is tested clause by clause by
/// [`command_log_contract!`](crate::command_log_contract) (feature `test-util`).
///
/// # Leases
/// - [`acquire`](Self::acquire) gives the lease of a user to one holder at a time, until `ttl` has passed by the store's
///   clock. Each take by another holder, or after the end, has a higher epoch; a holder that asks again before the end
///   keeps its own. The answer holds the leases that were given.
/// - [`renew`](Self::renew) prolongs and returns the leases nobody else has taken meanwhile.
/// - [`release`](Self::release) ends a lease: the next holder need not wait.
/// - With an older epoch than the user's, every call that takes a lease is refused as
///   [`StaleEpoch`](ControlError::StaleEpoch), and nothing has changed.
///
/// # Deciding
/// - [`waiting`](Self::waiting) tells which of these users have an undecided command.
/// - [`next`](Self::next) returns the user's oldest undecided command, and has counted the attempt before it returns.
///   Commands that are overdue and not [claimed](CommandRecord::is_claimed) are ended as expired instead.
/// - [`decide`](Self::decide) writes outcome and desired state together: both or neither. A command is decided once; the
///   answer is what is recorded, be it this decision or an earlier one. A decision to apply that comes after the
///   command's time is recorded as expired, unless it [is done](Decision::is_done). One whose desired state is not the
///   next generation was made on an old state: it is refused, and nothing has changed.
/// - [`postpone`](Self::postpone) gives an attempt back that something outside the command kept from being finished. A
///   command that may have changed the settings stays claimed.
///
/// # Reporting
/// - [`states`](Self::states) returns the desired state and what was observed last.
/// - [`observe`](Self::observe) replaces what is observed, and ends the jobs it reports as finished. A generation later
///   than the desired one means that the log has forgotten something: it answers
///   [`StoreRegressed`](ControlError::StoreRegressed), and so do `submit` and `next` until [`rebase`](Self::rebase).
///
/// # Bells
/// - [`bells`](Self::bells) yields a user soon after a command for it was recorded. Bells may be repeated, late or lost; a
///   loss that is noticed is told as [`Bell::Missed`]. Whoever waits for commands must also look without being rung.
///
/// # Housekeeping
/// - [`forget`](Self::forget) drops payloads and outcomes older than the policy keeps, of these users.
///
/// # Cancellation
/// - A dropped call may or may not have happened: read again.
///
/// # Closing
/// - After [`close`](Self::close) every call fails with [`Closed`](ControlError::Closed) and every stream of bells ends.
///   Closing twice is harmless.
#[cfg_attr(feature = "test-util", mockall::automock)] // before async_trait, or the mock's methods are not async
#[async_trait]
pub trait CommandInbox: fmt::Debug + Send + Sync + 'static {
    /// Takes the leases of these users, as far as nobody else holds them.
    async fn acquire(&self, users: &[UserId], holder: &Holder, ttl: Duration) -> Result<Vec<Lease>, ControlError>;

    /// Prolongs these leases; returns those that are still held.
    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>, ControlError>;

    /// Gives these leases back.
    async fn release(&self, leases: &[Lease]) -> Result<(), ControlError>;

    /// Which of these users have an undecided command.
    async fn waiting(&self, users: &[UserId]) -> Result<Vec<UserId>, ControlError>;

    /// Begins to decide the user's oldest undecided command.
    async fn next(&self, lease: &Lease) -> Result<Option<Next>, ControlError>;

    /// Writes a decision down.
    async fn decide(&self, lease: &Lease, seq: Seq, decision: Decision) -> Result<CommandRecord, ControlError>;

    /// Gives an attempt back.
    async fn postpone(&self, lease: &Lease, seq: Seq) -> Result<(), ControlError>;

    /// The desired state, and what was observed last.
    async fn states(&self, lease: &Lease) -> Result<(Desired, Option<Observed>), ControlError>;

    /// Reports what is.
    async fn observe(&self, lease: &Lease, observed: Observed) -> Result<(), ControlError>;

    /// An operator's word that the desired state holds, although a runner has seen a later generation.
    async fn rebase(&self, user: UserId) -> Result<Desired, ControlError>;

    /// Drops what is older than the policy keeps.
    async fn forget(&self, users: &[UserId]) -> Result<(), ControlError>;

    /// Tells for which of these users a command may have come.
    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError>;

    /// Ends every stream of bells and refuses every later call.
    async fn close(&self);
}

/// For whom a command may have come.
pub type Bells = Pin<Box<dyn Stream<Item = Bell> + Send + 'static>>;

/// Where a command may have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bell {
    /// For this user.
    Rang(UserId),
    /// Bells may have been lost: look everywhere.
    Missed,
}
