use std::{fmt, time::Duration};

use crate::{number::grouped, pipeline::Pipeline};

/// What a replay did, for its last line on standard error.
#[derive(Debug)]
pub(super) struct Summary {
    read: u64,
    filled: u64,
    aggregated: u64,
    dropped: u64,
    alerts: u64,
    time: Duration,
}

impl Summary {
    pub(super) fn of(pipeline: &Pipeline, read: u64, alerts: u64, time: Duration) -> Self {
        let (aggregated, dropped) = pipeline.aggregated_and_dropped();
        Self { read, filled: pipeline.filled(), aggregated, dropped, alerts, time }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bars = self.read + self.filled;
        let per_second = u128::from(bars) * 1_000_000 / self.time.as_micros().max(1);
        write!(
            f,
            "{} bars read, {} filled, {} aggregated, {} incomplete groups dropped, {} alerts, {:.3} s, {} bars/s",
            grouped(self.read),
            grouped(self.filled),
            grouped(self.aggregated),
            grouped(self.dropped),
            grouped(self.alerts),
            self.time.as_secs_f64(),
            grouped(u64::try_from(per_second).unwrap_or(u64::MAX)),
        )
    }
}
