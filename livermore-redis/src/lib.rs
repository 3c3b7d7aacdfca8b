#![doc = include_str!("../README.md")]

pub mod acl;
mod bell;
mod config;
mod error;
mod ingress;
mod link;
mod listening;
mod log;
mod reply;
mod script;
mod servers;

pub use bell::RedisBell;
pub use config::{RedisConfig, UnsafeServer};
pub use error::{Fault, RedisError};
pub use ingress::{CompatIngress, IngressCounters};
pub use log::RedisCommandLog;
