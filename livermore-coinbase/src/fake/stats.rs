use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

/// What the server has seen and done since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// WebSocket connections whose upgrade was asked for, refused ones included.
    pub connection_attempts: u64,
    /// WebSocket connections upgraded.
    pub connections_accepted: u64,
    /// The most connection attempts in any real second.
    pub most_connections_in_a_second: u32,
    /// Connections refused because there were too many in a second.
    pub connections_refused: u64,
    /// Messages of clients.
    pub messages: u64,
    /// The most messages without a token in any real second.
    pub most_messages_in_a_second: u32,
    /// Messages refused because there were too many in a second.
    pub messages_refused: u64,
    /// Error messages sent, such as the answer to a bad token.
    pub errors_sent: u64,
    /// Requests of the REST side.
    pub requests: u64,
    /// The most requests in any real second.
    pub most_requests_in_a_second: u32,
    /// Requests answered with 429, by limit or by fault.
    pub too_many_requests: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Tokens seen before: each request and each message should have brought a new one.
    pub tokens_reused: u64,
    /// Tokens refused.
    pub tokens_refused: u64,
    /// Frames made for each connection, in the order in which these were accepted.
    pub frames: Vec<u64>,
    /// Frames lost because the reader was slow.
    pub frames_lost_to_slow_readers: u64,
}

/// What happened in the last real second.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<Instant>);

impl Window {
    /// Counts one more, and says how many there were in the second that ends now.
    pub(super) fn count(&mut self) -> u32 {
        let now = Instant::now();
        while self.0.front().is_some_and(|first| now.duration_since(*first) >= Duration::from_secs(1)) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}
