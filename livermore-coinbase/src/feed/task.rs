use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use livermore_core::{
    exchange::{
        EventBody, FeedPlan, Supervisor,
        supervisor::{Action, FeedError, FeedStatus, Input, Message, Notice, Verdict},
    },
    ids::{Epoch, Symbol, Timestamp},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    link::{Heard, Link},
    outbox::Outbox,
    socket::Destination,
    staleness::Staleness,
    translate::{At, Translate},
};
use crate::{
    auth::{ExchangeClock, TokenSource},
    wire::{Aliases, Body, Channel, ClientMessage, Confirmed, Decoder, Frame},
};

/// What the owner of a feed may ask of its task.
pub(super) enum Request {
    /// Listen to something else.
    Change(Wanted),
    /// Tell how everything stands.
    Status(oneshot::Sender<FeedStatus>),
}

/// What a feed listens to.
pub(super) struct Wanted {
    pub(super) plan: FeedPlan,
    pub(super) products: Vec<Symbol>,
    pub(super) aliases: Arc<Aliases>,
}

/// The one task that owns a socket: it does what the supervisor says, and has no will of its own.
pub(super) struct Task<T: Translate> {
    pub(super) shell: Shell<T>,
    pub(super) decoder: Decoder,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) cancel: CancellationToken,
}

/// Everything of a task but the decoder, whose frames it reads.
pub(super) struct Shell<T: Translate> {
    pub(super) supervisor: Supervisor,
    pub(super) translator: T,
    pub(super) outbox: Outbox<T::Event>,
    pub(super) destination: Destination,
    pub(super) tokens: Option<TokenSource>,
    pub(super) clock: ExchangeClock,
    /// What the supervisor's times count from.
    pub(super) origin: Instant,
    pub(super) products: Vec<Symbol>,
    pub(super) link: Link,
    pub(super) epoch: Epoch,
    pub(super) staleness: Staleness,
    /// The exchange's time as last heard over this feed, and when that was.
    pub(super) heard: Option<(Timestamp, Instant)>,
    /// Nothing more is to be told.
    pub(super) ended: bool,
}

impl<T: Translate> Task<T> {
    pub(super) async fn run(mut self) {
        self.shell.take(Input::Start);
        let mut asking = true;
        loop {
            self.shell.act();
            self.shell.outbox.send();
            if self.shell.ended {
                break;
            }
            let wakeup = self.shell.supervisor.next_wakeup().map(|at| self.shell.origin + at);
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => break,
                request = self.requests.recv(), if asking => match request {
                    Some(Request::Change(wanted)) => {
                        self.decoder.deliver(&wanted.aliases, &wanted.products);
                        self.shell.change(wanted);
                    }
                    // Whoever asked may have gone.
                    Some(Request::Status(answer)) => drop(answer.send(self.shell.supervisor.status())),
                    None => asking = false,
                },
                heard = self.shell.link.next() => match heard {
                    Heard::Text(text) => self.texts(&text),
                    heard => self.shell.heard(&heard),
                },
                () = sleep_until(wakeup.unwrap_or(self.shell.origin)), if wakeup.is_some() => {
                    self.shell.take(Input::Tick);
                }
            }
        }
        self.shell.link.close().await;
    }
}

impl<T: Translate> Task<T> {
    /// Takes a message and what has arrived behind it, as long as it is no more than a moment's work: timers and requests
    /// wait for it, and all of it is heard at the same moment.
    fn texts(&mut self, first: &str) {
        let now = Instant::now();
        self.shell.text(&mut self.decoder, first, now);
        for _ in 0..AT_ONCE {
            match self.shell.link.next().now_or_never() {
                Some(Heard::Text(text)) if !self.shell.ended => self.shell.text(&mut self.decoder, &text, now),
                Some(heard) => return self.shell.heard(&heard),
                None => return,
            }
        }
    }
}

/// So many messages take well under a millisecond.
const AT_ONCE: usize = 64;

