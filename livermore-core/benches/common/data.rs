//! A seeded random walk, in every form the cases take it in.

use std::io::Write;

use livermore_core::{
    exchange::SplitMix64,
    ids::{Timeframe, Timestamp},
    indicator::{BankBars, Bar},
    market::{Candle, CandleSource, Finality, Ohlcv},
};

use super::{floor::Row, lanes::Columns};

/// Bars of one run: few enough to stay in the cache, so that arithmetic is measured and not memory.
pub(crate) const BARS: usize = 16_384;
/// Series that are stepped together.
pub(crate) const LANES: usize = 1_024;

const FIRST_MINUTE: i64 = 1_522_800_000 / 60;

/// The walk: minutes with a price each, some left out in which nothing is traded.
struct Walk {
    rng: SplitMix64,
    price: f64,
    quiet_percent: u64,
}

struct Minute {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    traded: bool,
}

impl Walk {
    fn new(seed: u64, quiet_percent: u64) -> Self {
        Self { rng: SplitMix64::new(seed), price: 7_400.0, quiet_percent }
    }

    /// Uniform in 0..1.
    #[allow(clippy::cast_precision_loss, reason = "the bits that are left fit")]
    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next minute, in cents as on an exchange. The first is always traded.
    fn next(&mut self, first: bool) -> Minute {
        if !first && self.rng.chance(self.quiet_percent) {
            let flat = self.price;
            return Minute { open: flat, high: flat, low: flat, close: flat, volume: 0.0, traded: false };
        }
        let cents = |price: f64| (price * 100.0).round() / 100.0;
        let open = self.price;
        // A mild pull to the middle keeps a million bars of random walk among sane prices.
        let pull = (7_400.0 - open) / 7_400.0 * 1e-4;
        let close = cents(open * (1.0 + pull + (self.uniform() - 0.5) * 0.002));
        let high = cents(open.max(close) * (1.0 + self.uniform() * 0.000_5));
        let low = cents(open.min(close) * (1.0 - self.uniform() * 0.000_5));
        let volume = (self.uniform() * 20.0 * 1e8).round() / 1e8;
        self.price = close;
        Minute { open, high: high.max(close), low: low.min(close), close, volume, traded: true }
    }
}

/// Bars for the product, and the same as the floors take them.
pub(crate) fn bars(seed: u64, count: usize, quiet_percent: u64) -> (Vec<Bar>, Vec<Row>) {
    let mut walk = Walk::new(seed, quiet_percent);
    let pair = |index| {
        let Minute { high, low, close, traded, .. } = walk.next(index == 0);
        let bar = if traded { Bar::new(high, low, close) } else { Bar::no_trade(close) };
        (bar.expect("the walk makes real bars"), Row { high, low, close, traded })
    };
    (0..count).map(pair).unzip()
}

/// Candles of the same walk, quiet minutes left out as exchanges do.
pub(crate) fn candles(seed: u64, count: usize, quiet_percent: u64) -> Vec<Candle> {
    let mut walk = Walk::new(seed, quiet_percent);
    let candle = |minute: i64| {
        let Minute { open, high, low, close, volume, traded } = walk.next(minute == FIRST_MINUTE);
        let time = Timestamp::from_secs(minute * 60).expect("a time of our days");
        let ohlcv = Ohlcv { open, high, low, close, volume };
        traded.then(|| {
            Candle::new(Timeframe::M1, time, ohlcv, Finality::Verified, CandleSource::File)
                .expect("the walk makes real candles")
        })
    };
    (FIRST_MINUTE..).take(count).filter_map(candle).collect()
}

/// Those candles as the text of a candle file.
pub(crate) fn csv(candles: &[Candle]) -> Vec<u8> {
    let mut text = b"time,open,high,low,close,volume\n".to_vec();
    for candle in candles {
        let Ohlcv { open, high, low, close, volume } = candle.ohlcv();
        writeln!(text, "{},{open},{high},{low},{close},{volume}", candle.open_time().as_secs())
            .expect("a Vec takes every write");
    }
    text
}

/// Two bars of each of [`LANES`] series, to be stepped in turns. Two keep the values moving; with many, the place the
/// memory happens to have in the cache would decide the result.
pub(crate) fn lane_bars() -> [(BankBars, Columns); 2] {
    [3, 4].map(|seed| {
        let (bars, _) = bars(seed, LANES, 1);
        let mut step = BankBars::new(LANES);
        for (lane, bar) in bars.iter().enumerate() {
            step.set(lane, bar);
        }
        (step, Columns::of(&bars))
    })
}
