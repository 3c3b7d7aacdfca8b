use std::time::Duration;

/// Longer waits count as this long, so that no sum of times leaves its range.
pub(super) const LONGEST: Duration = Duration::from_hours(24 * 365);

/// How a [`Supervisor`](super::Supervisor) works. Numbers too small to work with (zero messages a second, a wait of
/// nothing) count as the least that works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SupervisorConfig {
    /// Longest time for each [`Stage`](super::Stage) of connecting.
    pub stage_timeout: Duration,
    /// So long without a message the connection counts as dead. Pings and errors are no messages.
    pub silence: Duration,
    /// Longest time for one write to the socket.
    pub write_timeout: Duration,
    /// The largest possible pause before the first reconnect; each further one is twice as long.
    pub first_pause: Duration,
    /// The largest possible pause of all.
    pub longest_pause: Duration,
    /// The smallest pause after the exchange asked for fewer connections.
    pub throttled_pause: Duration,
    /// So long data must flow before the next reconnect is a first one again.
    pub healthy_after: Duration,
    /// Most messages sent in any second over this connection; the [`ConnectionBudget`](super::ConnectionBudget) bounds
    /// those of all connections.
    pub messages_per_second: u32,
    /// Most products in one subscription message.
    pub products_per_message: usize,
    /// How long a confirmation may take; each further try may take twice as long.
    pub confirmation: Duration,
    /// So many times a subscription without confirmation is sent over one connection.
    pub subscription_tries: u32,
    /// Least time between two resubscriptions after gaps.
    pub gap_resubscription: Duration,
    /// So many refused tries with fresh credentials make a refusal.
    pub refused_tries: u32,
    /// The number of the first message on a connection, where the exchange has a fixed one: what is missing before the
    /// first message heard is a gap too. `None` takes any.
    pub first_sequence: Option<u64>,
}

impl Default for SupervisorConfig {
    fn default() -> Self {
        Self {
            stage_timeout: Duration::from_secs(5),
            silence: Duration::from_secs(10),
            write_timeout: Duration::from_secs(5),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_mins(1),
            throttled_pause: Duration::from_secs(15),
            healthy_after: Duration::from_secs(30),
            messages_per_second: 4,
            products_per_message: 100,
            confirmation: Duration::from_secs(3),
            subscription_tries: 4,
            gap_resubscription: Duration::from_secs(5),
            refused_tries: 3,
            first_sequence: None,
        }
    }
}

impl SupervisorConfig {
    /// The same with numbers raised to the least that works.
    pub(super) fn bounded(mut self) -> Self {
        let least = Duration::from_millis(1);
        for wait in [
            &mut self.stage_timeout,
            &mut self.silence,
            &mut self.write_timeout,
            &mut self.first_pause,
            &mut self.confirmation,
            &mut self.gap_resubscription,
        ] {
            *wait = (*wait).clamp(least, LONGEST);
        }
        for wait in [&mut self.longest_pause, &mut self.throttled_pause, &mut self.healthy_after] {
            *wait = (*wait).min(LONGEST);
        }
        self.longest_pause = self.longest_pause.max(self.first_pause);
        self.messages_per_second = self.messages_per_second.max(1);
        self.products_per_message = self.products_per_message.max(1);
        self.subscription_tries = self.subscription_tries.max(1);
        self.refused_tries = self.refused_tries.max(1);
        self
    }
}
