//! What a market says: candles with finality and source, tickers, trades, products; and the two pure steps every
//! candle takes on its way to an indicator, no-trade filling and aggregation.

mod aggregate;
mod candle;
mod fill;
mod product;
mod quality;
pub(crate) mod sequence;
mod ticker;
mod trade;

pub use aggregate::{Aggregator, NotAMultiple};
pub use candle::{Candle, CandleError, CandleSource, Field, Finality, Ohlcv};
pub use fill::{DEFAULT_MAX_FILL, Filled, NoTradeFill};
pub use product::{Product, ProductStatus};
pub use quality::Quality;
pub use sequence::SequenceError;
pub use ticker::Ticker;
pub use trade::{Side, Trade, TradeId};
