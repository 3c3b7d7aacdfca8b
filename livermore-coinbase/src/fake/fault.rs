use livermore_core::ids::Symbol;

use super::Channel;

/// Something that goes wrong between the fake exchange and its clients. The market itself stays whole: what
/// [`FakeServer::truth_candles`](super::FakeServer::truth_candles) answers is never touched.
///
/// Durations are milliseconds of [server time](super::Clock); connections are counted from 0 in the order in which
/// they were accepted, both WebSocket endpoints together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Ends connections with a close frame of this code and reason.
    Close {
        /// Which connections.
        target: Target,
        /// The close code, 1000 to 4999.
        code: u16,
        /// The text beside the code.
        reason: String,
    },
    /// Ends connections without a close frame: the socket just ends.
    Vanish(Target),
    /// Ends connections by a TCP reset.
    Reset(Target),
    /// Neither reads nor writes any more, and keeps the sockets open.
    HalfOpen(Target),
    /// One product goes silent while the rest of the feed lives.
    Stall {
        /// Which connections.
        target: Target,
        /// The product.
        symbol: Symbol,
        /// The channel, or all.
        channel: Option<Channel>,
        /// For how long.
        for_ms: u64,
    },
    /// Nothing but `keep` is sent. What is held back takes no sequence numbers, as if it had never happened.
    Silence {
        /// Which connections.
        target: Target,
        /// What is still sent.
        keep: Keep,
        /// For how long.
        for_ms: u64,
    },
    /// The next `frames` frames take their sequence numbers and are lost.
    LoseFrames {
        /// Which connections.
        target: Target,
        /// How many.
        frames: u32,
    },
    /// Heartbeats are missed: the counter goes on by `beats`, and so does the sequence.
    SkipHeartbeats {
        /// Which connections.
        target: Target,
        /// How many.
        beats: u32,
    },
    /// The next frame is sent twice, under one sequence number.
    Duplicate(Target),
    /// The next two frames change places.
    Reorder(Target),
    /// The newest finished five-minute bucket of a product is sent once more with a slightly different volume, as the
    /// exchange now and then does; its history tells the true one.
    LateCorrection {
        /// Which connections.
        target: Target,
        /// The product.
        symbol: Symbol,
    },
    /// The next `snapshots` candle snapshots lack every third bucket, traded or not.
    HoledSnapshots {
        /// Which connections.
        target: Target,
        /// How many.
        snapshots: u32,
    },
    /// The next `frames` frames leave in WebSocket fragments of `bytes` bytes, with a pause after each.
    SlowBytes {
        /// Which connections.
        target: Target,
        /// How many frames.
        frames: u32,
        /// Bytes of one fragment, at least 1.
        bytes: usize,
        /// Real milliseconds between fragments.
        pause_ms: u64,
    },
    /// Sends a frame that no client expects.
    Garbage {
        /// Which connections.
        target: Target,
        /// What it is.
        garbage: Garbage,
    },
    /// The next `times` subscriptions of this product are silently left out.
    PartialAck {
        /// The product.
        symbol: Symbol,
        /// How often.
        times: u32,
    },
    /// The next `times` tokens are refused, however good they are.
    RefuseTokens {
        /// How often.
        times: u32,
    },
    /// The next `times` WebSocket upgrades are answered with this HTTP status.
    RefuseUpgrade {
        /// For example 401, 403, 429 or 503.
        status: u16,
        /// How often.
        times: u32,
    },
    /// The next `times` WebSocket connections get no further than this stage.
    Hang {
        /// Where they hang.
        stage: Stage,
        /// How often.
        times: u32,
    },
    /// The next `times` requests get this answer.
    Rest {
        /// What the client receives.
        answer: RestFault,
        /// How often.
        times: u32,
    },
    /// The server's clock goes wrong by `offset_ms` (negative: behind) in all it says and checks, until told otherwise.
    Skew {
        /// The offset from the market's time.
        offset_ms: i64,
    },
}

/// Which connections a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// Every connection that is open when the fault begins.
    All,
    /// The connection with this number; nothing happens if it is not open.
    Connection(u64),
    /// One of the open connections, drawn by the seed.
    Any,
}

