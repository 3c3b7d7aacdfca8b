use std::collections::BTreeMap;

use super::super::Phase;
use crate::ids::UserId;

/// What an executor is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutorStatus {
    /// Users whose commands it decides, and how far each is.
    pub leading: BTreeMap<UserId, Leading>,
    /// How many users another process decides for, or nobody yet.
    pub standing_by: usize,
    /// Commands decided since the start.
    pub decided: u64,
    /// Users whose oldest command cannot be decided now, and what is in the way.
    pub held_up: BTreeMap<UserId, String>,
    /// Users that a pause holds which the desired state does not show yet, and at which phase at least.
    pub volatile: BTreeMap<UserId, Phase>,
    /// What keeps it from renewing and taking leases, while it does.
    pub trouble: Option<String>,
}

/// How far an executor is with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leading {
    /// Commands from before the start are being decided; the data plane has not begun.
    CatchingUp,
    /// The data plane runs, or tries to.
    Running,
}
