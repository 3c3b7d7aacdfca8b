use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use livermore_core::ids::Timestamp;

use crate::failure::Failure;

/// Measures how long a command took; the only real clock it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[allow(clippy::disallowed_methods, reason = "measures the command for its summary; decides nothing")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The present, for what is stored with a time.
pub(crate) fn now() -> Result<Timestamp, Failure> {
    Timestamp::from_millis(unix_millis()).map_err(Failure::Argument)
}

/// The same for what cannot fail: the beginning of time where the machine's clock is beyond reason.
pub(crate) fn now_or_epoch() -> Timestamp {
    Timestamp::from_millis(unix_millis()).unwrap_or(Timestamp::EPOCH)
}

#[allow(clippy::disallowed_methods, reason = "the one place that asks what time it is")]
fn unix_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}
