//! The floor for many series: one loop over a structure of arrays.

use std::hint::black_box;

use livermore_core::indicator::Bar;

use super::{
    data::LANES,
    floor::{FAST, KEEP, SIGNAL, SLOW, State, range, with_fma},
};

/// Columns that lie a multiple of 4 KiB apart make the processor mistake a load from one for a store into another. So
/// all are in one allocation, and each begins this many numbers further into its page than the one before.
const SPREAD: usize = 52;

/// One bar of every series.
#[derive(Debug)]
pub(crate) struct Columns {
    prices: [Vec<f64>; 3],
    traded: Vec<bool>,
}

impl Columns {
    pub(crate) fn of(bars: &[Bar]) -> Self {
        Self {
            prices: [Bar::high, Bar::low, Bar::close].map(|price| bars.iter().map(price).collect()),
            traded: bars.iter().map(Bar::is_traded).collect(),
        }
    }
}

/// The state of every series: fast, slow, ATR, signal, previous close and MACD-V, a column each.
#[derive(Debug)]
pub(crate) struct Lanes(Vec<[f64; LANES + SPREAD]>);

impl Lanes {
    pub(crate) fn after(states: &[State]) -> Self {
        let mut columns = vec![[0.0; LANES + SPREAD]; 6];
        for (lane, state) in states.iter().enumerate() {
            let values = [state.fast, state.slow, state.atr, state.signal, state.previous_close];
            columns.iter_mut().zip(values).for_each(|(column, value)| column[lane] = value);
        }
        Self(columns)
    }

    pub(crate) fn signal(&self, lane: usize) -> f64 {
        self.0[3][lane]
    }

    pub(crate) fn macd_v(&self, lane: usize) -> f64 {
        self.0[5][lane]
    }

    #[inline(never)]
    pub(crate) fn steps(&mut self, steps: &[&Columns]) {
        for bars in steps {
            with_fma(
                #[inline(always)]
                || self.step(bars),
            );
            black_box(&mut *self);
        }
    }

    #[inline(always)]
    fn step(&mut self, bars: &Columns) {
        let [fast, slow, atr, signal, previous, macd_v] = &mut self.0[..] else { return };
        let [high, low, close] = &bars.prices;
        let (high, low, close, traded) = (&high[..LANES], &low[..LANES], &close[..LANES], &bars.traded[..LANES]);
        for i in 0..LANES {
            let f = (close[i] - fast[i]).mul_add(FAST, fast[i]);
            let s = (close[i] - slow[i]).mul_add(SLOW, slow[i]);
            let smoothed = atr[i].mul_add(KEEP, range(high[i], low[i], previous[i]) * (1.0 - KEEP));
            let a = if traded[i] { smoothed } else { atr[i] };
            let m = (f - s) / a * 100.0;
            signal[i] = (m - signal[i]).mul_add(SIGNAL, signal[i]);
            (fast[i], slow[i], atr[i], macd_v[i], previous[i]) = (f, s, a, m, close[i]);
        }
    }
}
