use std::marker::PhantomData;

use livermore_core::{
    ids::{Symbol, Timestamp},
    market::{Candle, Ticker},
};
use serde::de::DeserializeSeed;

use super::{
    Aliases, BalanceSummary, Body, BookChange, Channel, Confirmed, Flaw, Frame, FuturesPosition, Heartbeat, Kind,
    Listed, Malformed, MarketTrade, OrderUpdate, StatusProduct,
    account::MAX_TEXT,
    events::{AsWhole, ByItem, Events, FrameSeed},
    kinds::{Balances, Beats, BookChanges, Candles, States, Subscribed, Tickers, Trades, Users},
    names::Names,
    quick,
    rows::Bad,
    value::{Text, Whole, record, short, stamp},
};

/// Turns the text frames of one connection into [`Frame`]s.
///
/// Keeps its buffers and every product's name, so that after the first few frames a heartbeat, candle, ticker or trade
/// costs no allocation. It remembers nothing else: a frame means the same whatever came before it.
#[derive(Debug, Default)]
pub struct Decoder {
    pub(super) names: Names,
    time: Option<Timestamp>,
    seq: Option<u64>,
    /// Position in the list being read, for problems.
    index: usize,
    problems: Vec<Malformed>,
    flaws: usize,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) candles: Vec<Listed<Candle>>,
    pub(super) tickers: Vec<Listed<Ticker>>,
    pub(super) trades: Vec<Listed<MarketTrade>>,
    pub(super) book: Vec<Listed<BookChange>>,
    /// Changes of an event whose product is not known yet.
    pub(super) changes: Vec<BookChange>,
    pub(super) states: Vec<Listed<StatusProduct>>,
    pub(super) user: Kind,
    pub(super) orders: Vec<OrderUpdate>,
    pub(super) positions: Vec<FuturesPosition>,
    pub(super) balances: Vec<BalanceSummary>,
    pub(super) confirmed: Vec<Confirmed>,
    text: String,
}

record! {
    /// What tells the kind of a message whose channel does not come first.
    Look {
        "channel" channel: Text<'de>,
        "type" kind: Text<'de>,
        "message" message: Text<'de>,
        "reason" reason: Text<'de>,
        "timestamp" time: Text<'de>,
        "sequence_num" seq: Whole,
    }
}

