/// How time passes on the server.
///
/// There are two times. *Market time* is what the exchange says: candle starts, timestamps, `GET /time`. *Server time*
/// is what connections live in: heartbeats each second, updates each second or quarter, five seconds to the first
/// subscription, the lengths of faults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clock {
    /// Nothing happens until [`FakeServer::advance`](super::FakeServer::advance) moves both times by the same amount.
    /// What is sent depends on the seed and the calls alone.
    Manual,
    /// Server time is real time; market time runs this many times as fast (at most 86,400).
    Speed(f64),
}

/// Against which time tokens are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClock {
    /// Market time, as the exchange would: the client must have learnt it from `GET /time`.
    Market,
    /// The time of this machine plus the skew: for markets of another day or speed, and clients that do not correct
    /// their clock by `GET /time`, which always tells market time.
    System,
}
