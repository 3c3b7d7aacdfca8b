use livermore_core::exchange::SplitMix64;
use serde_json::{Value, json};

use super::{tape::as_f64, text};

/// An order book around the last price: every tick up to a depth holds an order.
#[derive(Debug, Clone)]
pub(super) struct Book {
    /// The tick of the last price; the best bid is one below, the best offer one above.
    center: i64,
    depth: i64,
    /// Ticks of one quote unit.
    ticks_per_unit: f64,
    changes: u64,
}

/// A level: its tick and its size.
type Level = (i64, f64);

impl Book {
    pub(super) fn new(price: f64, increment: f64, depth: u32) -> Self {
        let ticks_per_unit = (1.0 / increment).round().max(1.0);
        Self { center: tick(price, ticks_per_unit), depth: i64::from(depth), ticks_per_unit, changes: 0 }
    }

    /// Levels from the best on, at most `limit`.
    pub(super) fn bids(&self, limit: usize) -> Vec<Level> {
        (1..=self.depth).map(|n| self.center - n).take_while(|tick| *tick > 0).take(limit).map(level).collect()
    }

    /// Levels from the best on, at most `limit`.
    pub(super) fn offers(&self, limit: usize) -> Vec<Level> {
        (1..=self.depth).map(|n| self.center + n).take(limit).map(level).collect()
    }

    pub(super) fn price(&self, tick: i64) -> String {
        #[allow(clippy::cast_precision_loss, reason = "ticks stay far below 2^53")]
        let price = tick as f64 / self.ticks_per_unit;
        text::number(price)
    }

    /// All levels as a snapshot tells them.
    pub(super) fn snapshot(&self) -> Vec<Value> {
        let row =
            |side: &str, (tick, size): Level| self.update(side, tick, &text::number(size), "1970-01-01T00:00:00Z");
        let bids = self.bids(usize::MAX).into_iter().map(|level| row("bid", level));
        bids.chain(self.offers(usize::MAX).into_iter().map(|level| row("offer", level))).collect()
    }

    /// Moves the book to `price` and returns what changed.
    pub(super) fn move_to(&mut self, price: f64, time: &str) -> Vec<Value> {
        let (from, to) = (self.center, tick(price, self.ticks_per_unit));
        self.center = to;
        self.changes += 1;
        let mut updates = Vec::new();
        for (side, old, new) in [
            ("bid", (from - self.depth)..from, (to - self.depth)..to),
            ("offer", (from + 1)..(from + self.depth + 1), (to + 1)..(to + self.depth + 1)),
        ] {
            for tick in old.clone().filter(|tick| *tick > 0 && !new.contains(tick)) {
                updates.push(self.update(side, tick, "0", time));
            }
            for tick in new.filter(|tick| *tick > 0 && !old.contains(tick)) {
                updates.push(self.update(side, tick, &text::number(level(tick).1), time));
            }
        }
        if updates.is_empty() {
            // The trade took a part of the best bid.
            let size = text::number(level(to - 1).1 / as_f64(2 + self.changes % 7));
            updates.push(self.update("bid", to - 1, &size, time));
        }
        updates
    }

    fn update(&self, side: &str, tick: i64, size: &str, time: &str) -> Value {
        json!({ "side": side, "event_time": time, "price_level": self.price(tick), "new_quantity": size })
    }
}

fn level(tick: i64) -> Level {
    let size = 1 + SplitMix64::new(tick.unsigned_abs()).below(50_000);
    (tick, as_f64(size) / 10_000.0)
}

#[allow(clippy::cast_possible_truncation, reason = "prices stay far below 2^53 ticks")]
fn tick(price: f64, ticks_per_unit: f64) -> i64 {
    (price * ticks_per_unit).round() as i64
}
