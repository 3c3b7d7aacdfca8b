//! Live data: one task per connection, which does what core's supervisor says.

mod channel_feed;
mod handle;
mod link;
mod market;
mod market_feed;
mod outbox;
mod plan;
mod socket;
mod staleness;
mod task;
mod translate;

pub use channel_feed::{BookUpdate, ChannelBody, ChannelEvent, ChannelFeed, UserUpdate};
pub(crate) use handle::FeedMaker;
pub use market_feed::MarketFeed;
pub(crate) use socket::Destination;
