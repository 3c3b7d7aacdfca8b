//! What the benchmarks of this crate and of `benches-peers` share.
#![allow(dead_code, reason = "every benchmark uses its part of it")]

pub(crate) mod data;
pub(crate) mod floor;
pub(crate) mod lanes;
pub(crate) mod table;
pub(crate) mod work;
