use crate::ids::{Symbol, Timestamp};

/// What the simulated market is like. Everything follows from these values: equal configurations give equal markets.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SimulatorConfig {
    /// Chooses one of 2^64 markets.
    pub seed: u64,
    /// Market seconds per real second; `None` runs as fast as events are read.
    pub speed: Option<f64>,
    /// When live data begins, in market time. Rounded down to a minute.
    pub start: Timestamp,
    /// Minutes of history before `start`. At most [`SimulatorConfig::MAX_HISTORY_MINUTES`].
    pub history_minutes: u32,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
}

impl SimulatorConfig {
    /// The longest history that is kept, per symbol: about five weeks.
    pub const MAX_HISTORY_MINUTES: u32 = 50_000;

    /// The same market with another seed.
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same market at another speed.
    pub const fn with_speed(mut self, speed: Option<f64>) -> Self {
        self.speed = speed;
        self
    }

    /// The same market with another length of history.
    pub const fn with_history_minutes(mut self, minutes: u32) -> Self {
        self.history_minutes = minutes;
        self
    }

    /// The same market seen through these faults.
    pub fn with_faults(mut self, faults: impl Into<Vec<Fault>>) -> Self {
        self.faults = faults.into();
        self
    }
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            speed: Some(60.0),
            start: Timestamp::from_millis_in_range(1_767_571_200_000), // Monday, 2026-01-05T00:00:00Z
            history_minutes: 20_160,
            faults: Vec::new(),
        }
    }
}

/// Something that goes wrong on the way from the simulated exchange to its subscribers. The market itself, and what
/// [`candles`](crate::exchange::ExchangeAdapter::candles) answers, stay whole.
///
/// The market moves in steps of five seconds; a fault affects every step it overlaps. One that lasts no time does
/// nothing. Faults of one kind that overlap or touch are one longer fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When it begins, in milliseconds of market time after the start of live data.
    pub at_ms: u64,
    /// How long it lasts, in milliseconds of market time.
    pub for_ms: u64,
    /// What happens.
    pub kind: FaultKind,
}

/// What can go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The connection drops and is up again when the fault ends.
    Disconnect,
    /// Messages are lost on an open connection; announced as a gap when the fault ends, or when the connection drops.
    Gap,
    /// Every message of the exchange comes twice. What the adapter itself says of the connection comes once.
    Duplicate,
    /// One product goes silent while the rest of the feed lives.
    Stale(Symbol),
}

impl FaultKind {
    /// The product that goes silent, if it is that kind of fault.
    pub(super) const fn silenced(&self) -> Option<&Symbol> {
        match self {
            Self::Stale(symbol) => Some(symbol),
            Self::Disconnect | Self::Gap | Self::Duplicate => None,
        }
    }
}
