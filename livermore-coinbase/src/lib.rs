#![doc = include_str!("../README.md")]

mod adapter;
mod auth;
mod config;
mod error;
#[cfg(feature = "fake-server")]
pub mod fake;
mod feed;
mod listing;
mod rest;
mod tls;
pub mod wire;

pub use adapter::Coinbase;
pub use auth::{ApiKey, ClockSkew, Credentials, ExchangeClock, Jwt, KeyName, TokenSource};
pub use config::CoinbaseConfig;
pub use error::CoinbaseError;
pub use feed::{BookUpdate, ChannelBody, ChannelEvent, ChannelFeed, MarketFeed, UserUpdate};
pub use livermore_core::Fault;
pub use rest::{CandlePage, CandlePages, RestClient, TradeHistory};
pub use tls::Tls;
