//! Looks after one connection of an exchange feed. See [`Supervisor`].

mod action;
mod backoff;
mod budget;
mod channel;
mod config;
mod input;
mod machine;
mod plan;
mod sequence;
mod status;
mod subscriptions;

pub use action::{Action, DisconnectReason, Notice, RefusalReason};
pub use budget::ConnectionBudget;
pub use config::SupervisorConfig;
pub use input::{ConnectFailure, FeedError, Input, Message, Stage, Verdict};
pub use machine::Supervisor;
pub use plan::{Cadence, ChannelPlan, FeedPlan};
pub use status::{ChannelStatus, FeedCounts, FeedState, FeedStatus, SubscriptionStatus};
