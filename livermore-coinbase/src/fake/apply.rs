use std::collections::VecDeque;

use livermore_core::ids::{Symbol, Timeframe};
use serde_json::json;

use super::{
    Channel, Fault, FaultRecord, Garbage, Keep, Target, When,
    connection::{Out, Stalled, Troubles},
    engine::{Engine, TICK_MS},
    feed::candle,
    tape::tidy,
};

/// Faults kept in the log; older ones are forgotten.
const LOGGED: usize = 100_000;
/// Faults of one kind that wait for what they hit; further ones are dropped.
const WAITING: usize = 10_000;

impl Engine {
    /// Begins the planned faults that are due by time, and draws the random ones.
    pub(super) fn begin_due_faults(&mut self) {
        let (elapsed, market) = (self.elapsed_ms, self.now().millis_since(self.start).unsigned_abs());
        self.trigger(|when| match when {
            When::Market(at) => at <= market,
            When::Elapsed(at) => at <= elapsed,
            _ => false,
        });
        for (per_minute, fault) in &self.options.script.randoms().to_vec() {
            #[allow(clippy::cast_precision_loss, reason = "250 is exact, and so is every draw below 2^53")]
            let (tick, draw) = (TICK_MS as f64, self.fault_rng.below(1 << 32) as f64);
            if draw / 4_294_967_296.0 < per_minute * tick / 60_000.0 {
                self.inject(fault);
            }
        }
    }

    /// Begins every planned fault whose moment this is; each happens once.
    pub(super) fn trigger(&mut self, is_due: impl Fn(When) -> bool) {
        let due: Vec<Fault> = self.plan.extract_if(.., |(when, _)| is_due(*when)).map(|(_, fault)| fault).collect();
        self.inject_all(due);
    }

    /// Begins these faults now.
    pub(super) fn inject_all(&mut self, faults: impl IntoIterator<Item = Fault>) {
        for fault in faults {
            self.inject(&fault);
        }
    }

    /// Begins a fault now, and notes it.
    fn inject(&mut self, fault: &Fault) {
        let connections = self.targets(fault);
        self.log.push_back(FaultRecord {
            elapsed_ms: self.elapsed_ms,
            market_ms: self.now().as_millis(),
            connections: connections.clone(),
            fault: fault.clone(),
        });
        if self.log.len() > LOGGED {
            self.log.pop_front();
        }
        match fault {
            Fault::PartialAck { symbol, times } => {
                let symbol = self.own_name(symbol);
                wait(&mut self.waiting.left_out, &symbol, *times);
            }
            Fault::RefuseTokens { times } => self.gate.refusals = self.gate.refusals.saturating_add(*times),
            Fault::RefuseUpgrade { status, times } => wait(&mut self.waiting.upgrades, status, *times),
            Fault::Hang { stage, times } => wait(&mut self.waiting.hangs, stage, *times),
            Fault::Rest { answer, times } => wait(&mut self.waiting.answers, answer, *times),
            Fault::Skew { offset_ms } => self.skew_ms = *offset_ms,
            _ => connections.into_iter().for_each(|id| self.hit(id, fault)),
        }
    }

    fn targets(&mut self, fault: &Fault) -> Vec<u64> {
        let target = match fault {
            Fault::Close { target, .. }
            | Fault::Vanish(target)
            | Fault::Reset(target)
            | Fault::HalfOpen(target)
            | Fault::Stall { target, .. }
            | Fault::Silence { target, .. }
            | Fault::LoseFrames { target, .. }
            | Fault::SkipHeartbeats { target, .. }
            | Fault::Duplicate(target)
            | Fault::Reorder(target)
            | Fault::LateCorrection { target, .. }
            | Fault::HoledSnapshots { target, .. }
            | Fault::SlowBytes { target, .. }
            | Fault::Garbage { target, .. } => *target,
            _ => return Vec::new(),
        };
        let open = self.ids();
        match target {
            Target::All => open,
            Target::Connection(id) => open.into_iter().filter(|open| *open == id).collect(),
            Target::Any => {
                let drawn = self.fault_rng.below(open.len() as u64);
                open.into_iter().nth(usize::try_from(drawn).unwrap_or(0)).into_iter().collect()
            }
        }
    }

