use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use livermore_core::{
    exchange::SplitMix64,
    ids::{Timeframe, Timestamp},
};

use super::{
    Clock, Fault, FaultRecord, RestFault, Stage, Stats, TokenClock, When,
    book::Book,
    builder::Options,
    connection::{Connection, Endpoint, Out},
    jwt::Gate,
    source::Source,
    stats::Window,
    tape::{Fill, Tape},
};

/// Server time between two looks at the market; the exchange batches trades over the same time.
pub(super) const TICK_MS: u64 = 250;

/// The whole state of the exchange. Pure but for its windows of real time: tasks call it and carry out what it says.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) options: Options,
    pub(super) start: Timestamp,
    /// Server time since the start.
    pub(super) elapsed_ms: u64,
    /// Market time since the start, in milliseconds.
    market_ms: f64,
    pub(super) skew_ms: i64,
    source: Source,
    pub(super) tapes: Vec<Tape>,
    pub(super) books: Vec<Book>,
    /// Trades since the last tick, by product.
    pub(super) fresh: Vec<Vec<Fill>>,
    /// Products whose forming bucket changed since candles were told.
    pub(super) changed: BTreeSet<usize>,
    /// Products traded since batches of tickers were told.
    pub(super) traded: BTreeSet<usize>,
    /// Buckets to be corrected: when, which product, which bucket.
    pub(super) corrections: VecDeque<(u64, usize, Timestamp)>,
    pub(super) rng: SplitMix64,
    /// Draws the random faults, so that they do not depend on what clients do.
    pub(super) fault_rng: SplitMix64,
    pub(super) gate: Gate,
    pub(super) stats: Stats,
    pub(super) windows: Windows,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) plan: Vec<(When, Fault)>,
    pub(super) frames_made: u64,
    pub(super) waiting: Waiting,
    pub(super) log: VecDeque<FaultRecord>,
    first_beat: u64,
}

/// Rates in real time.
#[derive(Debug, Default)]
pub(super) struct Windows {
    connections: Window,
    pub(super) messages: Window,
    pub(super) public_requests: Window,
    pub(super) private_requests: Window,
    pub(super) requests: Window,
}

/// Faults that wait for what they hit.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) upgrades: VecDeque<u16>,
    pub(super) hangs: VecDeque<Stage>,
    pub(super) answers: VecDeque<RestFault>,
    /// By the market's own names.
    pub(super) left_out: VecDeque<String>,
}

/// What becomes of a client that knocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    Refused(u16),
    Hang(Stage),
}

impl Engine {
    pub(super) fn new(options: Options, mut source: Source) -> Self {
        let mut rng = SplitMix64::new(options.seed);
        let tapes: Vec<Tape> = source
            .take_listed()
            .into_iter()
            .map(|listed| Tape::new(listed, 900_000_000 + rng.below(1_000_000)))
            .collect();
        let depth = options.book_depth;
        let fault_rng = SplitMix64::new(rng.next_u64());
        let mut engine = Self {
            start: source.start(),
            elapsed_ms: 0,
            market_ms: 0.0,
            skew_ms: options.skew_ms,
            books: tapes.iter().map(|tape| Book::new(tape.price, tape.increment, depth)).collect(),
            fresh: vec![Vec::new(); tapes.len()],
            changed: BTreeSet::new(),
            traded: BTreeSet::new(),
            corrections: VecDeque::new(),
            first_beat: 10_000 + rng.below(80_000),
            fault_rng,
            gate: Gate::new(options.keys.clone()),
            stats: Stats::default(),
            windows: Windows::default(),
            connections: BTreeMap::new(),
            plan: options.script.planned().to_vec(),
            frames_made: 0,
            waiting: Waiting::default(),
            log: VecDeque::new(),
            source,
            tapes,
            rng,
            options,
        };
        engine.trigger(|when| matches!(when, When::Market(0) | When::Elapsed(0)));
        engine
    }

    /// Market time.
    pub(super) fn now(&self) -> Timestamp {
        #[allow(clippy::cast_possible_truncation, reason = "market time stays far below 2^53 milliseconds")]
        let passed = self.market_ms as i64;
        self.start.checked_add_millis(passed).unwrap_or(Timestamp::MAX)
    }

    /// The server's own idea of the time: market time and the skew.
    pub(super) fn told_now(&self) -> Timestamp {
        self.now().checked_add_millis(self.skew_ms).unwrap_or(self.now())
    }

    pub(super) fn token_now_secs(&self) -> i64 {
        match self.options.token_clock {
            TokenClock::Market => self.told_now().as_secs(),
            TokenClock::System => (system_millis() + self.skew_ms) / 1_000,
        }
    }

