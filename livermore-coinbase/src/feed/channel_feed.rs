use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use livermore_core::{
    exchange::{EventBody, ExchangeError, supervisor::FeedStatus},
    ids::{Epoch, Symbol, Timestamp},
};

use super::{
    handle::{FeedMaker, Handle},
    outbox::{Inbox, Outbox, Queued},
    plan,
    socket::Destination,
    task::Wanted,
    translate::{At, Translate},
};
use crate::{
    auth::TokenSource,
    listing::Listing,
    wire::{Body, BookChange, Channel, Frame, FuturesPosition, Kind, Listed, OrderUpdate, StatusProduct},
};

/// The messages of one channel, over a connection of their own. Dropping it unsubscribes.
///
/// A reader who is thousands of messages behind loses some; that is told as a gap. After a gap, and after each
/// `Connected`, only a snapshot says how things stand.
#[derive(Debug)]
pub struct ChannelFeed<T: Send + 'static> {
    handle: Handle,
    inbox: Inbox<ChannelEvent<T>>,
}

/// One message of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelEvent<T> {
    /// By the exchange's clock.
    pub time: Timestamp,
    /// The connection it came over.
    pub epoch: Epoch,
    /// What it says.
    pub body: ChannelBody<T>,
}

/// What a channel can say.
#[derive(Debug, Clone, PartialEq)]
pub enum ChannelBody<T> {
    /// Something about the connection, or the exchange's sign of life.
    Feed(EventBody),
    /// Data.
    Data(T),
}

/// A book, or changes of one.
#[derive(Debug, Clone, PartialEq)]
pub struct BookUpdate {
    /// The product.
    pub symbol: Symbol,
    /// Whether it replaces all that was known of the book.
    pub kind: Kind,
    /// Each price level with its new size.
    pub changes: Vec<BookChange>,
}

/// The user's own orders and positions.
#[derive(Debug, Clone, PartialEq)]
pub struct UserUpdate {
    /// Whether these are open orders as they stand, or changes. A snapshot comes in parts of 50 orders; a part with fewer
    /// is the last.
    pub kind: Kind,
    /// Orders.
    pub orders: Vec<OrderUpdate>,
    /// Positions in futures; empty where none are told.
    pub positions: Vec<FuturesPosition>,
}

/// What a channel's messages become.
pub trait OfChannel: fmt::Debug + Send + Sized + 'static {
    const CHANNEL: Channel;

    fn read(body: &Body<'_>, each: impl FnMut(Self));
}

impl OfChannel for BookUpdate {
    const CHANNEL: Channel = Channel::Level2;

    fn read(body: &Body<'_>, mut each: impl FnMut(Self)) {
        let Body::Book(list) = body else { return };
        for run in list.chunk_by(|a, b| a.symbol == b.symbol && a.kind == b.kind) {
            let Some(Listed { symbol, kind, .. }) = run.first() else { continue };
            let changes = run.iter().map(|listed| listed.value).collect();
            each(Self { symbol: symbol.clone(), kind: *kind, changes });
        }
    }
}

impl OfChannel for UserUpdate {
    const CHANNEL: Channel = Channel::User;

    fn read(body: &Body<'_>, mut each: impl FnMut(Self)) {
        if let Body::User { kind, orders, positions } = body {
            each(Self { kind: *kind, orders: orders.to_vec(), positions: positions.to_vec() });
        }
    }
}

impl OfChannel for Listed<StatusProduct> {
    const CHANNEL: Channel = Channel::Status;

    fn read(body: &Body<'_>, each: impl FnMut(Self)) {
        if let Body::Status(list) = body {
            list.iter().cloned().for_each(each);
        }
    }
}

impl<T: OfChannel> ChannelFeed<T> {
    pub(crate) fn start(
        feeds: &FeedMaker,
        destination: Destination,
        tokens: Option<TokenSource>,
        products: Vec<Symbol>,
        listing: &Listing,
    ) -> Self {
        let plan = plan::single(T::CHANNEL, &products, &listing.aliases);
        let wanted = Wanted { plan, products, aliases: listing.aliases.clone() };
        let (handle, inbox) = feeds.start(AsItComes(std::marker::PhantomData::<T>), wanted, destination, tokens);
        Self { handle, inbox }
    }

    /// How the connection stands.
    pub async fn status(&self) -> Result<FeedStatus, ExchangeError> {
        self.handle.status().await
    }
}

impl<T: OfChannel> Stream for ChannelFeed<T> {
    type Item = ChannelEvent<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ChannelEvent<T>>> {
        Pin::new(&mut self.inbox).poll_next(context)
    }
}

/// Tells data as it comes.
struct AsItComes<T>(std::marker::PhantomData<T>);

impl<T: OfChannel> Translate for AsItComes<T> {
    type Event = ChannelEvent<T>;

    fn tell(&mut self, At { time, epoch }: At, body: EventBody, outbox: &mut Outbox<ChannelEvent<T>>) {
        outbox.push(ChannelEvent { time, epoch, body: ChannelBody::Feed(body) });
    }

    fn hear(&mut self, at: At, frame: &Frame<'_>, outbox: &mut Outbox<ChannelEvent<T>>) {
        if let Body::Heartbeat(_) = frame.body {
            self.tell(at, EventBody::Heartbeat, outbox);
        }
        let At { time, epoch } = at;
        T::read(&frame.body, |data| outbox.push(ChannelEvent { time, epoch, body: ChannelBody::Data(data) }));
    }

    fn change(&mut self, _: At, _: &[Symbol], _: &[Symbol]) {}
}

impl<T: Send + 'static> Queued for ChannelEvent<T> {
    /// Only heartbeats replace each other.
    type Key = ();

    fn key(&self) -> Option<()> {
        matches!(self.body, ChannelBody::Feed(EventBody::Heartbeat)).then_some(())
    }

    fn is_expendable(&self) -> bool {
        matches!(self.body, ChannelBody::Data(_) | ChannelBody::Feed(EventBody::Gap { .. }))
    }

    fn lost(self, earlier: Option<Self>) -> Self {
        let count = |body: &ChannelBody<T>| match body {
            ChannelBody::Feed(EventBody::Gap { missing, .. }) => *missing,
            _ => 1,
        };
        let missing = count(&self.body).saturating_add(earlier.map_or(0, |earlier| count(&earlier.body)));
        Self { body: ChannelBody::Feed(EventBody::Gap { symbol: None, missing }), ..self }
    }
}
