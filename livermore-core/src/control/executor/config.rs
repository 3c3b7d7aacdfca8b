use std::time::Duration;

use super::super::Holder;
use crate::ids::UserId;

/// How an executor works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorConfig {
    /// This process, different for every start.
    pub holder: Holder,
    /// Whose commands it decides, as far as no other process does.
    pub users: Vec<UserId>,
    /// How often it looks for commands without being rung, give or take a fifth. It is the guarantee; bells are speed.
    pub poll: Duration,
    /// How long a lease lasts that is not renewed.
    pub lease: Duration,
    /// How often leases are renewed, and taken where they are free.
    pub renew: Duration,
    /// So long before the end of a lease it counts as lost: clocks differ, and stopping takes time.
    pub margin: Duration,
    /// So many times deciding a command may be begun before it is given up.
    pub max_attempts: u32,
    /// The pause after the first failure to decide or to converge; each further one is twice as long.
    pub first_retry: Duration,
    /// The longest such pause.
    pub longest_retry: Duration,
    /// Most users whose commands are decided at the same time.
    pub concurrency: usize,
    /// How often the progress of jobs is reported at most.
    pub report: Duration,
}

impl ExecutorConfig {
    /// The usual numbers: another process takes over within 15 seconds.
    pub const fn new(holder: Holder, users: Vec<UserId>) -> Self {
        Self {
            holder,
            users,
            poll: Duration::from_secs(2),
            lease: Duration::from_secs(10),
            renew: Duration::from_secs(3),
            margin: Duration::from_secs(2),
            max_attempts: 3,
            first_retry: Duration::from_millis(500),
            longest_retry: Duration::from_mins(1),
            concurrency: 8,
            report: Duration::from_secs(1),
        }
    }
}
