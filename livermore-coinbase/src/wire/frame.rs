use livermore_core::{
    ids::{Symbol, Timestamp},
    market::{Candle, Ticker, Trade},
};

use super::{Channel, Malformed};

/// One message of the feed, decoded.
///
/// Borrows the [`Decoder`](super::Decoder)'s buffers: use it before the next frame is decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame<'d> {
    /// The channel; `None` for errors and for channels this crate does not know.
    pub channel: Option<Channel>,
    /// When the server sent it, rounded down to milliseconds; `None` where it does not say (errors).
    pub time: Option<Timestamp>,
    /// Position on its connection, over all channels, from 0. Errors have none. A frame whose body is unknown or
    /// flawed still counts.
    pub seq: Option<u64>,
    /// What it says.
    pub body: Body<'d>,
    /// What was wrong in it; at most [`MAX_PROBLEMS`](Frame::MAX_PROBLEMS) of [`flaws`](Self::flaws). A flawed
    /// item is left out when a number it cannot do without is wrong; a flawed number it can do without is `None`.
    pub problems: &'d [Malformed],
    /// How many values were wrong in all.
    pub flaws: usize,
}

impl Frame<'_> {
    /// Most problems told of one frame: the first few say what is wrong, thousands more would only cost memory.
    pub const MAX_PROBLEMS: usize = 8;
}

/// What a frame says.
///
/// Events of one frame are handed over as one list. Product names are those that were subscribed to (see
/// [`Decoder::deliver`](super::Decoder::deliver)): an item of a book that was subscribed to under two names comes
/// twice, once under each.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Body<'d> {
    /// The connection lives.
    Heartbeat(Heartbeat),
    /// Five-minute candles, ascending by open time. All are [`Forming`](livermore_core::market::Finality::Forming),
    /// because the feed never says that one is closed. A bucket that comes twice keeps the order in which it was sent.
    Candles(&'d [Listed<Candle>]),
    /// Tickers, of the channels `ticker` and `ticker_batch` (which has no bid and ask).
    Tickers(&'d [Listed<Ticker>]),
    /// Trades, ascending by number.
    Trades(&'d [Listed<MarketTrade>]),
    /// Changes of books, in the order sent.
    Book(&'d [Listed<BookChange>]),
    /// The states of products.
    Status(&'d [Listed<StatusProduct>]),
    /// Own orders and positions. Names are the venue's own here, because this channel keeps `X-USDC` apart.
    User {
        /// Whether these are all open orders (of a batch) or changes.
        kind: Kind,
        /// Orders. A snapshot comes in frames of 50; the first with fewer ends it.
        orders: &'d [OrderUpdate],
        /// Positions in futures; empty where none are told.
        positions: &'d [FuturesPosition],
    },
    /// The futures account. Empty when nothing in it could be read.
    Balance(&'d [BalanceSummary]),
    /// Everything this connection is subscribed to now. Unknown products are missing from it without an error, so
    /// compare it with what was asked for; it may come after the first data.
    Subscriptions(&'d [Confirmed]),
    /// The server refused something. `authentication failure` is also its answer to an unknown channel, so it does not
    /// prove that the key is bad.
    Error {
        /// What the server says, cut to 200 characters.
        message: &'d str,
    },
    /// A message of a kind this crate does not know; to be ignored.
    Unknown {
        /// Its channel or type, cut to 40 characters.
        name: &'d str,
    },
}

/// An item with its product.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    /// Whether it replaces or changes what was known.
    pub kind: Kind,
    /// The product.
    pub symbol: Symbol,
    /// The item.
    pub value: T,
}

/// How an item relates to what was known of its product before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Part of a whole that replaces what was known.
    Snapshot,
    /// A change; also what is assumed of types yet unknown.
    #[default]
    Update,
}

/// A sign of life of the connection. It proves nothing about the streams of single products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Counts the seconds of the server's process: starts anywhere, rises by one. A larger step means missed
    /// heartbeats; a smaller number another process.
    pub counter: Option<u64>,
    /// The server's clock, where it could be read; the frame's own time is as good.
    pub time: Option<Timestamp>,
}

/// A trade with its number, which rises by one per trade within a product: a jump means lost trades, and the same number
/// is the same trade.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketTrade {
    /// The number; the same as the trade's id.
    pub number: u64,
    /// The trade. The venue tells the maker's side, so the taker's is the opposite.
    pub trade: Trade,
}

/// A new size at one price of a book.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BookChange {
    /// Bids or asks.
    pub side: BookSide,
    /// The price, in quote currency.
    pub price: f64,
    /// The whole size there now, in base currency; zero when there is none left.
    pub size: f64,
    /// When it changed; `None` where the venue does not say (it writes 1970 then).
    pub time: Option<Timestamp>,
}

/// A side of a book; the venue calls asks offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum BookSide {
    Bid,
    Ask,
}

/// The state of a product on the channel `status`.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusProduct {
    /// `SPOT`, `FUTURE` and others.
    pub product_type: String,
    /// `online`, `delisted` and others.
    pub status: String,
    /// Why, where it says.
    pub message: String,
    /// Smallest step of a size, in base currency.
    pub base_increment: Option<f64>,
    /// Smallest step of a price, in quote currency.
    pub quote_increment: Option<f64>,
}

/// The state of an own order: totals so far, not single fills.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderUpdate {
    /// The venue's id.
    pub order_id: String,
    /// The id its sender gave.
    pub client_order_id: String,
    /// The product.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Option<livermore_core::market::Side>,
    /// `Limit`, `Market` and others.
    pub order_type: String,
    /// `PENDING`, `OPEN`, `FILLED`, `CANCEL_QUEUED`, `CANCELLED`, `EXPIRED`, `FAILED` or another.
    pub status: String,
    /// The limit, in quote currency.
    pub limit_price: Option<f64>,
    /// Mean price of what was filled.
    pub avg_price: Option<f64>,
    /// Filled, in base currency.
    pub filled: Option<f64>,
    /// Still open, in base currency.
    pub leaves: Option<f64>,
    /// Fees so far, in quote currency.
    pub fees: Option<f64>,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// A position in futures.
#[derive(Debug, Clone, PartialEq)]
pub struct FuturesPosition {
    /// The contract.
    pub symbol: Symbol,
    /// `Long` or `Short`, as the venue writes it.
    pub side: String,
    /// Number of contracts, or the net size of a perpetual.
    pub contracts: Option<f64>,
    /// Mean price of entry.
    pub entry_price: Option<f64>,
    /// Profit or loss not yet realised, in quote currency; may be negative.
    pub unrealized_pnl: Option<f64>,
}

/// The futures account in US dollars; losses are negative.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[allow(missing_docs, reason = "the names are the venue's")]
pub struct BalanceSummary {
    pub futures_buying_power: Option<f64>,
    pub total_usd_balance: Option<f64>,
    pub cbi_usd_balance: Option<f64>,
    pub cfm_usd_balance: Option<f64>,
    pub unrealized_pnl: Option<f64>,
    pub daily_realized_pnl: Option<f64>,
    pub initial_margin: Option<f64>,
    pub available_margin: Option<f64>,
    pub liquidation_threshold: Option<f64>,
}

/// One channel of an acknowledgement; they come in the order of [`Channel::ALL`], unknown ones first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// The channel; `None` for one this crate does not know.
    pub channel: Option<Channel>,
    /// Its products, under the names that were subscribed to. Empty for channels without products.
    pub symbols: Vec<Symbol>,
}