    fn hit(&mut self, id: u64, fault: &Fault) {
        let now = self.elapsed_ms;
        let symbol = match fault {
            Fault::Stall { symbol, .. } | Fault::LateCorrection { symbol, .. } => self.own_name(symbol),
            _ => String::new(),
        };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let troubles: &mut Troubles = &mut connection.troubles;
        let ending = match fault {
            Fault::Close { code, reason, .. } => Some(Out::Close { code: *code, reason: reason.clone() }),
            Fault::Vanish(_) => Some(Out::Vanish),
            Fault::Reset(_) => Some(Out::Reset),
            Fault::HalfOpen(_) => Some(Out::HalfOpen),
            Fault::Stall { channel, for_ms, .. } => {
                troubles.stalls.retain(|stall| now < stall.until_ms);
                troubles.stalls.push(Stalled { symbol, channel: *channel, until_ms: now.saturating_add(*for_ms) });
                None
            }
            Fault::Silence { keep, for_ms, .. } => {
                troubles.silence = Some((*keep, now.saturating_add(*for_ms)));
                (*keep == Keep::Nothing).then_some(Out::Mute(true))
            }
            Fault::LoseFrames { frames, .. } => {
                troubles.lose = troubles.lose.saturating_add(*frames);
                None
            }
            Fault::SkipHeartbeats { beats, .. } => {
                troubles.skip_beats = troubles.skip_beats.saturating_add(*beats);
                None
            }
            Fault::Duplicate(_) => {
                troubles.duplicate = true;
                None
            }
            Fault::Reorder(_) => {
                troubles.reorder = true;
                None
            }
            Fault::HoledSnapshots { snapshots, .. } => {
                troubles.holed_snapshots = troubles.holed_snapshots.saturating_add(*snapshots);
                None
            }
            Fault::SlowBytes { frames, bytes, pause_ms, .. } => {
                troubles.slow = Some((*frames, (*bytes).max(1), *pause_ms));
                None
            }
            Fault::LateCorrection { .. } => return self.correct_late(id, &symbol),
            Fault::Garbage { garbage, .. } => return self.send_garbage(id, *garbage),
            _ => None,
        };
        if let Some(out) = ending {
            let ends = !matches!(out, Out::Mute(_));
            connection.push(out);
            if ends {
                self.connections.remove(&id);
            }
        }
    }

    /// Lets clients be answered again whose silence is over.
    pub(super) fn end_silences(&mut self) {
        let now = self.elapsed_ms;
        for connection in self.connections.values_mut() {
            if let Some((keep, _)) = connection.troubles.silence.take_if(|(_, until)| *until <= now)
                && keep == Keep::Nothing
            {
                connection.push(Out::Mute(false));
            }
        }
    }

    fn correct_late(&mut self, id: u64, symbol: &str) {
        let Some(product) = self.product(symbol) else { return };
        if !self.connections.get(&id).is_some_and(|connection| connection.hears(Channel::Candles, symbol)) {
            return;
        }
        let forming = Timeframe::M5.floor(self.now());
        let before = forming.checked_add_millis(-86_400_000).unwrap_or(forming);
        let Some(mut bucket) = self.tapes[product].buckets(Timeframe::M5, before, forming).pop() else { return };
        bucket.ohlcv.volume = tidy(bucket.ohlcv.volume * 1.01);
        let events = json!([{ "type": "update", "candles": [candle(symbol, &bucket)] }]);
        self.emit(id, Channel::Candles, Some(symbol), events);
    }

    fn send_garbage(&mut self, id: u64, garbage: Garbage) {
        match garbage {
            Garbage::UnknownChannel => {
                self.send(id, "weather", None, None, json!([{ "type": "update", "sky": "clear" }]));
            }
            Garbage::Oversized(bytes) => {
                let padding = " ".repeat(bytes);
                self.send(
                    id,
                    "status",
                    None,
                    None,
                    json!([{ "type": "snapshot", "products": [], "padding": padding }]),
                );
            }
            Garbage::Binary | Garbage::InvalidUtf8 | Garbage::NotJson => self.deliver(id, Out::Garbage(garbage)),
        }
    }

    /// A product's name in this market: `BTC-USDC` is `BTC-USD` here.
    fn own_name(&self, symbol: &Symbol) -> String {
        self.product(symbol.as_str()).map_or_else(|| symbol.as_str().to_owned(), |product| self.symbol(product))
    }
}

fn wait<T: Clone>(waiting: &mut VecDeque<T>, one: &T, times: u32) {
    let room = WAITING.saturating_sub(waiting.len());
    let times = usize::try_from(times).unwrap_or(usize::MAX).min(room);
    waiting.extend(std::iter::repeat_n(one, times).cloned());
}
