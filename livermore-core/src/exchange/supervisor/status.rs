use std::{collections::BTreeMap, time::Duration};

use super::{DisconnectReason, RefusalReason, Stage};
use crate::ids::{Epoch, Symbol};

/// What a [`Supervisor`](super::Supervisor) knows, for people and for health checks. Times are of the clock of `now`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedStatus {
    /// What it is doing.
    pub state: FeedState,
    /// The epoch of the last [`Connected`](super::Notice::Connected), if there was one.
    pub epoch: Option<Epoch>,
    /// Connections tried since data last flowed for a while.
    pub attempts: u32,
    /// When the last message was accepted on this connection.
    pub last_message: Option<Duration>,
    /// Why the last connection ended.
    pub last_reason: Option<DisconnectReason>,
    /// What happened since the beginning.
    pub counts: FeedCounts,
    /// The channels of the plan, in its order.
    pub channels: Vec<ChannelStatus>,
}

/// What a [`Supervisor`](super::Supervisor) is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedState {
    /// Nothing, until it is started.
    Stopped,
    /// Connecting; this stage is under way.
    Connecting(Stage),
    /// Connected, waiting for the exchange's first word.
    Subscribing,
    /// Connected, and the exchange answers.
    Live,
    /// Waiting until then to connect again.
    Waiting {
        /// When.
        until: Duration,
    },
    /// Nothing, until it is started with other credentials.
    Refused(RefusalReason),
}

/// What happened since the beginning. The numbers never go back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedCounts {
    /// Connections begun.
    pub connects: u64,
    /// Connections that ended after the exchange had answered.
    pub disconnects: u64,
    /// Gaps told.
    pub gaps: u64,
    /// Messages missing in them.
    pub missing: u64,
    /// Messages that came before.
    pub duplicates: u64,
    /// Messages that came after having been told as missing.
    pub late: u64,
    /// Messages of the exchange that report an error.
    pub errors: u64,
    /// Messages handed in without a connection.
    pub stray: u64,
    /// Resubscriptions after gaps.
    pub resubscriptions: u64,
}

/// A channel of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStatus {
    /// Its name.
    pub name: &'static str,
    /// Its products; `None` stands for a channel without products.
    pub subscriptions: BTreeMap<Option<Symbol>, SubscriptionStatus>,
}

/// One product on one channel, on the current connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionStatus {
    /// How many times it was asked for without a confirmation.
    pub tries: u32,
    /// Whether the exchange confirmed it, or data came.
    pub confirmed: bool,
    /// Whether it was told as unconfirmed.
    pub unconfirmed: bool,
    /// Whether it was told as stale.
    pub stale: bool,
    /// When data last came.
    pub last_data: Option<Duration>,
}