impl<T: Translate> Shell<T> {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn at(&self, time: Timestamp) -> At {
        At { time, epoch: self.epoch }
    }

    /// The exchange's time: of the message at hand, or as much later as has passed since.
    fn time(&self) -> Timestamp {
        let Some((time, at)) = self.heard else { return self.clock.now() };
        let since = i64::try_from(at.elapsed().as_millis()).unwrap_or_default();
        time.checked_add_millis(since).unwrap_or(time)
    }

    fn take(&mut self, input: Input<'_>) {
        let now = self.now();
        // What is no message has no verdict.
        let _ = self.supervisor.handle(now, input);
    }

    /// Does everything the supervisor wants.
    fn act(&mut self) {
        while let Some(action) = self.supervisor.next_action() {
            match action {
                Action::Connect { attempt } => {
                    tracing::debug!(attempt, "connecting to the exchange");
                    self.link = Link::open(self.destination.clone(), self.clock.clone());
                }
                Action::Subscribe { channel, products } => {
                    self.send(channel, |channel| ClientMessage::subscribe(channel, products));
                }
                Action::Unsubscribe { channel, products } => {
                    self.send(channel, |channel| ClientMessage::unsubscribe(channel, products));
                }
                Action::Disconnect { reason } => {
                    tracing::debug!(%reason, "the connection to the exchange ends");
                    self.link = Link::Down;
                }
                Action::Tell(notice) => self.tell(notice),
            }
        }
    }

    fn send(&mut self, channel: &str, message: impl FnOnce(Channel) -> ClientMessage) {
        // The plan's names are those of the channels.
        let Some(channel) = Channel::from_subscribe_name(channel) else { return };
        if self.link.send(message(channel), self.tokens.as_ref()) {
            self.take(Input::WriteStarted);
        }
    }

