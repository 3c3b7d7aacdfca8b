use tokio::{sync::watch, task::Id, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    super::{Desired, Lease, Observed},
    backoff::Backoff,
    volatile::Goal,
};

/// A lease, and what hangs on it.
pub(super) struct Held {
    pub(super) lease: Lease,
    /// From here on it counts as lost, whatever the store may say later.
    pub(super) until: Instant,
    pub(super) desired: Desired,
    /// The same under the pauses that the log does not know yet.
    pub(super) goal: watch::Sender<Goal>,
    /// What an earlier process has reported, until the plane begins.
    pub(super) before: Option<Observed>,
    pub(super) is_looked_at: bool,
    pub(super) plane: Option<(Id, CancellationToken)>,
    pub(super) retry: Backoff,
    /// A decision may be recorded that is not known here: its answer was lost.
    pub(super) in_doubt: bool,
    /// The log has lost something; an operator has to say what holds.
    pub(super) regressed: bool,
}
