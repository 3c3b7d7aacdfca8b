use std::time::Duration;

use livermore_core::{
    exchange::{
        FeedPlan, Subscription,
        supervisor::{Cadence, ChannelPlan},
    },
    ids::Symbol,
};

use crate::wire::{Aliases, Channel};

/// A product without a trade for so long is asked about: nothing on this exchange tells a quiet market from a dead
/// stream.
pub(super) const QUIET: Duration = Duration::from_secs(90);
/// Candles follow trades within a second; so long after the last word of a trade they are dead.
pub(super) const BEHIND: Duration = Duration::from_secs(30);

/// The channels that a subscription to market data needs.
///
/// Candles are not updated without trades, so their silence alone says nothing: a channel that speaks of trades is
/// listened to beside them, the cheapest one if none is wanted anyway.
pub(super) fn market(subscription: &Subscription, aliases: &Aliases) -> FeedPlan {
    let of = |channel: Channel| ChannelPlan::of(channel.subscribe_name(), subscription.symbols.iter().cloned());
    let traded = |channel: Channel| of(channel).with_cadence(Cadence::Within(QUIET));
    let mut plan = beginning();
    let candles = !subscription.candles.is_empty();
    let witness = if subscription.trades {
        Channel::MarketTrades
    } else if subscription.tickers {
        Channel::Ticker
    } else {
        Channel::TickerBatch
    };
    if candles {
        let cadence = Cadence::Follows { channel: witness.subscribe_name(), within: BEHIND };
        plan = plan.with_channel(of(Channel::Candles).with_cadence(cadence).with_resubscription_after_loss());
    }
    if subscription.tickers {
        plan = plan.with_channel(traded(Channel::Ticker));
    }
    if subscription.trades {
        plan = plan.with_channel(traded(Channel::MarketTrades).with_resubscription_after_loss());
    }
    if candles && witness == Channel::TickerBatch {
        plan = plan.with_channel(traded(Channel::TickerBatch));
    }
    with_aliases(plan, &subscription.symbols, aliases)
}

/// A plan of one channel beside the heartbeats.
pub(super) fn single(channel: Channel, products: &[Symbol], aliases: &Aliases) -> FeedPlan {
    let name = channel.subscribe_name();
    let planned = if channel.has_products() && !(channel.needs_key() && products.is_empty()) {
        ChannelPlan::of(name, products.iter().cloned())
    } else {
        ChannelPlan::plain(name)
    };
    let planned = if channel.needs_key() { planned.with_credentials() } else { planned };
    // A book is torn by every loss; a new snapshot mends it.
    let planned = if channel == Channel::Level2 { planned.with_resubscription_after_loss() } else { planned };
    let plan = beginning().with_channel(planned);
    if channel.needs_key() { plan } else { with_aliases(plan, products, aliases) }
}

fn beginning() -> FeedPlan {
    FeedPlan::new().with_channel(ChannelPlan::heartbeats(Channel::Heartbeats.subscribe_name()))
}

fn with_aliases(plan: FeedPlan, products: &[Symbol], aliases: &Aliases) -> FeedPlan {
    products.iter().fold(plan, |plan, product| match aliases.book(product) {
        book if book == product => plan,
        book => plan.with_alias(product.clone(), book.clone()),
    })
}
