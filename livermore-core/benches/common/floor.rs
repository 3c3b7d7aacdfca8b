//! The least MACD-V can cost: loops written by hand, with all state in local variables.
//!
//! Written apart from the product, with the published periods as constants, no seeding, no checks and no missing
//! values. The processor's fused multiply-add is selected once, around the whole loop.

use std::hint::black_box;

use livermore_core::indicator::MacdVPoint;

pub(super) const FAST: f64 = 2.0 / 13.0;
pub(super) const SLOW: f64 = 2.0 / 27.0;
pub(super) const SIGNAL: f64 = 2.0 / 10.0;
pub(super) const KEEP: f64 = 25.0 / 26.0;

/// A bar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
    pub(crate) traded: bool,
}

/// The values after a bar.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Values {
    pub(crate) fast: f64,
    pub(crate) slow: f64,
    pub(crate) atr: f64,
    pub(crate) macd_v: f64,
    pub(crate) signal: f64,
}

/// All that is carried from bar to bar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    pub(crate) fast: f64,
    pub(crate) slow: f64,
    pub(crate) atr: f64,
    pub(crate) signal: f64,
    pub(crate) previous_close: f64,
}

impl State {
    /// Goes on where the product is: the floors leave seeding out.
    pub(crate) fn after(point: &MacdVPoint, previous_close: f64) -> Option<Self> {
        Some(Self {
            fast: point.fast_ema()?,
            slow: point.slow_ema()?,
            atr: point.atr()?,
            signal: point.signal()?,
            previous_close,
        })
    }
}

/// Compiles `f` for processors with AVX2 and FMA, and runs that if this is one.
#[inline(always)]
pub(super) fn with_fma<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(avx2) = fearless_simd::Level::new().as_avx2() {
        use fearless_simd::Simd;
        return avx2.vectorize(f);
    }
    f()
}

#[inline(always)]
pub(super) fn range(high: f64, low: f64, previous_close: f64) -> f64 {
    let top = if previous_close > high { previous_close } else { high };
    let bottom = if previous_close < low { previous_close } else { low };
    top - bottom
}

#[inline(always)]
fn next(state: State, row: &Row) -> (State, Values) {
    let fast = (row.close - state.fast).mul_add(FAST, state.fast);
    let slow = (row.close - state.slow).mul_add(SLOW, state.slow);
    let smoothed = state.atr.mul_add(KEEP, range(row.high, row.low, state.previous_close) * (1.0 - KEEP));
    let atr = if row.traded { smoothed } else { state.atr };
    let macd_v = (fast - slow) / atr * 100.0;
    let signal = (macd_v - state.signal).mul_add(SIGNAL, state.signal);
    (State { fast, slow, atr, signal, previous_close: row.close }, Values { fast, slow, atr, macd_v, signal })
}

/// One series, every value shown.
#[inline(never)]
pub(crate) fn update(start: &mut State, rows: &[Row]) {
    with_fma(
        #[inline(always)]
        || {
            let mut state = *start;
            for row in rows {
                let (after, values) = next(state, row);
                state = after;
                black_box(&values);
            }
            *start = state;
        },
    );
}

/// [`update`], and for each bar the values a forming bar after it would give.
#[inline(never)]
pub(crate) fn update_and_peek(start: &mut State, rows: &[Row], forming: &[Row]) {
    with_fma(
        #[inline(always)]
        || {
            let mut state = *start;
            for (row, forming) in rows.iter().zip(forming) {
                let (after, values) = next(state, row);
                state = after;
                black_box(&values);
                black_box(&next(state, forming).1);
            }
            *start = state;
        },
    );
}

/// A whole history into memory that is there already.
#[inline(never)]
pub(crate) fn batch(start: &mut State, rows: &[Row], all: &mut [Values]) {
    with_fma(
        #[inline(always)]
        || {
            let mut state = *start;
            for (row, place) in rows.iter().zip(all) {
                (state, *place) = next(state, row);
            }
            *start = state;
        },
    );
}