impl Decoder {
    /// A decoder that hands every product over under the name the server uses.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands products over under the names they were subscribed to, where the server answers under the name of their
    /// book: with `BTC-USDC` subscribed, its data comes under `BTC-USD` and is handed over as `BTC-USDC`; with both
    /// subscribed, under both names. Replaces what was told before. Orders and positions keep the server's names.
    pub fn deliver<'a>(&mut self, aliases: &Aliases, subscribed: impl IntoIterator<Item = &'a Symbol>) {
        self.names.deliver(aliases, subscribed);
    }

    /// Decodes one text frame.
    ///
    /// # Errors
    /// Only when the text as a whole is no JSON object: nothing of it can be used then, not even its sequence number.
    /// Anything wrong inside it is told in [`Frame::problems`].
    pub fn decode(&mut self, text: &str) -> Result<Frame<'_>, Malformed> {
        self.clear();
        let channel = match quick::channel(text) {
            Some(name) => Channel::from_message_name(name),
            None => look(text)?,
        };
        let Some(channel) = channel else { return self.other(text) };
        if !quick::frame(self, channel, text) {
            self.clear();
            self.walk_channel(channel, text)?;
        }
        Ok(self.finish(channel))
    }

    /// Decodes one frame of bytes, which must be UTF-8. A text frame of a WebSocket is already known to be.
    pub fn decode_bytes(&mut self, bytes: &[u8]) -> Result<Frame<'_>, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::new("frame", Flaw::NotJson))?;
        self.decode(text)
    }

    /// Puts what was read in order and hands it over.
    fn finish(&mut self, channel: Channel) -> Frame<'_> {
        if self.time.is_none() {
            self.flaw_once("timestamp", Flaw::NotATime);
        }
        if self.seq.is_none() {
            self.flaw_once("sequence_num", Flaw::NotANumber);
        }
        let body = match channel {
            Channel::Heartbeats => Body::Heartbeat(self.heartbeat.unwrap_or(Heartbeat { counter: None, time: None })),
            Channel::Candles => {
                ascending(&mut self.candles, Candle::open_time);
                Body::Candles(&self.candles)
            }
            Channel::Ticker | Channel::TickerBatch => {
                // The frame's time is the only one a ticker has, and it may stand behind the tickers.
                match self.time {
                    Some(time) => self.tickers.iter_mut().for_each(|ticker| ticker.value.time = time),
                    None => self.tickers.clear(),
                }
                Body::Tickers(&self.tickers)
            }
            Channel::MarketTrades => {
                ascending(&mut self.trades, |trade| trade.number);
                Body::Trades(&self.trades)
            }
            Channel::Level2 => Body::Book(&self.book),
            Channel::Status => Body::Status(&self.states),
            Channel::User => Body::User { kind: self.user, orders: &self.orders, positions: &self.positions },
            Channel::FuturesBalanceSummary => Body::Balance(&self.balances),
            Channel::Subscriptions => {
                self.confirmed.sort_by_key(|confirmed| confirmed.channel);
                Body::Subscriptions(&self.confirmed)
            }
        };
        let (time, seq, problems, flaws) = (self.time, self.seq, &*self.problems, self.flaws);
        Frame { channel: Some(channel), time, seq, body, problems, flaws }
    }

    /// The general way.
    fn walk_channel(&mut self, channel: Channel, text: &str) -> Result<(), Malformed> {
        match channel {
            Channel::Heartbeats => self.walk::<AsWhole<Beats>>(text),
            Channel::Candles => self.walk::<ByItem<Candles>>(text),
            Channel::Ticker | Channel::TickerBatch => self.walk::<ByItem<Tickers>>(text),
            Channel::MarketTrades => self.walk::<ByItem<Trades>>(text),
            Channel::Level2 => self.walk::<ByItem<BookChanges>>(text),
            Channel::Status => self.walk::<ByItem<States>>(text),
            Channel::User => self.walk::<AsWhole<Users>>(text),
            Channel::FuturesBalanceSummary => self.walk::<AsWhole<Balances>>(text),
            Channel::Subscriptions => self.walk::<AsWhole<Subscribed>>(text),
        }
    }

    fn walk<E: Events>(&mut self, text: &str) -> Result<(), Malformed> {
        let mut json = serde_json::Deserializer::from_str(text);
        let walked = FrameSeed::<E>(self, PhantomData).deserialize(&mut json).and_then(|()| json.end());
        walked.map_err(|_| Malformed::new("frame", Flaw::NotJson))
    }

    /// A message of no known channel: an error of the server, or something new.
    #[cold]
    fn other(&mut self, text: &str) -> Result<Frame<'_>, Malformed> {
        let look = read_look(text)?;
        self.set_time(&look.time);
        self.seq = look.seq.0.ok();
        let is_error = look.channel.as_str().is_empty() && look.kind.as_str() == "error";
        if is_error {
            self.text = look.message.short(MAX_TEXT);
            if !look.reason.as_str().is_empty() {
                let room = MAX_TEXT.saturating_sub(self.text.chars().count() + 2);
                self.text = format!("{}: {}", self.text, look.reason.short(room));
            }
        } else {
            let name = if look.channel.as_str().is_empty() { &look.kind } else { &look.channel };
            self.text = short(name.as_str(), MAX_NAME);
        }
        let body = if is_error { Body::Error { message: &self.text } } else { Body::Unknown { name: &self.text } };
        Ok(Frame { channel: None, time: self.time, seq: self.seq, body, problems: &[], flaws: 0 })
    }

    pub(super) fn clear(&mut self) {
        (self.time, self.seq, self.index, self.flaws) = (None, None, 0, 0);
        self.heartbeat = None;
        self.user = Kind::Update;
        self.problems.clear();
        self.candles.clear();
        self.tickers.clear();
        self.trades.clear();
        self.book.clear();
        self.changes.clear();
        self.states.clear();
        self.orders.clear();
        self.positions.clear();
        self.balances.clear();
        self.confirmed.clear();
    }

    pub(super) fn set_time(&mut self, text: &Text<'_>) {
        self.time = stamp(text).ok();
    }

    pub(super) fn set_seq(&mut self, seq: Whole) {
        self.seq = seq.0.ok();
    }

    /// Counts an item of the list being read.
    #[inline]
    pub(super) fn next_index(&mut self) -> usize {
        self.index += 1;
        self.index - 1
    }

    /// Reports what is wrong outside any item.
    #[cold]
    pub(super) fn flaw(&mut self, place: &'static str, flaw: Flaw) {
        self.flaws += 1;
        if self.problems.len() < Frame::MAX_PROBLEMS {
            self.problems.push(Malformed::new(place, flaw));
        }
    }

    /// Reports what is wrong with the frame itself, which must be seen however many items are wrong too.
    #[cold]
    fn flaw_once(&mut self, place: &'static str, flaw: Flaw) {
        self.flaws += 1;
        self.problems.truncate(Frame::MAX_PROBLEMS - 1);
        self.problems.insert(0, Malformed::new(place, flaw));
    }

    /// Reports what is wrong with an item of a list.
    #[cold]
    pub(super) fn bad(&mut self, list: &'static str, index: usize, product: &Text<'_>, (field, flaw): Bad) {
        self.flaws += 1;
        if self.problems.len() < Frame::MAX_PROBLEMS {
            let mut problem = Malformed::new(format!("{list}[{index}].{field}"), flaw);
            problem.product = Some(product.short(Symbol::MAX_LEN)).filter(|product| !product.is_empty());
            self.problems.push(problem);
        }
    }
}

/// Most characters kept of a name nobody knows.
const MAX_NAME: usize = 40;

/// The channel of a message that does not begin with it.
#[cold]
fn look(text: &str) -> Result<Option<Channel>, Malformed> {
    Ok(Channel::from_message_name(read_look(text)?.channel.as_str()))
}

fn read_look(text: &str) -> Result<Look<'_>, Malformed> {
    match serde_json::from_str::<Look<'_>>(text) {
        Ok(look) if !look.wrong => Ok(look),
        _ => Err(Malformed::new("frame", Flaw::NotJson)),
    }
}

/// Sorts, keeping the order of equals. The two orders that happen need neither comparisons by the dozen nor memory.
fn ascending<T, K: Ord>(items: &mut [Listed<T>], key: impl Fn(&T) -> K) {
    let key = |item: &Listed<T>| key(&item.value);
    if items.is_sorted_by(|a, b| key(a) > key(b)) {
        items.reverse();
    } else if !items.is_sorted_by_key(key) {
        items.sort_by_key(key);
    }
}
