//! MACD-V put together from what each library offers.

use std::num::NonZero;

use quantedge_ta::{Atr, AtrConfig, Ema, EmaConfig, Ohlcv};
use ta_lib::Core;
use yata::{
    methods::{EMA, RMA, TR},
    prelude::Method,
};

use crate::common::floor::Row;

/// Bars that seed a stream before it is measured.
const SEED: usize = 300;

/// One call a bar.
pub(crate) trait Stream {
    /// Past its seeding, after the first bars of `rows`.
    fn warm(rows: &[Row]) -> Self;

    /// MACD-V and signal after a bar.
    fn update(&mut self, row: &Row) -> (f64, f64);
}

/// MACD-V of every bar from the end of the seeding on; NaN before.
pub(crate) fn all<S: Stream>(rows: &[Row]) -> Vec<f64> {
    let mut stream = S::warm(rows);
    let later = rows[SEED..].iter().map(|row| stream.update(row).0);
    std::iter::repeat_n(f64::NAN, SEED).chain(later).collect()
}

fn columns(rows: &[Row]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let column = |value: fn(&Row) -> f64| rows.iter().map(value).collect();
    (column(|row| row.high), column(|row| row.low), column(|row| row.close))
}

/// The official Rust port of TA-Lib.
pub(crate) struct TaLibStream {
    fast: ta_lib::EmaStream,
    slow: ta_lib::EmaStream,
    atr: ta_lib::AtrStream,
    signal: ta_lib::EmaStream,
}

impl Stream for TaLibStream {
    fn warm(rows: &[Row]) -> Self {
        let core = Core::new();
        let (high, low, close) = columns(&rows[..SEED]);
        let batch = TaLibBatch::new(&rows[..SEED]).run().to_vec();
        let first = batch.iter().position(|value| !value.is_nan()).expect("seeded");
        Self {
            fast: core.ema_open(&close, 12).expect("enough bars").0,
            slow: core.ema_open(&close, 26).expect("enough bars").0,
            atr: core.atr_open(&high, &low, &close, 26).expect("enough bars").0,
            signal: core.ema_open(&batch[first..], 9).expect("enough bars").0,
        }
    }

    #[inline]
    fn update(&mut self, row: &Row) -> (f64, f64) {
        let fast = self.fast.update(row.close).expect("a number");
        let slow = self.slow.update(row.close).expect("a number");
        let atr = self.atr.update(row.high, row.low, row.close).expect("numbers");
        let macd_v = (fast - slow) / atr * 100.0;
        (macd_v, self.signal.update(macd_v).expect("a number"))
    }
}

impl TaLibStream {
    /// What [`update`](Stream::update) would return.
    #[inline]
    pub(crate) fn peek(&self, row: &Row) -> (f64, f64) {
        let fast = self.fast.peek(row.close).expect("a number");
        let slow = self.slow.peek(row.close).expect("a number");
        let atr = self.atr.peek(row.high, row.low, row.close).expect("numbers");
        let macd_v = (fast - slow) / atr * 100.0;
        (macd_v, self.signal.peek(macd_v).expect("a number"))
    }
}

/// Four calls over whole columns, and one loop.
pub(crate) struct TaLibBatch {
    core: Core,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    fast: Vec<f64>,
    slow: Vec<f64>,
    atr: Vec<f64>,
    macd_v: Vec<f64>,
    signal: Vec<f64>,
}

impl TaLibBatch {
    pub(crate) fn new(rows: &[Row]) -> Self {
        let (high, low, close) = columns(rows);
        let empty = || vec![f64::NAN; rows.len()];
        let (fast, slow, atr, macd_v, signal) = (empty(), empty(), empty(), empty(), empty());
        Self { core: Core::new(), high, low, close, fast, slow, atr, macd_v, signal }
    }

    /// MACD-V of every bar; the signal is computed beside it.
    pub(crate) fn run(&mut self) -> &[f64] {
        let last = self.close.len() - 1;
        let fast = self.core.ema(0, last, &self.close, 12, &mut self.fast).expect("enough bars").beg_idx;
        let slow = self.core.ema(0, last, &self.close, 26, &mut self.slow).expect("enough bars").beg_idx;
        let atr = self.core.atr(0, last, &self.high, &self.low, &self.close, 26, &mut self.atr).expect("enough bars");
        let first = atr.beg_idx.max(slow);
        for bar in first..=last {
            self.macd_v[bar] = (self.fast[bar - fast] - self.slow[bar - slow]) / self.atr[bar - atr.beg_idx] * 100.0;
        }
        let macd_v = &self.macd_v[first..];
        self.core.ema(0, macd_v.len() - 1, macd_v, 9, &mut self.signal).expect("enough bars");
        &self.macd_v
    }
}

/// kand keeps no state: the caller hands the last values back.
pub(crate) struct Kand {
    fast: f64,
    slow: f64,
    atr: f64,
    signal: f64,
    close: f64,
}

