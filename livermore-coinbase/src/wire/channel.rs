use std::fmt;

/// A channel of the WebSocket feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Channel {
    Heartbeats,
    Candles,
    Ticker,
    TickerBatch,
    MarketTrades,
    Level2,
    Status,
    User,
    FuturesBalanceSummary,
    /// The answer to a subscribe or unsubscribe message. Cannot be subscribed to.
    Subscriptions,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 10] = [
        Self::Heartbeats,
        Self::Candles,
        Self::Ticker,
        Self::TickerBatch,
        Self::MarketTrades,
        Self::Level2,
        Self::Status,
        Self::User,
        Self::FuturesBalanceSummary,
        Self::Subscriptions,
    ];

    /// The name to subscribe by; acknowledgements use it too.
    pub const fn subscribe_name(self) -> &'static str {
        match self {
            Self::Heartbeats => "heartbeats",
            Self::Candles => "candles",
            Self::Ticker => "ticker",
            Self::TickerBatch => "ticker_batch",
            Self::MarketTrades => "market_trades",
            Self::Level2 => "level2",
            Self::Status => "status",
            Self::User => "user",
            Self::FuturesBalanceSummary => "futures_balance_summary",
            Self::Subscriptions => "subscriptions",
        }
    }

    /// The name in the messages of the channel: only level2 has another one than it is subscribed by.
    pub const fn message_name(self) -> &'static str {
        match self {
            Self::Level2 => "l2_data",
            _ => self.subscribe_name(),
        }
    }

    /// Whether it is given only to those who prove who they are.
    pub const fn needs_key(self) -> bool {
        matches!(self, Self::User | Self::FuturesBalanceSummary)
    }

    /// Whether a subscription names products.
    pub const fn has_products(self) -> bool {
        !matches!(self, Self::Heartbeats | Self::FuturesBalanceSummary | Self::Subscriptions)
    }

    /// The channel whose acknowledgements bear this name.
    pub fn from_subscribe_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.subscribe_name() == name)
    }

    /// The channel whose messages bear this name.
    pub fn from_message_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.message_name() == name)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.subscribe_name())
    }
}
