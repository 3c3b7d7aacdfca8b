//! Where market data comes from: the [`ExchangeAdapter`] trait and two exchanges that need no network, candle files
//! ([`Replay`]) and a seeded market ([`Simulator`]).
//!
//! For adapters of real exchanges there are machines without clock, socket or task: the [`Supervisor`] of a connection,
//! the [`RateBudget`] of all requests, and the [`CandleCloser`] of a feed that never says that a candle is closed.

mod adapter;
mod candle_closer;
mod candle_csv;
mod error;
mod event;
mod rate_budget;
mod replay;
mod simulator;
pub mod supervisor;

#[cfg(feature = "test-util")]
pub use adapter::MockExchangeAdapter;
pub use adapter::{CandleRequest, Capability, ExchangeAdapter, MarketEvents, Subscription, check_symbol};
pub use candle_closer::{CandleCloser, CandleCounts, CandleVerdict};
pub use candle_csv::{COLUMNS, CandleCsv, CsvError};
pub use error::ExchangeError;
pub use event::{EventBody, MarketEvent};
pub use rate_budget::{Priority, RateBudget, RateBudgetConfig, Ticket, Turn};
pub use replay::Replay;
pub use simulator::{Fault, FaultKind, SimMarket, Simulator, SimulatorConfig, SplitMix64};
pub use supervisor::{ConnectionBudget, FeedPlan, Supervisor, SupervisorConfig};
