use std::fmt;

/// A channel of the WebSocket API, under the name by which clients subscribe.
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
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 9] = [
        Self::Heartbeats,
        Self::Candles,
        Self::Ticker,
        Self::TickerBatch,
        Self::MarketTrades,
        Self::Level2,
        Self::Status,
        Self::User,
        Self::FuturesBalanceSummary,
    ];

    /// The name in a subscription.
    pub const fn as_str(self) -> &'static str {
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
        }
    }

    /// The name in messages: that of the order book differs.
    pub(super) const fn on_the_wire(self) -> &'static str {
        match self {
            Self::Level2 => "l2_data",
            other => other.as_str(),
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }

    /// Whether it tells of single products of the market.
    pub(super) const fn has_products(self) -> bool {
        matches!(
            self,
            Self::Candles | Self::Ticker | Self::TickerBatch | Self::MarketTrades | Self::Level2 | Self::Status
        )
    }

    pub(super) const fn is_private(self) -> bool {
        matches!(self, Self::User | Self::FuturesBalanceSummary)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
