use std::fmt;

use async_trait::async_trait;

use super::{Bells, ControlError, Signal, Signals};
use crate::ids::{Seq, UserId};

/// A faster way to hear of a command log that is kept elsewhere.
///
/// A log that can only be polled, or whose own bell does not reach everybody, takes an `Arc<dyn Doorbell>`: it rings after
/// a command was recorded, tells after one was decided or a runner has reported, and passes the doorbell's streams on
/// beside its own. Losing all of it costs time, never a command: whoever waits also looks without being rung.
///
/// # Ringing
/// - [`ring`](Self::ring) and [`tell`](Self::tell) return at once and cannot fail: what cannot be sent soon is dropped and
///   shows in the [state](Self::state).
/// - They carry ids and numbers only.
///
/// # Hearing
/// - [`bells`](Self::bells) and [`signals`](Self::signals) begin at once, also while nothing can be heard. A loss that is
///   noticed, such as a connection that had to be made anew, is told as `Missed`.
/// - What is heard may be repeated, late, lost or forged: it says that there is something to read, not what.
///
/// # Closing
/// - After [`close`](Self::close) every stream ends, ringing does nothing, and listening fails with
///   [`Closed`](ControlError::Closed). Closing twice is harmless.
#[cfg_attr(feature = "test-util", mockall::automock)] // before async_trait, or the mock's methods are not async
#[async_trait]
pub trait Doorbell: fmt::Debug + Send + Sync + 'static {
    /// A command of the user was recorded at this place.
    fn ring(&self, user: UserId, seq: Seq);

    /// Something of the user is new for senders.
    fn tell(&self, user: UserId, signal: Signal);

    /// Yields a user soon after somebody rang for it.
    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError>;

    /// Yields what somebody tells of the user.
    async fn signals(&self, user: UserId) -> Result<Signals, ControlError>;

    /// Whether it works.
    fn state(&self) -> DoorbellState;

    /// Ends every stream.
    async fn close(&self);
}

/// Whether a doorbell works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DoorbellState {
    /// It rings and is heard.
    Working,
    /// It does not: everything takes as long as the next look without it.
    Degraded,
}

impl DoorbellState {
    /// The name in a status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Degraded => "degraded",
        }
    }
}

impl fmt::Display for DoorbellState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
