use livermore_core::{
    exchange::EventBody,
    ids::{Epoch, Symbol, Timestamp},
};

use super::outbox::{Outbox, Queued};
use crate::wire::Frame;

/// What a feed makes of what it hears.
pub(super) trait Translate: Send + 'static {
    /// What it tells.
    type Event: Queued;

    /// Takes something about the connection, or about a product as a whole, and tells it.
    fn tell(&mut self, at: At, body: EventBody, outbox: &mut Outbox<Self::Event>);

    /// Takes a message with market data that is new, or a heartbeat, and tells what it holds.
    fn hear(&mut self, at: At, frame: &Frame<'_>, outbox: &mut Outbox<Self::Event>);

    /// Listens to other products from now on; these are new.
    fn change(&mut self, at: At, products: &[Symbol], added: &[Symbol]);
}

/// When something was heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// By the exchange's clock.
    pub(super) time: Timestamp,
    /// Over which connection.
    pub(super) epoch: Epoch,
}
