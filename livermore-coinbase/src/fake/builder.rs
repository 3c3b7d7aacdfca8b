use livermore_core::exchange::ExchangeError;

use super::{Clock, FakeKey, FakeMarket, FakeServer, FaultScript, Limits, TokenClock};

/// How a [`FakeServer`] is to be; every part has a default.
#[derive(Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct FakeServerBuilder {
    pub(super) market: FakeMarket,
    pub(super) options: Options,
    pub(super) tls: bool,
}

/// What of it stays with the running server.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) seed: u64,
    pub(super) clock: Clock,
    pub(super) token_clock: TokenClock,
    pub(super) limits: Limits,
    pub(super) script: FaultScript,
    pub(super) keys: Vec<FakeKey>,
    pub(super) skew_ms: i64,
    pub(super) book_depth: u32,
    pub(super) snapshot_holes: u64,
    pub(super) late_corrections: u64,
    pub(super) ack: AckOrder,
    pub(super) noise: bool,
}

/// Whether the answer to a subscription comes before its snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AckOrder {
    /// Before.
    First,
    /// After.
    Last,
    /// As the seed draws, each time.
    Either,
}

impl FakeServerBuilder {
    pub(super) fn new() -> Self {
        let options = Options {
            seed: 1,
            clock: Clock::Speed(1.0),
            token_clock: TokenClock::Market,
            limits: Limits::default(),
            script: FaultScript::new(),
            keys: Vec::new(),
            skew_ms: 0,
            book_depth: 50,
            snapshot_holes: 30,
            late_corrections: 3,
            ack: AckOrder::Either,
            noise: false,
        };
        Self { market: FakeMarket::default(), options, tls: false }
    }

    /// What is traded; by default the seeded market with two days of history.
    pub fn market(mut self, market: FakeMarket) -> Self {
        self.market = market;
        self
    }

    /// Draws everything that is left to chance: holes, order of answers, random faults. By default 1.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// How time passes; by default as real time does.
    pub const fn clock(mut self, clock: Clock) -> Self {
        self.options.clock = clock;
        self
    }

    /// Against which time tokens are checked; by default market time.
    pub const fn token_clock(mut self, clock: TokenClock) -> Self {
        self.options.token_clock = clock;
        self
    }

    /// The rules that end or refuse; by default the exchange's.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// What goes wrong, and when; by default nothing.
    pub fn faults(mut self, script: FaultScript) -> Self {
        self.options.script = script;
        self
    }

    /// Also accepts tokens of this key; by default there is none.
    pub fn key(mut self, key: FakeKey) -> Self {
        self.options.keys.push(key);
        self
    }

    /// How far the server's clock is ahead of the market's (negative: behind), in all it says and checks.
    pub const fn skew_ms(mut self, skew_ms: i64) -> Self {
        self.options.skew_ms = skew_ms;
        self
    }

    /// Levels on each side of the order book, by default 50. With 22,000 a snapshot has about the size of the
    /// largest real ones, almost five megabytes.
    pub const fn book_depth(mut self, levels: u32) -> Self {
        self.options.book_depth = levels;
        self
    }

    /// How many of 100 traded buckets are missing in candle snapshots, by default 30; at most 90.
    pub const fn snapshot_holes(mut self, percent: u64) -> Self {
        self.options.snapshot_holes = if percent < 90 { percent } else { 90 };
        self
    }

    /// How many of 100 finished buckets are first told without their full volume, and corrected some seconds later;
    /// by default 3.
    pub const fn late_corrections(mut self, percent: u64) -> Self {
        self.options.late_corrections = percent;
        self
    }

    /// Whether answers come before snapshots; by default as it happens.
    pub const fn ack_order(mut self, order: AckOrder) -> Self {
        self.options.ack = order;
        self
    }

    /// Also says what older and newer versions of the exchange say: `client_id`, unknown keys and channels, heartbeat
    /// counters as text, timestamps of every precision. By default not.
    pub const fn noise(mut self, noise: bool) -> Self {
        self.options.noise = noise;
        self
    }

    /// Speaks TLS with a certificate of its own; see [`FakeServer::ca_pem`].
    pub const fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Binds three ports of 127.0.0.1 and begins to serve.
    pub async fn start(self) -> Result<FakeServer, StartError> {
        FakeServer::start(self).await
    }
}

/// Why a fake server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The market cannot be made.
    #[error("the market of the fake exchange cannot be made")]
    Market(#[source] ExchangeError),
    /// No port of 127.0.0.1 could be bound.
    #[error("a port of 127.0.0.1 cannot be bound")]
    Bind(#[source] std::io::Error),
    /// The speed is not a number above 0 and up to 86,400.
    #[error("speed {0} is not above 0 and up to 86,400")]
    Speed(f64),
    /// The certificate cannot be made.
    #[error("a certificate for 127.0.0.1 cannot be made: {0}")]
    Certificate(String),
}
