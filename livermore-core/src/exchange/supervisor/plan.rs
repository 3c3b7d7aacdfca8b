use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::ids::Symbol;

/// What a connection is to listen to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedPlan {
    pub(super) channels: Vec<ChannelPlan>,
    /// Wanted product -> the name under which its data and confirmations may come instead.
    pub(super) aliases: BTreeMap<Symbol, Symbol>,
}

impl FeedPlan {
    /// A plan that listens to nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The plan with this channel, in place of one of the same name. Channels are subscribed to in the order they were
    /// added, heartbeats first.
    pub fn with_channel(mut self, channel: ChannelPlan) -> Self {
        match self.channels.iter_mut().find(|known| known.name == channel.name) {
            Some(known) => *known = channel,
            None => self.channels.push(channel),
        }
        self
    }

    /// The same plan, told that the exchange answers a subscription to `wanted` with data of `heard`.
    pub fn with_alias(mut self, wanted: Symbol, heard: Symbol) -> Self {
        self.aliases.insert(wanted, heard);
        self
    }

    /// The channels, in the order they were added.
    pub fn channels(&self) -> &[ChannelPlan] {
        &self.channels
    }

    /// The name under which data of `wanted` comes, where it is not its own.
    pub fn alias(&self, wanted: &Symbol) -> Option<&Symbol> {
        self.aliases.get(wanted)
    }
}

/// One channel of a [`FeedPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "independent properties of a channel")]
pub struct ChannelPlan {
    /// The name under which the exchange knows it, in subscriptions, messages and confirmations alike; where the
    /// exchange has several, the shell translates.
    pub name: &'static str,
    /// The products; `None` for a channel that takes none. An empty set subscribes to nothing.
    pub products: Option<BTreeSet<Symbol>>,
    /// Whether it carries the exchange's sign of life. Subscribed to before all others.
    pub heartbeats: bool,
    /// Whether the exchange gives it to known users only.
    pub needs_credentials: bool,
    /// Whether the feed is useless without it: credentials refused for it end the feed, not the channel alone.
    pub required: bool,
    /// What its silence means.
    pub cadence: Cadence,
    /// Whether subscribing again brings a snapshot that mends what a gap has torn. Done after a gap for all products,
    /// and for one that went stale on a channel that [follows](Cadence::Follows) another.
    pub resubscribe_after_loss: bool,
}

/// What the silence of a product on a channel means, while the connection lives.
///
/// Stale means "ask the exchange's history", so a false alarm costs one request and a missed one costs data. A product
/// that was never heard of since it was subscribed to is judged like one that fell silent then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cadence {
    /// Nothing: the channel may be silent for ever.
    #[default]
    Any,
    /// After so long the product counts as stale. For what comes on every trade of a product, this tells a dead stream
    /// and a market without trades alike.
    Within(Duration),
    /// The channel speaks when the market moves, and another channel tells when it did: the product is stale when it is
    /// silent so long after `channel` spoke of it. Right for candles, which are not updated without trades. The
    /// subscription itself counts as a word of the other channel, because the answer begins with a snapshot.
    Follows {
        /// The other channel of the same plan.
        channel: &'static str,
        /// How much later the product must be heard of here.
        within: Duration,
    },
}

impl ChannelPlan {
    /// A channel that takes no products.
    pub const fn plain(name: &'static str) -> Self {
        Self {
            name,
            products: None,
            heartbeats: false,
            needs_credentials: false,
            required: true,
            cadence: Cadence::Any,
            resubscribe_after_loss: false,
        }
    }

    /// A channel of these products.
    pub fn of(name: &'static str, products: impl IntoIterator<Item = Symbol>) -> Self {
        Self { products: Some(products.into_iter().collect()), ..Self::plain(name) }
    }

    /// The channel that carries the sign of life.
    pub fn heartbeats(name: &'static str) -> Self {
        Self { heartbeats: true, ..Self::plain(name) }
    }

    /// The same channel with another meaning of silence.
    pub const fn with_cadence(mut self, cadence: Cadence) -> Self {
        self.cadence = cadence;
        self
    }

    /// The same channel, which needs credentials.
    pub const fn with_credentials(mut self) -> Self {
        self.needs_credentials = true;
        self
    }

    /// The same channel, which the feed can do without.
    pub const fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// The same channel, subscribed to again after a loss.
    pub const fn with_resubscription_after_loss(mut self) -> Self {
        self.resubscribe_after_loss = true;
        self
    }
}
