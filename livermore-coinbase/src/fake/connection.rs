use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Channel, Garbage, Keep};

/// Room in a connection's queue that frames leave to what ends the connection.
pub(super) const RESERVED: usize = 16;

/// What the task of a connection is told to do.
#[derive(Debug)]
pub(super) enum Out {
    Text(Utf8Bytes),
    /// In WebSocket fragments of so many bytes, with a pause after each.
    Slow {
        text: Utf8Bytes,
        bytes: usize,
        pause_ms: u64,
    },
    Garbage(Garbage),
    Ping,
    /// Whether to answer nothing, not even pings.
    Mute(bool),
    Close {
        code: u16,
        reason: String,
    },
    Vanish,
    Reset,
    HalfOpen,
}

/// Which of the two WebSocket endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Market,
    User,
}

/// A client as the exchange sees it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) endpoint: Endpoint,
    pub(super) out: mpsc::Sender<Out>,
    pub(super) next_sequence: u64,
    pub(super) opened_ms: u64,
    /// Whether a subscription was ever accepted.
    pub(super) subscribed: bool,
    pub(super) last_sent_ms: u64,
    /// Dies when silent for this long without heartbeats.
    pub(super) idle_ms: u64,
    /// Products by channel, by the market's own names; channels without products hold an empty set.
    pub(super) channels: BTreeMap<Channel, BTreeSet<String>>,
    pub(super) troubles: Troubles,
}

/// What goes wrong on a connection at the moment.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    pub(super) stalls: Vec<Stalled>,
    /// What is kept, and until when.
    pub(super) silence: Option<(Keep, u64)>,
    pub(super) lose: u32,
    pub(super) skip_beats: u32,
    pub(super) duplicate: bool,
    pub(super) reorder: bool,
    /// Waits for the next frame to go first.
    pub(super) held: Option<Out>,
    pub(super) holed_snapshots: u32,
    /// Frames, bytes of a fragment, pause.
    pub(super) slow: Option<(u32, usize, u64)>,
}

#[derive(Debug)]
pub(super) struct Stalled {
    pub(super) symbol: String,
    pub(super) channel: Option<Channel>,
    pub(super) until_ms: u64,
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint, out: mpsc::Sender<Out>, now_ms: u64, idle_ms: u64) -> Self {
        Self {
            endpoint,
            out,
            next_sequence: 0,
            opened_ms: now_ms,
            subscribed: false,
            last_sent_ms: now_ms,
            idle_ms,
            channels: BTreeMap::new(),
            troubles: Troubles::default(),
        }
    }

    /// Whether it is to hear of this product on this channel.
    pub(super) fn hears(&self, channel: Channel, symbol: &str) -> bool {
        self.channels.get(&channel).is_some_and(|products| products.contains(symbol))
    }

    /// Whether a frame is held back at this time, as if it had never been made.
    pub(super) fn holds_back(&self, channel: Option<Channel>, symbol: Option<&str>, now_ms: u64) -> bool {
        let silent = self.troubles.silence.is_some_and(|(keep, until)| {
            now_ms < until && !(keep == Keep::Heartbeats && channel == Some(Channel::Heartbeats))
        });
        silent
            || symbol.is_some_and(|symbol| {
                self.troubles.stalls.iter().any(|stall| {
                    stall.symbol == symbol
                        && now_ms < stall.until_ms
                        && stall.channel.is_none_or(|stalled| channel == Some(stalled))
                })
            })
    }

    /// Puts a frame into the queue; false when the reader is too slow for it.
    pub(super) fn push(&self, out: Out) -> bool {
        let is_frame = matches!(out, Out::Text(_) | Out::Slow { .. } | Out::Garbage(_) | Out::Ping);
        (!is_frame || self.out.capacity() > RESERVED) && self.out.try_send(out).is_ok()
    }
}
