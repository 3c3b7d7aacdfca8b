use std::collections::VecDeque;

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
    faults: Vec<Running>,
    epoch: Epoch,
    next_seq: Seq,
    /// Events made but not yet taken.
    ready: VecDeque<MarketEvent>,
    lost: u64,
}

#[derive(Debug)]
struct Running {
    fault: Fault,
    begin: i64,
    end: i64,
    begun: bool,
    /// For a silent product: whether subscribers were told.
    announced: bool,
    ended: bool,
}

impl Feed {
    pub(super) fn new(market: SimMarket, subscription: Subscription, config: &SimulatorConfig) -> Self {
        let start = market.now().as_millis();
        let running = |fault: &Fault| {
            let millis = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX / 4);
            let begin = start.saturating_add(millis(fault.at_ms));
            let end = begin.saturating_add(millis(fault.for_ms));
            Running { fault: fault.clone(), begin, end, begun: false, announced: false, ended: false }
        };
        let mut feed = Self {
            faults: config.faults.iter().map(running).collect(),
            market,
            subscription,
            epoch: Epoch::ZERO,
            next_seq: Seq::ZERO,
            ready: VecDeque::new(),
            lost: 0,
        };
        feed.deliver(feed.market.now(), EventBody::Connected);
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
        self.faults_end_and_begin(before);
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

    fn faults_end_and_begin(&mut self, time: Timestamp) {
        let now = time.as_millis();
        for index in 0..self.faults.len() {
            let Running { fault, begin, end, begun, announced, ended } = &self.faults[index];
            let (kind, begin, end, for_ms) = (fault.kind.clone(), *begin, *end, fault.for_ms);
            let (begun, announced, ended) = (*begun, *announced, *ended);
            if !begun && now >= begin {
                self.begin_fault(&kind, time, for_ms);
                self.faults[index].begun = true;
            }
            if let FaultKind::Stale(symbol) = &kind
                && self.faults[index].begun
                && !announced
                && (now >= end || now - begin >= STALE_AFTER_MS)
            {
                let since = Timestamp::from_millis_in_range(begin);
                self.faults[index].announced = true;
                self.deliver_subscribed(symbol, time, EventBody::Stale { symbol: symbol.clone(), since });
            }
            if self.faults[index].begun && !ended && now >= end {
                self.faults[index].ended = true;
                self.end_fault(&kind, time);
            }
        }
    }

    fn begin_fault(&mut self, kind: &FaultKind, now: Timestamp, for_ms: u64) {
        if *kind == FaultKind::Disconnect {
            let reason = "the simulated connection was dropped".to_owned();
            self.enqueue(now, EventBody::Disconnected { reason });
            self.enqueue(now, EventBody::Reconnecting { attempt: 1, delay_ms: for_ms });
        }
    }

    fn end_fault(&mut self, kind: &FaultKind, now: Timestamp) {
        match kind {
            FaultKind::Disconnect => {
                self.epoch = self.epoch.next().unwrap_or(self.epoch);
                self.next_seq = Seq::ZERO;
                self.lost = 0;
                self.deliver(now, EventBody::Connected);
            }
            FaultKind::Stale(symbol) => {
                self.deliver_subscribed(symbol, now, EventBody::Recovered { symbol: symbol.clone() });
            }
            FaultKind::Gap | FaultKind::Duplicate => {}
        }
    }

    fn deliver_subscribed(&mut self, symbol: &Symbol, time: Timestamp, body: EventBody) {
        if self.subscription.symbols.contains(symbol) {
            self.deliver(time, body);
        }
    }

    /// Sends an event down the simulated wire, where the faults are.
    fn deliver(&mut self, time: Timestamp, body: EventBody) {
        if self.is_active(&FaultKind::Disconnect) {
            return;
        }
        if self.is_active(&FaultKind::Gap) {
            self.lost += 1;
            self.next_seq = self.next_seq.next().unwrap_or(self.next_seq);
            return;
        }
        if self.lost > 0 {
            let missing = std::mem::take(&mut self.lost);
            self.enqueue(time, EventBody::Gap { symbol: None, missing });
        }
        self.enqueue(time, body);
        if self.is_active(&FaultKind::Duplicate) {
            self.ready.extend(self.ready.back().cloned());
        }
    }

    fn enqueue(&mut self, time: Timestamp, body: EventBody) {
        self.ready.push_back(MarketEvent { time, epoch: self.epoch, seq: self.next_seq, body });
        self.next_seq = self.next_seq.next().unwrap_or(self.next_seq);
    }

    fn is_active(&self, kind: &FaultKind) -> bool {
        self.faults.iter().any(|running| running.begun && !running.ended && running.fault.kind == *kind)
    }

    fn is_silent(&self, symbol: &Symbol) -> bool {
        self.is_active(&FaultKind::Stale(symbol.clone()))
    }
}
