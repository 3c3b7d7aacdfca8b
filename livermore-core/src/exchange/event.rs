use serde::{Deserialize, Serialize};

use crate::{
    ids::{Epoch, Seq, Symbol, Timestamp},
    market::{Candle, Ticker, Trade},
};

/// One message of a subscription, with its place in the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarketEvent {
    /// Exchange time of the message.
    pub time: Timestamp,
    /// The connection it came over. A reconnect raises the epoch.
    pub epoch: Epoch,
    /// Position within the epoch. Never compared across epochs.
    pub seq: Seq,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What a subscription can say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
#[non_exhaustive]
pub enum EventBody {
    /// The connection is up and the subscription confirmed. The first event of every epoch.
    Connected,
    /// The connection is gone; data until the next `Connected` is missing, not quiet.
    Disconnected {
        /// What was seen.
        reason: String,
    },
    /// A new connection will be tried.
    Reconnecting {
        /// Which try, from 1.
        attempt: u32,
        /// Wait before it, in milliseconds.
        delay_ms: u64,
    },
    /// The exchange refuses the credentials. The last event of the stream: trying again would be refused again.
    Refused {
        /// What was seen and how to mend it; never the credentials.
        reason: String,
    },
    /// The exchange is alive and its clock stands at the event's time.
    Heartbeat,
    /// A candle, forming or closed.
    Candle {
        /// The product.
        symbol: Symbol,
        /// The candle.
        candle: Candle,
    },
    /// A candle that was told as closed was not the finished one: the feed now says this. The exchange's history has the
    /// last word.
    Revised {
        /// The product.
        symbol: Symbol,
        /// The candle, with the new numbers.
        candle: Candle,
    },
    /// The state of a product.
    Ticker {
        /// The product.
        symbol: Symbol,
        /// Its state.
        ticker: Ticker,
    },
    /// A trade.
    Trade {
        /// The product.
        symbol: Symbol,
        /// The trade.
        trade: Trade,
    },
    /// Messages were lost. Whatever the subscription covers may be incomplete since the last good message.
    Gap {
        /// The product, or `None` when it may be any.
        symbol: Option<Symbol>,
        /// How many messages, as far as known; 0 where it is only possible.
        missing: u64,
    },
    /// A product has gone silent although the connection is alive. Its data is missing, not quiet, since `since`.
    Stale {
        /// The product.
        symbol: Symbol,
        /// Last sign of life.
        since: Timestamp,
    },
    /// A silent product speaks again.
    Recovered {
        /// The product.
        symbol: Symbol,
    },
}

impl EventBody {
    /// The product the event is about, if it is about one.
    pub const fn symbol(&self) -> Option<&Symbol> {
        match self {
            Self::Candle { symbol, .. }
            | Self::Revised { symbol, .. }
            | Self::Ticker { symbol, .. }
            | Self::Trade { symbol, .. }
            | Self::Stale { symbol, .. }
            | Self::Recovered { symbol } => Some(symbol),
            Self::Gap { symbol, .. } => symbol.as_ref(),
            Self::Connected
            | Self::Disconnected { .. }
            | Self::Reconnecting { .. }
            | Self::Refused { .. }
            | Self::Heartbeat => None,
        }
    }
}