/// What a silent connection still sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// Nothing at all. Pings are not answered.
    Nothing,
    /// WebSocket pings only, one a second.
    Pings,
    /// Heartbeats only.
    Heartbeats,
}

/// A stage of becoming connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The connection is accepted and never read. With TLS, the handshake hangs.
    Accept,
    /// The bytes of the client are read and never answered. With TLS, the handshake is done first.
    Upgrade,
}

/// A frame that no client expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Garbage {
    /// A binary frame.
    Binary,
    /// A text frame that is not UTF-8.
    InvalidUtf8,
    /// A text frame that is not JSON.
    NotJson,
    /// A well-formed message of a channel that nobody knows. Takes a sequence number.
    UnknownChannel,
    /// A well-formed message that is padded to this many bytes. Takes a sequence number.
    Oversized(usize),
}

/// An answer of the REST side that is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestFault {
    /// 429 with an HTML page, and this `Retry-After` where given (seconds, a date, or nonsense).
    TooManyRequests {
        /// The header's value.
        retry_after: Option<String>,
    },
    /// 429 with the exchange's JSON body.
    TooManyRequestsJson,
    /// A status with an HTML page, as an edge server answers.
    Html {
        /// For example 502, or 200.
        status: u16,
    },
    /// A status with the documented JSON error body.
    Json {
        /// For example 500.
        status: u16,
        /// The field `error`.
        error: String,
    },
    /// 401 with the plain text of a refused token.
    Unauthorized,
    /// 403 with the JSON of a key that may not do this.
    MissingScopes,
    /// The right answer, cut in the middle; its length is honest.
    Truncated,
    /// The right answer, cut in the middle by the end of the connection.
    Cut,
    /// The right status, and a body of spaces that never ends.
    Endless,
    /// A small gzip body that unpacks to this many bytes or more.
    GzipBomb {
        /// How much it unpacks to.
        unpacked: u64,
    },
    /// No answer at all.
    Hang,
}

/// When a planned fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// This many milliseconds of market time after the server's start.
    Market(u64),
    /// This many milliseconds of [server time](super::Clock) after the server's start.
    Elapsed(u64),
    /// Just before the n-th WebSocket frame of all connections is made, from 0.
    Frame(u64),
    /// Just before the n-th request of the REST side is answered, from 0.
    Request(u64),
    /// When the n-th WebSocket connection is accepted, from 0.
    Connection(u64),
}

/// Which faults happen when: planned ones, and random ones drawn by the server's seed.
///
/// ```
/// # use livermore_coinbase::fake::{Fault, FaultScript, Keep, Target, When};
/// let script = FaultScript::new()
///     .at(When::Elapsed(5_000), Fault::Reset(Target::All))
///     .at(When::Frame(100), Fault::LoseFrames { target: Target::Any, frames: 3 })
///     .random(2.0, Fault::Silence { target: Target::Any, keep: Keep::Heartbeats, for_ms: 20_000 });
/// # assert_eq!(script.planned().len(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultScript {
    planned: Vec<(When, Fault)>,
    random: Vec<(f64, Fault)>,
}

impl FaultScript {
    /// No faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also this fault, once.
    pub fn at(mut self, when: When, fault: Fault) -> Self {
        self.planned.push((when, fault));
        self
    }

    /// Also this fault, at random, `per_minute` times in a minute of server time on average (at most 240).
    pub fn random(mut self, per_minute: f64, fault: Fault) -> Self {
        self.random.push((per_minute.clamp(0.0, 240.0), fault));
        self
    }

    /// The planned faults.
    pub fn planned(&self) -> &[(When, Fault)] {
        &self.planned
    }

    /// The random faults and how often a minute each happens on average.
    pub fn randoms(&self) -> &[(f64, Fault)] {
        &self.random
    }
}

/// A fault that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRecord {
    /// Server time since the start, in milliseconds, when it began.
    pub elapsed_ms: u64,
    /// Market time since 1970, in milliseconds, when it began.
    pub market_ms: i64,
    /// The connections it hit; empty for faults that hit none or are still waiting for one.
    pub connections: Vec<u64>,
    /// What it was.
    pub fault: Fault,
}
