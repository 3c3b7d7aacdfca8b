//! What travels between the exchange and this crate, and what it means: pure functions from text to domain types.
//!
//! - [`Decoder`] turns WebSocket frames into [`Frame`]s, without an allocation per message once it is warm.
//! - [`rest`] reads the bodies of REST answers, successful ones and errors.
//! - [`ClientMessage`] is what the client may say over a WebSocket.
//! - [`Aliases`] knows which products share one order book under two names.
//!
//! Reading is *lenient* about everything that may change without harm (new channels, fields and event types, missing or
//! null fields, key order, numbers as texts or as numbers, `client_id` or not) and *strict* about what becomes a number:
//! see [`Flaw`]. A flawed item of a list is left out and reported as [`Malformed`]; its neighbours are kept. No value
//! is ever quoted in an error, because the same code reads balances.

mod account;
mod aliases;
mod channel;
mod client_message;
mod decoder;
mod events;
mod frame;
mod fuzz;
mod kinds;
mod malformed;
mod names;
mod number;
mod quick;
pub mod rest;
mod rows;
mod time;
mod value;

pub use aliases::Aliases;
pub use channel::Channel;
pub use client_message::ClientMessage;
pub use decoder::Decoder;
pub use frame::{
    BalanceSummary, Body, BookChange, BookSide, Confirmed, Frame, FuturesPosition, Heartbeat, Kind, Listed,
    MarketTrade, OrderUpdate, StatusProduct,
};
pub use fuzz::{fuzz_body, fuzz_frame, fuzz_one};
pub use malformed::{Flaw, Malformed};
