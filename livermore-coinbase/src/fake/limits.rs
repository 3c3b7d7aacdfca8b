/// The rules of the exchange that end or refuse connections, requests and messages.
///
/// The default is what the exchange documents. Times are milliseconds of [server time](super::Clock); rates are per
/// second of real time and over all clients, because all of them come from one address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// A connection without a subscription is closed after this time.
    pub first_subscribe_ms: u64,
    /// A connection without heartbeats dies when nothing was sent on it for a time drawn from this range.
    pub idle_ms: (u64, u64),
    /// WebSocket connections in any second; further ones are answered with 429.
    pub connections_per_second: u32,
    /// Messages without a token in any second; further ones are answered with an error.
    pub messages_per_second: u32,
    /// Public requests in any second; further ones are answered with 429. The exchange publishes no number.
    pub public_requests_per_second: u32,
    /// Private requests in any second; further ones are answered with 429.
    pub private_requests_per_second: u32,
    /// What a 429 of these limits says in `Retry-After`; the exchange says nothing.
    pub retry_after: Option<String>,
    /// Frames that may wait for a slow reader; further ones are lost, which leaves a gap in the sequence.
    pub waiting_frames: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_subscribe_ms: 5_000,
            idle_ms: (60_000, 90_000),
            connections_per_second: 8,
            messages_per_second: 8,
            public_requests_per_second: 10,
            private_requests_per_second: 30,
            retry_after: None,
            waiting_frames: 4_096,
        }
    }
}

impl Limits {
    /// No limit on rates; the rules about time stay.
    pub fn without_rates() -> Self {
        Self {
            connections_per_second: u32::MAX,
            messages_per_second: u32::MAX,
            public_requests_per_second: u32::MAX,
            private_requests_per_second: u32::MAX,
            ..Self::default()
        }
    }
}
