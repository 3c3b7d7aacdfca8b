//! Where market data comes from: the [`ExchangeAdapter`] trait and two exchanges that need no network, candle files
//! ([`Replay`]) and a seeded market ([`Simulator`]).

mod adapter;
mod candle_csv;
mod error;
mod event;
mod replay;
mod simulator;

#[cfg(feature = "test-util")]
pub use adapter::MockExchangeAdapter;
pub use adapter::{CandleRequest, Capability, ExchangeAdapter, MarketEvents, Subscription};
pub use candle_csv::{COLUMNS, CandleCsv, CsvError};
pub use error::ExchangeError;
pub use event::{EventBody, MarketEvent};
pub use replay::Replay;
pub use simulator::{Fault, FaultKind, SimMarket, Simulator, SimulatorConfig, SplitMix64};
