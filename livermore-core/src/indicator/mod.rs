//! Streaming indicators: MACD-V and the smoothers it is made of.
//!
//! - Every update is O(1) and allocates nothing.
//! - A value is `None` until it is valid, with a [reason](NotReady); nothing ever returns NaN.
//! - Batch, stream and restored snapshot agree bit for bit, and the bits are the same on every machine: each smoothing
//!   step is one IEEE 754 fused multiply-add. Whether the processor has an instruction for it only changes the speed.
//!
//! # Formulas
//!
//! MACD-V = (EMA<sub>12</sub>(close) − EMA<sub>26</sub>(close)) / ATR<sub>26</sub> · 100, signal = EMA<sub>9</sub>(MACD-V),
//! histogram = MACD-V − signal. A. Spiroglou, *MACD-V: Volatility Normalised Momentum* (2022). EMAs are seeded by the
//! mean of their first n inputs; the ATR is Wilder's, over traded bars only, so that quiet minutes do not pass for calm
//! ones. Which of two common ATR seeds is used is a [choice](AtrSeed).

mod atr;
mod bank;
mod bar;
mod config;
mod ema;
mod engine;
mod error;
mod fma;
mod macd;
mod macd_v;
mod point;
mod readiness;
mod seed;
mod series;
mod smoother;
mod snapshot;
mod stage;
mod wilder;

pub use atr::{Atr, true_range};
pub use bank::{BankBars, MacdVBank};
pub use bar::Bar;
pub use config::{AtrSeed, MacdVConfig};
pub use ema::Ema;
#[cfg(feature = "test-util")]
pub use engine::MockIndicatorEngine;
pub use engine::{IndicatorEngine, MacdVEngine};
pub use error::IndicatorError;
pub use macd::{Macd, MacdPoint};
pub use macd_v::{MacdV, macd_v_batch};
pub use point::MacdVPoint;
pub use readiness::NotReady;
pub use series::{MacdVSeries, Reading};
pub use snapshot::{EngineSnapshot, MacdVSnapshot, SeriesSnapshot};
pub use stage::Stage;
pub use wilder::Wilder;
