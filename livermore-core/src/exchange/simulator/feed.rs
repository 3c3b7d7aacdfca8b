use std::collections::{BTreeSet, VecDeque};

use super::{
    config::{Fault, FaultKind, SimulatorConfig},
    market::{SimMarket, Step},
};
use crate::{
    exchange::{EventBody, MarketEvent, Subscription},
    ids::{Epoch, Seq, Symbol, Timeframe, Timestamp},
};

/// A silent product is announced after this much market time, or when it speaks again, whichever is first.
const STALE_AFTER_MS: i64 = 30_000;

/// What one subscriber hears of a market: filtered to its subscription, numbered, and seen through the faults.
#[derive(Debug)]
pub(super) struct Feed {
    market: SimMarket,
    subscription: Subscription,
    faults: Vec<Planned>,
    /// The step being told, from its start to its end: a fault that touches it affects all of it.
    step: (i64, i64),
    connected: bool,
    epoch: Epoch,
    next_seq: Seq,
    /// Messages lost that were not announced yet.
    lost: u64,
    silences: Vec<Silence>,
    /// Events made but not yet taken.
    ready: VecDeque<MarketEvent>,
}

/// A fault in market time.
#[derive(Debug)]
struct Planned {
    kind: FaultKind,
    begin: i64,
    end: i64,
}

/// A subscribed product that may go silent.
#[derive(Debug)]
struct Silence {
    symbol: Symbol,
    /// Set from its last message until it is said to have recovered.
    since: Option<Timestamp>,
    announced: bool,
}

impl Feed {
    pub(super) fn new(market: SimMarket, subscription: Subscription, config: &SimulatorConfig) -> Self {
        let start = market.now().as_millis();
        let millis = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let planned = |fault: &Fault| {
            let begin = start.saturating_add(millis(fault.at_ms));
            Planned { kind: fault.kind.clone(), begin, end: begin.saturating_add(millis(fault.for_ms)) }
        };
        let named: BTreeSet<&Symbol> = config.faults.iter().filter_map(|fault| fault.kind.silenced()).collect();
        let at_risk = named.into_iter().filter(|symbol| subscription.symbols.contains(symbol));
        let quiet = |symbol: &Symbol| Silence { symbol: symbol.clone(), since: None, announced: false };
        let mut feed = Self {
            silences: at_risk.map(quiet).collect(),
            faults: config.faults.iter().map(planned).filter(|fault| fault.begin < fault.end).collect(),
            step: (start, start),
            market,
            subscription,
            connected: true,
            epoch: Epoch::ZERO,
            next_seq: Seq::ZERO,
            lost: 0,
            ready: VecDeque::new(),
        };
        feed.say(feed.market.now(), EventBody::Connected);
        feed
    }

    /// The next event that is ready, if any.
    pub(super) fn pop(&mut self) -> Option<MarketEvent> {
        self.ready.pop_front()
    }

    /// Moves market time by one step and makes its events ready.
    pub(super) fn step(&mut self) {
        let before = self.market.now();
        let steps = self.market.step();
        let now = self.market.now();
        self.step = (before.as_millis(), now.as_millis());
        self.drop_or_restore_the_connection(before);
        self.follow_silences(before);
        for step in steps {
            if self.subscription.symbols.contains(&step.symbol) && !self.is_silent(&step.symbol) {
                self.tell(now, step);
            }
        }
        self.deliver(now, EventBody::Heartbeat);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.market.now()
    }

    fn tell(&mut self, now: Timestamp, step: Step) {
        let Step { symbol, trade, ticker, candle } = step;
        if let Some(trade) = trade.filter(|_| self.subscription.trades) {
            self.deliver(trade.time, EventBody::Trade { symbol: symbol.clone(), trade });
        }
        if self.subscription.tickers {
            self.deliver(now, EventBody::Ticker { symbol: symbol.clone(), ticker });
        }
        if let Some(candle) = candle.filter(|_| self.subscription.candles.contains(&Timeframe::M1)) {
            self.deliver(now, EventBody::Candle { symbol, candle });
        }
    }

    fn drop_or_restore_the_connection(&mut self, time: Timestamp) {
        let outages = self.active().filter(|fault| fault.kind == FaultKind::Disconnect);
        match (self.connected, outages.map(|outage| outage.end).max()) {
            (true, Some(end)) => {
                let reason = "the simulated connection was dropped".to_owned();
                self.say(time, EventBody::Disconnected { reason });
                let delay_ms = end.abs_diff(time.as_millis());
                self.say(time, EventBody::Reconnecting { attempt: 1, delay_ms });
                self.connected = false;
            }
            (false, None) => {
                self.connected = true;
                self.epoch = self.epoch.next().unwrap_or(self.epoch);
                self.next_seq = Seq::ZERO;
                self.say(time, EventBody::Connected);
                // Whoever starts anew with the connection must hear again who is silent on it.
                self.silences.iter_mut().for_each(|silence| silence.announced = false);
            }
            (true, None) | (false, Some(_)) => {}
        }
    }

    fn follow_silences(&mut self, time: Timestamp) {
        let mut silences = std::mem::take(&mut self.silences);
        silences.iter_mut().for_each(|silence| self.follow(silence, time));
        self.silences = silences;
    }

    /// Notes a silence, and announces it and its end as soon as the connection lets that through.
    fn follow(&mut self, silence: &mut Silence, time: Timestamp) {
        let goes_on = self.is_active(&FaultKind::Stale(silence.symbol.clone()));
        if goes_on {
            silence.since.get_or_insert(time);
        }
        let Some(since) = silence.since else { return };
        if !self.connected || self.is_active(&FaultKind::Gap) {
            return;
        }
        let symbol = silence.symbol.clone();
        if !silence.announced && (!goes_on || time.millis_since(since) >= STALE_AFTER_MS) {
            silence.announced = true;
            self.say(time, EventBody::Stale { symbol: symbol.clone(), since });
        }
        if !goes_on {
            (silence.since, silence.announced) = (None, false);
            self.say(time, EventBody::Recovered { symbol });
        }
    }

    fn is_silent(&self, symbol: &Symbol) -> bool {
        self.silences.iter().any(|silence| silence.since.is_some() && silence.symbol == *symbol)
    }

    /// Sends a message of the exchange down the simulated wire, where the faults are.
    fn deliver(&mut self, time: Timestamp, body: EventBody) {
        if !self.connected {
            return;
        }
        if self.is_active(&FaultKind::Gap) {
            self.lost += 1;
            self.next_seq = self.next_seq.next().unwrap_or(self.next_seq);
            return;
        }
        self.say(time, body);
        if self.is_active(&FaultKind::Duplicate) {
            self.ready.extend(self.ready.back().cloned());
        }
    }

    /// Tells the subscriber; what was lost until now comes first.
    fn say(&mut self, time: Timestamp, body: EventBody) {
        if self.lost > 0 {
            let missing = std::mem::take(&mut self.lost);
            self.enqueue(time, EventBody::Gap { symbol: None, missing });
        }
        self.enqueue(time, body);
    }

    fn enqueue(&mut self, time: Timestamp, body: EventBody) {
        self.ready.push_back(MarketEvent { time, epoch: self.epoch, seq: self.next_seq, body });
        self.next_seq = self.next_seq.next().unwrap_or(self.next_seq);
    }

    fn active(&self) -> impl Iterator<Item = &Planned> {
        let (from, to) = self.step;
        self.faults.iter().filter(move |fault| fault.begin < to && fault.end > from)
    }

    fn is_active(&self, kind: &FaultKind) -> bool {
        self.active().any(|fault| fault.kind == *kind)
    }
}
