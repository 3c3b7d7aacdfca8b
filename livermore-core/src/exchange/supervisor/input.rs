use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use super::FeedPlan;
use crate::ids::Symbol;

/// What happened to a connection, as its shell tells it.
#[derive(Debug)]
pub enum Input<'a> {
    /// The feed is wanted. Begins anew after a stop or a refusal; otherwise does nothing.
    Start,
    /// The feed is not wanted any more.
    Stop,
    /// A stage of connecting is over. [`Stage::Upgrade`] may be told alone.
    Reached(Stage),
    /// Connecting has failed.
    Failed(ConnectFailure),
    /// A message without market data came; for one with market data see [`Supervisor::data`](super::Supervisor::data).
    Message {
        /// Its number on this connection; `None` for a kind of message that has none.
        sequence: Option<u64>,
        /// What it says.
        message: Message<'a>,
    },
    /// The connection is gone: closed by the exchange with a code, or broken without one.
    Closed {
        /// The WebSocket close code.
        code: Option<u16>,
    },
    /// A write to the socket has begun.
    WriteStarted,
    /// The write is over.
    WriteFinished,
    /// Something else is to be listened to from now on.
    Plan(FeedPlan),
    /// Time has passed.
    Tick,
}

/// A message without market data.
#[derive(Debug, Clone, Copy)]
pub enum Message<'a> {
    /// The exchange's sign of life.
    Heartbeat {
        /// Name of the channel it came over.
        channel: &'a str,
        /// Its running number, where it has one. Starts anywhere and rises by one.
        counter: Option<u64>,
    },
    /// What the connection is subscribed to: every channel with its products, none for a channel without products.
    Confirmation(&'a BTreeMap<String, BTreeSet<Symbol>>),
    /// The exchange did not like something.
    Error(FeedError),
    /// Anything else; it proves that the connection lives.
    Other,
}

/// What the exchange did not like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedError {
    /// Credentials. Exchanges say so of unknown channels too, and without naming the subscription that they mean.
    Authentication,
    /// Something else.
    Other,
}

/// The stages of connecting, in order. Each has a timeout of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Finding the address and connecting to it.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// The WebSocket upgrade.
    Upgrade,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "TCP connect",
            Self::Tls => "TLS handshake",
            Self::Upgrade => "WebSocket upgrade",
        })
    }
}

/// Why connecting failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectFailure {
    /// No address, no route, refused or reset.
    Unreachable,
    /// The TLS handshake failed.
    Tls,
    /// The upgrade was answered with another HTTP status than 101. 401 and 403 are a refusal of the credentials; 429
    /// and 503 ask for a longer pause.
    Status {
        /// The HTTP status.
        status: u16,
        /// How long the exchange asks to wait, where it says. At most five minutes of it are obeyed.
        retry_after: Option<Duration>,
    },
    /// The upgrade was answered with what is no WebSocket.
    Protocol,
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one, or has no number.
    Accept,
    /// It came before: drop it.
    Duplicate,
    /// It was told as missing and comes after later ones: use it only where order does not matter.
    Late,
    /// There is no connection it could have come over: drop it.
    Stray,
}
