use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// How much of an exchange's request rate a [`RateBudget`] uses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateBudgetConfig {
    /// Requests per second in the long run. At least one.
    pub per_second: u32,
    /// Most requests at once after a pause. At least one.
    pub burst: u32,
    /// After waiting so long without a request of its priority, one goes before all others.
    pub patience: Duration,
}

impl Default for RateBudgetConfig {
    fn default() -> Self {
        Self { per_second: 5, burst: 8, patience: Duration::from_secs(30) }
    }
}

/// Who asks, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A hole in live data: alerts wait for it.
    LiveRepair,
    /// A person waits for it.
    UserAction,
    /// History that nobody waits for.
    Backfill,
}

impl Priority {
    const ALL: [Self; 3] = [Self::LiveRepair, Self::UserAction, Self::Backfill];
}

/// A place in the queue of a [`RateBudget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// The answer to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Make the request now. The ticket is used up.
    Ready,
    /// Not yet. Ask again then: earlier is of no use unless another ticket is given back.
    Wait {
        /// A time later than that of the question.
        until: Duration,
    },
    /// The ticket was used or given back.
    Gone,
}

/// One token bucket for all requests of a process to one exchange, with a queue before it.
///
/// A machine without clock: `now` is the time since any fixed moment, of a clock that never steps back.
///
/// # Rate
/// - In any span of time `t` at most `per_second * t + burst` tickets become ready. The arithmetic is exact.
/// - After [`penalise`](Self::penalise) nobody becomes ready until then, and the bucket begins empty. Times add up to
///   the latest one.
///
/// # Order
/// - A more urgent ticket goes first, whenever it was asked for; equals go in the order they asked.
/// - A priority that had no turn for [`patience`](RateBudgetConfig::patience) while it was waiting gets one turn before
///   the more urgent ones: backfill moves on under any load, and costs live repair at most one request in that time.
/// - Tickets at the head do not hold up others when there are tokens for all of them: each may come to ask in any
///   order.
///
/// # Giving back
/// - A ticket that is not wanted any more must be [given back](Self::cancel), best by a guard that does so when it is
///   dropped: otherwise its token is kept for it.
#[derive(Debug, Clone)]
pub struct RateBudget {
    rate: u128,
    burst: u128,
    patience: Duration,
    /// Tokens, in parts of which [`TOKEN`] make one, at `updated`.
    tokens: u128,
    /// In the future during a penalty: nothing comes in before.
    updated: Duration,
    queues: [Queue; 3],
    /// Priority of each waiting ticket.
    waiting: BTreeMap<Ticket, Priority>,
    next: u64,
}

#[derive(Debug, Clone, Default)]
struct Queue {
    tickets: VecDeque<Ticket>,
    /// Since when it waits without a turn.
    since: Duration,
}

/// A bucket that gains `rate` parts each nanosecond gains `rate` tokens each second.
const TOKEN: u128 = 1_000_000_000;

impl RateBudget {
    /// A full budget.
    pub fn new(config: &RateBudgetConfig) -> Self {
        let burst = u128::from(config.burst.max(1)) * TOKEN;
        Self {
            rate: u128::from(config.per_second.max(1)),
            burst,
            patience: config.patience,
            tokens: burst,
            updated: Duration::ZERO,
            queues: Default::default(),
            waiting: BTreeMap::new(),
            next: 0,
        }
    }

    /// Takes a place in the queue; ask for its turn with [`turn`](Self::turn).
    pub fn ask(&mut self, priority: Priority, now: Duration) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        let queue = &mut self.queues[priority as usize];
        if queue.tickets.is_empty() {
            queue.since = now;
        }
        queue.tickets.push_back(ticket);
        self.waiting.insert(ticket, priority);
        ticket
    }

    /// Whether it is the ticket's turn.
    pub fn turn(&mut self, ticket: Ticket, now: Duration) -> Turn {
        let Some(priority) = self.waiting.get(&ticket).copied() else { return Turn::Gone };
        self.refill(now);
        let needed = (self.ahead(ticket, priority, now) + 1) * TOKEN;
        // Before `updated` there is a penalty; a clock that stepped back cannot make a ticket ready either.
        if now >= self.updated && self.tokens >= needed {
            self.tokens -= TOKEN;
            self.remove(ticket, priority);
            self.queues[priority as usize].since = now;
            return Turn::Ready;
        }
        let wait = needed.saturating_sub(self.tokens).div_ceil(self.rate);
        let wait = Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX));
        // A ticket may come to its turn earlier by having waited.
        let starved = self.queues[priority as usize].since.saturating_add(self.patience);
        let until = self.updated.max(now).saturating_add(wait);
        let until = if starved > now && starved < until { starved } else { until };
        Turn::Wait { until: until.max(now.saturating_add(Duration::from_nanos(1))) }
    }

    /// Gives a ticket back. One that is gone already does no harm.
    pub fn cancel(&mut self, ticket: Ticket) {
        if let Some(priority) = self.waiting.get(&ticket).copied() {
            self.remove(ticket, priority);
        }
    }

    /// The exchange refused a request for their number: nobody becomes ready before `until`.
    ///
    /// The caller bounds what the exchange asks for; an exchange's word can otherwise stop everything for a day.
    pub fn penalise(&mut self, until: Duration) {
        if until > self.updated {
            (self.tokens, self.updated) = (0, until);
        }
    }

    /// The exchange said how many requests are left at this time: no more than these are taken to be there.
    pub fn observe_remaining(&mut self, remaining: u32, now: Duration) {
        self.refill(now);
        self.tokens = self.tokens.min(u128::from(remaining) * TOKEN);
    }

    /// How many tickets of a priority are waiting.
    pub fn waiting(&self, priority: Priority) -> usize {
        self.queues[priority as usize].tickets.len()
    }

    fn refill(&mut self, now: Duration) {
        let Some(passed) = now.checked_sub(self.updated) else { return };
        self.tokens = self.burst.min(self.tokens.saturating_add(passed.as_nanos().saturating_mul(self.rate)));
        self.updated = now;
    }

    /// How many waiting tickets go before this one.
    fn ahead(&self, ticket: Ticket, priority: Priority, now: Duration) -> u128 {
        let starved = |priority: Priority| {
            let queue = &self.queues[priority as usize];
            !queue.tickets.is_empty() && now.saturating_sub(queue.since) >= self.patience
        };
        let position = self.queues[priority as usize].tickets.iter().take_while(|other| **other != ticket).count();
        let first_of_starved = position == 0 && starved(priority);
        let before = |other: &Priority| *other < priority;
        let more_urgent: usize = if first_of_starved {
            // Several starved priorities: the more urgent one first.
            Priority::ALL.into_iter().filter(before).filter(|other| starved(*other)).count()
        } else {
            let waiting: usize = Priority::ALL.into_iter().filter(before).map(|other| self.waiting(other)).sum();
            waiting + Priority::ALL.into_iter().filter(|other| *other > priority && starved(*other)).count()
        };
        u128::try_from(position + more_urgent).unwrap_or(u128::MAX / TOKEN - 1)
    }

    fn remove(&mut self, ticket: Ticket, priority: Priority) {
        self.waiting.remove(&ticket);
        self.queues[priority as usize].tickets.retain(|other| *other != ticket);
    }
}
