//! The REST client against a server that answers as told.

mod candles;
mod data;
mod faults;
mod keys;
mod server;