    fn tell(&mut self, notice: Notice) {
        let time = self.time();
        // Its reader takes this time for past; so must history, even if this machine's clock is set back meanwhile.
        self.clock.heard(time);
        let body = match notice {
            Notice::Connected { epoch } => {
                self.epoch = epoch;
                EventBody::Connected
            }
            Notice::Disconnected { reason } => {
                tracing::warn!(%reason, "the exchange is out of reach");
                self.staleness.forget();
                EventBody::Disconnected { reason: reason.to_string() }
            }
            Notice::Reconnecting { attempt, delay, reason } => {
                tracing::info!(attempt, ?delay, %reason, "reconnecting to the exchange");
                EventBody::Reconnecting { attempt, delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX) }
            }
            Notice::Gap { missing, .. } => {
                tracing::warn!(missing, "the exchange has lost messages");
                EventBody::Gap { symbol: None, missing }
            }
            Notice::Stale { channel, product: Some(symbol), since } => {
                tracing::warn!(channel, "a product has gone silent");
                let silent = self.now().saturating_sub(since);
                let millis = i64::try_from(silent.as_millis()).unwrap_or(i64::MAX);
                let since = time.checked_add_millis(millis.saturating_neg()).unwrap_or(time);
                if !self.staleness.stale(channel, &symbol) {
                    return;
                }
                EventBody::Stale { symbol, since }
            }
            Notice::Recovered { channel, product: Some(symbol) } => {
                if !self.staleness.recovered(channel, &symbol) {
                    return;
                }
                EventBody::Recovered { symbol }
            }
            Notice::Unconfirmed { channel, .. } => {
                tracing::warn!(channel, "the exchange does not confirm a subscription");
                return;
            }
            Notice::Refused { reason } => {
                tracing::error!(%reason, "the exchange refuses the connection");
                self.ended = true;
                EventBody::Refused { reason: reason.to_string() }
            }
            // Channels without products, and confirmations that came late, are in the status.
            _ => return,
        };
        self.translator.tell(self.at(time), body, &mut self.outbox);
    }

    fn change(&mut self, wanted: Wanted) {
        let added: Vec<Symbol> =
            wanted.products.iter().filter(|product| !self.products.contains(product)).cloned().collect();
        let at = self.at(self.time());
        self.translator.change(at, &wanted.products, &added);
        self.products = wanted.products;
        self.take(Input::Plan(wanted.plan));
    }

    fn heard(&mut self, heard: &Heard) {
        match heard {
            Heard::Reached(stage) => self.take(Input::Reached(*stage)),
            Heard::Failed(failure) => self.take(Input::Failed(*failure)),
            Heard::Closed(code) => self.take(Input::Closed { code: *code }),
            Heard::Written => {
                self.take(Input::WriteFinished);
                if self.link.write(self.tokens.as_ref()) {
                    self.take(Input::WriteStarted);
                }
            }
            // Pings prove nothing about data.
            Heard::Nothing | Heard::Text(_) => {}
        }
    }

    fn text(&mut self, decoder: &mut Decoder, text: &str, now: Instant) {
        let frame = match decoder.decode(text) {
            Ok(frame) => frame,
            Err(problem) => {
                tracing::warn!(%problem, "a message of the exchange cannot be read");
                return;
            }
        };
        if let Some(problem) = frame.problems.first() {
            tracing::debug!(%problem, flaws = frame.flaws, "part of a message of the exchange cannot be read");
        }
        if let Some(time) = frame.time {
            self.heard = Some((time, now));
        }
        let verdict = self.judge(&frame, now.saturating_duration_since(self.origin));
        // What it reveals happened before it.
        self.act();
        if verdict == Verdict::Accept && !self.ended {
            // Of every message, so that history has what is told as closed: a bucket it took for unfinished would be left
            // out, and pass for a quiet one.
            if let Some(time) = frame.time {
                self.clock.heard(time);
            }
            let at = self.at(frame.time.unwrap_or_else(|| self.time()));
            self.translator.hear(at, &frame, &mut self.outbox);
        }
    }

    fn judge(&mut self, frame: &Frame<'_>, now: Duration) -> Verdict {
        let sequence = frame.seq;
        let channel = frame.channel.map_or("", Channel::subscribe_name);
        let supervisor = &mut self.supervisor;
        let confirmed;
        let message = match frame.body {
            Body::Candles(list) => return supervisor.data(now, sequence, channel, products(list)),
            Body::Tickers(list) => return supervisor.data(now, sequence, channel, products(list)),
            Body::Trades(list) => return supervisor.data(now, sequence, channel, products(list)),
            Body::Book(list) => return supervisor.data(now, sequence, channel, products(list)),
            Body::Status(list) => return supervisor.data(now, sequence, channel, products(list)),
            Body::User { .. } | Body::Balance(_) => return supervisor.data(now, sequence, channel, []),
            Body::Heartbeat(heartbeat) => Message::Heartbeat { channel, counter: heartbeat.counter },
            Body::Subscriptions(channels) => {
                confirmed = confirmation(channels);
                Message::Confirmation(&confirmed)
            }
            Body::Error { message } => {
                tracing::warn!(message, "the exchange reports an error");
                let authentication = message.to_ascii_lowercase().contains("authentication");
                Message::Error(if authentication { FeedError::Authentication } else { FeedError::Other })
            }
            _ => Message::Other,
        };
        supervisor.handle(now, Input::Message { sequence, message })
    }
}

/// The products of a list, each once as long as they stand together.
fn products<V>(list: &[crate::wire::Listed<V>]) -> impl Iterator<Item = &Symbol> {
    list.chunk_by(|a, b| a.symbol == b.symbol).filter_map(|run| run.first()).map(|item| &item.symbol)
}

fn confirmation(channels: &[Confirmed]) -> BTreeMap<String, BTreeSet<Symbol>> {
    let known = channels.iter().filter_map(|confirmed| Some((confirmed.channel?, &confirmed.symbols)));
    known.map(|(channel, symbols)| (channel.subscribe_name().to_owned(), symbols.iter().cloned().collect())).collect()
}
