//! A server on loopback that speaks the exchange's protocol and fails as told (feature `fake-server`).
//!
//! It is for tests and demonstrations: the three endpoints of the exchange (market WebSocket, user WebSocket, REST), its
//! documented limits and error shapes, its token checks, a market to trade in, and every fault a client must survive.
//! It shares no code with the client, so that a misunderstanding cannot hide on both sides.
//!
//! ```
//! use livermore_coinbase::fake::{Clock, FakeServer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = FakeServer::builder().seed(7).clock(Clock::Manual).start().await?;
//! println!("connect to {} and {}", server.ws_url(), server.rest_url());
//! server.advance(60_000).await; // a minute of the market happens now
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! What is real: sequence numbers per connection over everything, cumulative answers, holes in candle snapshots,
//! provisional candles, dense trade ids, the maker's side, unknown products left out in silence. What is not: only
//! candles and trades come from a market; books, products and accounts are made up around them. Where the exchange
//! documents no reaction (too many connections or messages in a second), the server answers with 429 or an error.

mod answer;
mod apply;
mod book;
mod builder;
mod channel;
mod clock;
mod connection;
mod emit;
mod engine;
mod fault;
mod feed;
mod gzip_bomb;
mod jwt;
mod key;
mod limits;
mod market;
mod private;
mod products;
mod rest;
mod server;
mod socket;
mod source;
mod stats;
mod subscribe;
mod tape;
mod text;
mod tls;
mod wire;

pub use builder::{AckOrder, FakeServerBuilder, StartError};
pub use channel::Channel;
pub use clock::{Clock, TokenClock};
pub use fault::{Fault, FaultRecord, FaultScript, Garbage, Keep, RestFault, Stage, Target, When};
pub use key::FakeKey;
pub use limits::Limits;
pub use market::FakeMarket;
pub use server::FakeServer;
pub use stats::Stats;