impl Stream for Kand {
    fn warm(rows: &[Row]) -> Self {
        let (high, low, close) = columns(&rows[..SEED]);
        let empty = || vec![f64::NAN; SEED];
        let (mut fast, mut slow, mut atr) = (empty(), empty(), empty());
        kand::ohlcv::ema::ema(&close, 12, None, &mut fast).expect("enough bars");
        kand::ohlcv::ema::ema(&close, 26, None, &mut slow).expect("enough bars");
        kand::ohlcv::atr::atr(&high, &low, &close, 26, &mut atr).expect("enough bars");
        let macd_v: Vec<f64> =
            (0..SEED).map(|bar| (fast[bar] - slow[bar]) / atr[bar] * 100.0).filter(|value| !value.is_nan()).collect();
        let mut signal = vec![f64::NAN; macd_v.len()];
        kand::ohlcv::ema::ema(&macd_v, 9, None, &mut signal).expect("enough bars");
        let last = SEED - 1;
        Self {
            fast: fast[last],
            slow: slow[last],
            atr: atr[last],
            signal: signal[signal.len() - 1],
            close: close[last],
        }
    }

    #[inline]
    fn update(&mut self, row: &Row) -> (f64, f64) {
        self.fast = kand::ohlcv::ema::ema_inc(row.close, self.fast, 12, None).expect("a number");
        self.slow = kand::ohlcv::ema::ema_inc(row.close, self.slow, 26, None).expect("a number");
        self.atr = kand::ohlcv::atr::atr_inc(row.high, row.low, self.close, self.atr, 26).expect("numbers");
        self.close = row.close;
        let macd_v = (self.fast - self.slow) / self.atr * 100.0;
        self.signal = kand::ohlcv::ema::ema_inc(macd_v, self.signal, 9, None).expect("a number");
        (macd_v, self.signal)
    }
}

/// yata seeds every method with its first input.
pub(crate) struct Yata {
    fast: EMA,
    slow: EMA,
    range: TR,
    atr: RMA,
    signal: EMA,
}

impl Stream for Yata {
    fn warm(rows: &[Row]) -> Self {
        let first = candle(&rows[0]);
        let mut new = Self {
            fast: EMA::new(12, &rows[0].close).expect("a period"),
            slow: EMA::new(26, &rows[0].close).expect("a period"),
            range: TR::new(&first).expect("a candle"),
            atr: RMA::new(26, &(rows[0].high - rows[0].low)).expect("a period"),
            signal: EMA::new(9, &0.0).expect("a period"),
        };
        rows[1..SEED].iter().for_each(|row| {
            new.update(row);
        });
        new
    }

    #[inline]
    fn update(&mut self, row: &Row) -> (f64, f64) {
        let (fast, slow) = (self.fast.next(&row.close), self.slow.next(&row.close));
        let atr = self.atr.next(&self.range.next(&candle(row)));
        let macd_v = (fast - slow) / atr * 100.0;
        (macd_v, self.signal.next(&macd_v))
    }
}

fn candle(row: &Row) -> yata::core::Candle {
    yata::core::Candle { open: row.close, high: row.high, low: row.low, close: row.close, volume: 1.0 }
}

/// quantedge-ta takes whole bars and recognises a forming one by its time.
pub(crate) struct Quantedge {
    fast: Ema,
    slow: Ema,
    atr: Atr,
    signal: Ema,
    time: u64,
}

impl Stream for Quantedge {
    fn warm(rows: &[Row]) -> Self {
        let period = |period| NonZero::new(period).expect("not zero");
        let ema = |n| Ema::new(EmaConfig::close(period(n)));
        let atr = Atr::new(AtrConfig::builder().length(period(26)).build());
        let mut new = Self { fast: ema(12), slow: ema(26), atr, signal: ema(9), time: 0 };
        rows[..SEED].iter().for_each(|row| {
            new.update(row);
        });
        new
    }

    #[inline]
    fn update(&mut self, row: &Row) -> (f64, f64) {
        self.time += 60;
        let Row { high, low, close, .. } = *row;
        let bar = Ohlcv { open: close, high, low, close, open_time: self.time, volume: 1.0 };
        let (fast, slow, atr) = (self.fast.compute(&bar), self.slow.compute(&bar), self.atr.compute(&bar));
        let (Some(fast), Some(slow), Some(atr)) = (fast, slow, atr) else { return (f64::NAN, f64::NAN) };
        let macd_v = (fast - slow) / atr * 100.0;
        // Its EMA smooths a price of a bar, so the signal takes MACD-V for one.
        let value = Ohlcv { open: macd_v, high: macd_v, low: macd_v, close: macd_v, ..bar };
        (macd_v, self.signal.compute(&value).unwrap_or(f64::NAN))
    }
}
