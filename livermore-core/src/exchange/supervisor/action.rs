use std::{collections::BTreeSet, fmt, time::Duration};

use super::Stage;
use crate::ids::{Epoch, Symbol};

/// What a shell has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open a connection, telling each stage reached. `Connect` and `Disconnect` alternate.
    Connect {
        /// Which try since data last flowed for a while, from 1.
        attempt: u32,
    },
    /// Ask for these products of a channel, with fresh credentials where it needs any.
    Subscribe {
        /// The channel.
        channel: &'static str,
        /// The products; none for a channel without products.
        products: BTreeSet<Symbol>,
    },
    /// Ask for these products no more.
    Unsubscribe {
        /// The channel.
        channel: &'static str,
        /// The products; none for a channel without products.
        products: BTreeSet<Symbol>,
    },
    /// Give the connection up, or what is left of it, whatever its state. Nothing heard from it later may be handed in.
    Disconnect {
        /// Why.
        reason: DisconnectReason,
    },
    /// Tell the consumers.
    Tell(Notice),
}

/// What consumers must know.
///
/// A [`Disconnected`](Self::Disconnected) ends every staleness and every missing confirmation without a further word.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The connection is up and the exchange answers. Told before the first message is accepted, with a higher epoch
    /// each time.
    Connected {
        /// The epoch that begins.
        epoch: Epoch,
    },
    /// The connection is gone. Told once for each `Connected`, unless the feed was stopped.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
    },
    /// A new connection will be tried.
    Reconnecting {
        /// Which try, from 1.
        attempt: u32,
        /// The pause before it.
        delay: Duration,
        /// What went wrong.
        reason: DisconnectReason,
    },
    /// Messages were lost.
    Gap {
        /// How many.
        missing: u64,
        /// Whose, where it is known.
        channel: Option<&'static str>,
    },
    /// A product has gone silent on a channel although the connection is alive.
    Stale {
        /// The channel.
        channel: &'static str,
        /// The product; `None` for a channel without products.
        product: Option<Symbol>,
        /// When it was last heard of, or subscribed to: a time of the same clock as `now`.
        since: Duration,
    },
    /// A silent product speaks again.
    Recovered {
        /// The channel.
        channel: &'static str,
        /// The product.
        product: Option<Symbol>,
    },
    /// The exchange has not confirmed a subscription in time. It is tried again a few times, and stays in the status.
    Unconfirmed {
        /// The channel.
        channel: &'static str,
        /// The product.
        product: Option<Symbol>,
    },
    /// A subscription told as unconfirmed is confirmed, by the exchange's word or by data.
    Confirmed {
        /// The channel.
        channel: &'static str,
        /// The product.
        product: Option<Symbol>,
    },
    /// The exchange refuses the credentials. Nothing is tried any more until the next start.
    Refused {
        /// What was seen.
        reason: RefusalReason,
    },
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The feed was stopped.
    Stopped,
    /// A stage of connecting took too long.
    Timeout(Stage),
    /// No connection could be made.
    Unreachable,
    /// The TLS handshake failed.
    Tls,
    /// The upgrade was answered with this HTTP status.
    Status(u16),
    /// The upgrade was answered with what is no WebSocket.
    Protocol,
    /// No message came for too long.
    Silence,
    /// The socket took no data for too long.
    WriteTimeout,
    /// The exchange closed the connection with this code, or it broke.
    Closed(Option<u16>),
    /// The exchange refuses the credentials.
    Refused,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Timeout(stage) => write!(f, "the {stage} took too long"),
            Self::Unreachable => f.write_str("the exchange cannot be reached"),
            Self::Tls => f.write_str("the TLS handshake failed"),
            Self::Status(status) => write!(f, "the WebSocket upgrade was answered with HTTP status {status}"),
            Self::Protocol => f.write_str("the WebSocket upgrade was answered with something else"),
            Self::Silence => f.write_str("no message came for too long"),
            Self::WriteTimeout => f.write_str("the exchange does not read what is sent"),
            Self::Closed(Some(code)) => write!(f, "closed by the exchange (code {code})"),
            Self::Closed(None) => f.write_str("the connection broke"),
            Self::Refused => f.write_str("the exchange refuses the credentials"),
        }
    }
}

/// What a refusal of the credentials looked like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The upgrade was answered with 401 or 403.
    Status(u16),
    /// Subscriptions to a channel failed again and again, each with fresh credentials.
    Channel {
        /// The channel.
        channel: &'static str,
        /// How many times.
        tries: u32,
    },
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the connection was answered with HTTP status {status}"),
            Self::Channel { channel, tries } => write!(f, "{tries} subscriptions to {channel} failed to authenticate"),
        }?;
        f.write_str("; check the key, its permissions and this machine's clock, then start again")
    }
}
