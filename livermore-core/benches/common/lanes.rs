//! The floor for many series: one loop over a structure of arrays.

use livermore_core::indicator::Bar;

use super::floor::{FAST, KEEP, SIGNAL, SLOW, State, range, with_fma};

/// One bar of every series.
#[derive(Debug)]
pub(crate) struct Columns {
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    traded: Vec<bool>,
}

impl Columns {
    pub(crate) fn of(bars: &[Bar]) -> Self {
        Self {
            high: bars.iter().map(Bar::high).collect(),
            low: bars.iter().map(Bar::low).collect(),
            close: bars.iter().map(Bar::close).collect(),
            traded: bars.iter().map(Bar::is_traded).collect(),
        }
    }
}

/// The state of every series.
#[derive(Debug)]
pub(crate) struct Lanes {
    fast: Vec<f64>,
    slow: Vec<f64>,
    atr: Vec<f64>,
    previous_close: Vec<f64>,
    pub(crate) macd_v: Vec<f64>,
    pub(crate) signal: Vec<f64>,
}

impl Lanes {
    pub(crate) fn after(states: &[State]) -> Self {
        Self {
            fast: states.iter().map(|state| state.fast).collect(),
            slow: states.iter().map(|state| state.slow).collect(),
            atr: states.iter().map(|state| state.atr).collect(),
            previous_close: states.iter().map(|state| state.previous_close).collect(),
            macd_v: vec![0.0; states.len()],
            signal: states.iter().map(|state| state.signal).collect(),
        }
    }

    #[inline(never)]
    pub(crate) fn step(&mut self, bars: &Columns) {
        with_fma(
            #[inline(always)]
            || {
                let count = bars.close.len();
                let (high, low) = (&bars.high[..count], &bars.low[..count]);
                let (close, traded) = (&bars.close[..count], &bars.traded[..count]);
                let (fast, slow) = (&mut self.fast[..count], &mut self.slow[..count]);
                let (atr, previous) = (&mut self.atr[..count], &mut self.previous_close[..count]);
                let (macd_v, signal) = (&mut self.macd_v[..count], &mut self.signal[..count]);
                for i in 0..count {
                    let f = (close[i] - fast[i]).mul_add(FAST, fast[i]);
                    let s = (close[i] - slow[i]).mul_add(SLOW, slow[i]);
                    let smoothed = atr[i].mul_add(KEEP, range(high[i], low[i], previous[i]) * (1.0 - KEEP));
                    let a = if traded[i] { smoothed } else { atr[i] };
                    let m = (f - s) / a * 100.0;
                    signal[i] = (m - signal[i]).mul_add(SIGNAL, signal[i]);
                    (fast[i], slow[i], atr[i], macd_v[i], previous[i]) = (f, s, a, m, close[i]);
                }
            },
        );
    }
}