    /// The heartbeat that belongs to this second of the server.
    pub(super) const fn beat(&self) -> u64 {
        self.first_beat + self.elapsed_ms / 1_000
    }

    /// A quarter of a second of server time passes.
    pub(super) fn tick(&mut self) {
        self.elapsed_ms += TICK_MS;
        #[allow(clippy::cast_precision_loss, reason = "250 is exact")]
        let tick = TICK_MS as f64;
        self.market_ms += match self.options.clock {
            Clock::Manual => tick,
            Clock::Speed(speed) => tick * speed,
        };
        self.begin_due_faults();
        self.end_silences();
        self.trade();
        self.tell();
        self.enforce_time_limits();
    }

    /// Lets the market trade up to now. A bucket that ends is told before the first trade of the next.
    fn trade(&mut self) {
        let now = self.now();
        while let Some(print) = self.source.next(now) {
            let (product, size) = (print.product, Timeframe::M5.millis());
            let bucket = |time: Timestamp| time.as_millis() / size;
            let before = self.tapes[product].trades.back().map(|fill| fill.time);
            if let Some(before) = before.filter(|before| bucket(*before) != bucket(print.time)) {
                self.end_bucket(product, Timeframe::M5.floor(before));
            }
            let tape = &mut self.tapes[product];
            let count = tape.take(&print);
            self.fresh[product].extend(tape.trades.iter().rev().take(count).rev().copied());
            self.changed.insert(product);
            self.traded.insert(product);
        }
    }

    /// Decides about a client that wants a WebSocket.
    pub(super) fn knock(&mut self) -> Door {
        self.stats.connection_attempts += 1;
        let rate = self.windows.connections.count();
        self.stats.most_connections_in_a_second = self.stats.most_connections_in_a_second.max(rate);
        if let Some(stage) = self.waiting.hangs.pop_front() {
            return Door::Hang(stage);
        }
        if let Some(status) = self.waiting.upgrades.pop_front() {
            return Door::Refused(status);
        }
        if rate > self.options.limits.connections_per_second {
            self.stats.connections_refused += 1;
            return Door::Refused(429);
        }
        Door::Open
    }

    /// Enters a client whose upgrade is done, and says under which number.
    pub(super) fn connect(&mut self, endpoint: Endpoint, out: tokio::sync::mpsc::Sender<Out>) -> u64 {
        let id = self.stats.connections_accepted;
        self.stats.connections_accepted += 1;
        self.stats.frames.push(0);
        let (shortest, longest) = self.options.limits.idle_ms;
        let idle_ms = shortest + self.rng.below(longest.saturating_sub(shortest) + 1);
        self.connections.insert(id, Connection::new(endpoint, out, self.elapsed_ms, idle_ms));
        self.trigger(|when| when == When::Connection(id));
        id
    }

    /// Whether a client has half of what may wait for it still waiting.
    pub(super) fn is_congested(&self) -> bool {
        self.connections.values().any(|connection| connection.out.capacity() < connection.out.max_capacity() / 2)
    }

    pub(super) fn disconnect(&mut self, id: u64) {
        self.connections.remove(&id);
    }

    fn enforce_time_limits(&mut self) {
        let (now, limit) = (self.elapsed_ms, self.options.limits.first_subscribe_ms);
        let overdue = |connection: &Connection| {
            let beats = connection.channels.contains_key(&super::Channel::Heartbeats);
            let idle = !beats && now.saturating_sub(connection.last_sent_ms) >= connection.idle_ms;
            (!connection.subscribed && now.saturating_sub(connection.opened_ms) >= limit)
                || (connection.subscribed && idle)
        };
        // Its task ends it, and says so by `disconnect`; until then it hears nothing more.
        self.connections.retain(|_, connection| {
            let ends = overdue(connection);
            if ends {
                connection.push(Out::Vanish);
            }
            !ends
        });
    }

    pub(super) fn stats(&self) -> Stats {
        let Gate { tokens, reused, refused, .. } = self.gate;
        Stats { tokens, tokens_reused: reused, tokens_refused: refused, ..self.stats.clone() }
    }

    /// Position of a product by any of its names: the exchange keeps one book for `X-USD` and `X-USDC`.
    pub(super) fn product(&self, name: &str) -> Option<usize> {
        let position = |name: &str| self.tapes.iter().position(|tape| tape.symbol.as_str() == name);
        position(name).or_else(|| {
            let usd = name.strip_suffix('C').filter(|usd| usd.ends_with("-USD"))?;
            if matches!(usd, "USDT-USD" | "EURC-USD") { None } else { position(usd) }
        })
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "asked for by TokenClock::System: tokens are made by a client's real clock"
)]
fn system_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn lock(engine: &Mutex<Engine>) -> MutexGuard<'_, Engine> {
    // A panic in one task must not take the server from the others.
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}
