//! The log within one process.

use std::sync::Arc;

use livermore_core::{
    control::{ControlPolicy, EmbeddedCommandLog},
    ids::Timestamp,
    testkit::CommandLogFixture,
};
use tokio::time::Instant;

/// A log whose clock goes with tokio's.
pub(super) fn log(policy: ControlPolicy) -> EmbeddedCommandLog {
    let began = Instant::now();
    let clock = move || {
        let passed = i64::try_from(began.elapsed().as_millis()).unwrap();
        Timestamp::from_secs(1_522_800_000).unwrap().checked_add_millis(passed).unwrap()
    };
    EmbeddedCommandLog::in_memory(policy, clock)
}

pub(super) fn fixture(policy: ControlPolicy) -> CommandLogFixture {
    let log = log(policy.clone());
    CommandLogFixture::new(Arc::new(log.clone()), Arc::new(log), policy)
}

mod memory_suite {
    use super::*;

    #[allow(clippy::unused_async, reason = "the suite awaits it")]
    async fn fresh(policy: ControlPolicy) -> CommandLogFixture {
        fixture(policy)
    }

    livermore_core::command_log_contract!(fresh);
}

/// Time that really passes, as it does for a server.
mod memory_suite_in_real_time {
    use super::*;

    #[allow(clippy::unused_async, reason = "the suite awaits it")]
    async fn fresh(policy: ControlPolicy) -> CommandLogFixture {
        fixture(policy)
    }

    livermore_core::command_log_contract!(fresh, #[tokio::test]);
}
