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
pub use error::RedisError;
pub use ingress::{CompatIngress, IngressCounters};
pub use livermore_core::Fault;
pub use log::RedisCommandLog;
