use std::time::Duration;

/// The limits of a command log. Every implementation of the bus and the inbox keeps to one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPolicy {
    /// Most undecided commands of one user; more are refused as busy.
    pub max_open: u32,
    /// When a refused sender should try again.
    pub retry_after: Duration,
    /// How long a command waits to be decided when its sender does not say. Commands that only stop something wait for
    /// ever.
    pub not_after: Duration,
    /// So many times deciding a command may be begun before it is given up.
    pub max_attempts: u32,
    /// How long a decided command is kept whole.
    pub keep: Duration,
    /// How long its id and outcome are kept, without the payload.
    pub keep_outcome: Duration,
}

impl Default for ControlPolicy {
    fn default() -> Self {
        Self {
            // Bounds memory and the time a restart needs to catch up.
            max_open: 100,
            retry_after: Duration::from_secs(1),
            not_after: Duration::from_mins(5),
            max_attempts: 3,
            keep: Duration::from_hours(30 * 24),
            keep_outcome: Duration::from_hours(365 * 24),
        }
    }
}
