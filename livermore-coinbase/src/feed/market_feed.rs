use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use livermore_core::{
    exchange::{ExchangeError, MarketEvent, Subscription, supervisor::FeedStatus},
    ids::{Epoch, Seq},
};

use super::{handle::Handle, market::Market, outbox::Inbox, plan, task::Wanted};
use crate::{Coinbase, listing::Listing};

/// Market data of one connection: a stream of [`MarketEvent`]s whose subscription can be changed.
///
/// Events wait for the reader, as many as it takes; of a reader who is thousands behind, tickers, forming candles and
/// heartbeats are left out that a later one replaces, then trades, whose loss is told as a
/// [`Gap`](livermore_core::exchange::EventBody::Gap). Closed candles are never left out. Dropping it unsubscribes.
#[derive(Debug)]
pub struct MarketFeed {
    handle: Handle,
    inbox: Inbox<MarketEvent>,
    place: Option<(Epoch, Seq)>,
    coinbase: Coinbase,
    subscription: Subscription,
}

impl MarketFeed {
    pub(crate) fn start(coinbase: &Coinbase, listing: &Listing, subscription: Subscription) -> Self {
        let wanted = wanted(&subscription, listing);
        let market = Market::new(&subscription);
        let (handle, inbox) = coinbase.feeds().start(market, wanted, coinbase.market_destination(), None);
        Self { handle, inbox, place: None, coinbase: coinbase.clone(), subscription }
    }

    /// Listens to these products from now on, over the same connection. The kinds of data stay as they are.
    pub async fn change(&mut self, symbols: Vec<livermore_core::ids::Symbol>) -> Result<(), ExchangeError> {
        let subscription = Subscription { symbols, ..self.subscription.clone() };
        let listing = self.coinbase.checked(&subscription).await?;
        self.handle.change(wanted(&subscription, &listing)).await?;
        self.subscription = subscription;
        Ok(())
    }

    /// How the connection stands: what is confirmed, what is silent, what was lost.
    pub async fn status(&self) -> Result<FeedStatus, ExchangeError> {
        self.handle.status().await
    }
}

fn wanted(subscription: &Subscription, listing: &Listing) -> Wanted {
    Wanted {
        plan: plan::market(subscription, &listing.aliases),
        products: subscription.symbols.clone(),
        aliases: listing.aliases.clone(),
    }
}

impl Stream for MarketFeed {
    type Item = MarketEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<MarketEvent>> {
        let event = std::task::ready!(Pin::new(&mut self.inbox).poll_next(context));
        Poll::Ready(event.map(|event| {
            // Numbered when it is read, so that what was left out leaves no hole.
            let seq = match self.place {
                Some((epoch, seq)) if epoch == event.epoch => seq.next().unwrap_or(seq),
                _ => Seq::ZERO,
            };
            self.place = Some((event.epoch, seq));
            MarketEvent { seq, ..event }
        }))
    }
}
