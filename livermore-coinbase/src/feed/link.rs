use std::{collections::VecDeque, future::Future, pin::Pin, time::Duration};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use livermore_core::exchange::supervisor::{ConnectFailure, Stage};
use tokio::{
    sync::mpsc::{Receiver, channel},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::socket::{Destination, Socket, connect};
use crate::{
    auth::{ExchangeClock, TokenSource},
    wire::ClientMessage,
};

/// The connection a feed has at the moment, whatever its state. Dropping it ends it, at every point.
#[derive(Default)]
pub(super) enum Link {
    /// None.
    #[default]
    Down,
    /// It is being made.
    Opening { socket: Opening, stages: Receiver<Stage> },
    /// It is there.
    Open(Box<Open>),
}

/// A connection that reads and writes at the same time: a peer that does not read cannot keep us from hearing it.
pub(super) struct Open {
    reader: SplitStream<Socket>,
    writer: Writer,
    outgoing: VecDeque<ClientMessage>,
}

enum Writer {
    Idle(SplitSink<Socket, Message>),
    Busy(Writing),
    /// It has failed; the reader says so in a moment.
    Gone,
}

type Opening = Pin<Box<dyn Future<Output = Result<Socket, ConnectFailure>> + Send>>;
type Writing = Pin<Box<dyn Future<Output = Result<SplitSink<Socket, Message>, Error>> + Send>>;

/// What happened to a connection.
#[derive(Debug)]
pub(super) enum Heard {
    Reached(Stage),
    Failed(ConnectFailure),
    Text(Utf8Bytes),
    /// A ping, or something no exchange of market data sends.
    Nothing,
    Written,
    Closed(Option<u16>),
}

/// How long a connection that is not wanted any more may take to say good-bye.
const GOODBYE: Duration = Duration::from_millis(500);

/// More than there are.
const STAGES: usize = 4;

impl Link {
    pub(super) fn open(to: Destination, clock: ExchangeClock) -> Self {
        let (tell, stages) = channel(STAGES);
        Self::Opening { socket: Box::pin(connect(to, clock, tell)), stages }
    }

    /// Waits for what happens next. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Heard {
        match self {
            Self::Down => std::future::pending().await,
            Self::Opening { socket, stages } => {
                let opened = tokio::select! {
                    biased;
                    Some(stage) = stages.recv() => return Heard::Reached(stage),
                    opened = socket => opened,
                };
                // Stages told in the moment of the end come first with the next calls, if they still matter.
                match opened {
                    Ok(socket) => {
                        let (writer, reader) = socket.split();
                        let writer = Writer::Idle(writer);
                        *self = Self::Open(Box::new(Open { reader, writer, outgoing: VecDeque::new() }));
                        Heard::Reached(Stage::Upgrade)
                    }
                    Err(failure) => {
                        *self = Self::Down;
                        Heard::Failed(failure)
                    }
                }
            }
            Self::Open(open) => open.next().await,
        }
    }

    /// Puts a message behind those that wait. Whether it is being written now, none before it.
    pub(super) fn send(&mut self, message: ClientMessage, tokens: Option<&TokenSource>) -> bool {
        let Self::Open(open) = self else { return false };
        open.outgoing.push_back(message);
        open.write(tokens)
    }

    /// Begins to write the next message that waits, if none is being written.
    pub(super) fn write(&mut self, tokens: Option<&TokenSource>) -> bool {
        if let Self::Open(open) = self { open.write(tokens) } else { false }
    }

    /// Ends the connection in a friendly way, as far as the other side lets us.
    pub(super) async fn close(&mut self) {
        if let Self::Open(open) = std::mem::take(self)
            && let Writer::Idle(mut writer) = open.writer
        {
            // Whether it worked does not matter: the socket is gone afterwards.
            let _ = timeout(GOODBYE, writer.close()).await;
        }
    }
}

impl Open {
    async fn next(&mut self) -> Heard {
        let message = if let Writer::Busy(writing) = &mut self.writer {
            tokio::select! {
                biased;
                written = writing => {
                    self.writer = written.map_or(Writer::Gone, Writer::Idle);
                    return Heard::Written;
                }
                message = self.reader.next() => message,
            }
        } else {
            self.reader.next().await
        };
        match message {
            Some(Ok(Message::Text(text))) => Heard::Text(text),
            Some(Ok(Message::Close(frame))) => Heard::Closed(frame.map(|frame| frame.code.into())),
            Some(Ok(_)) => Heard::Nothing,
            Some(Err(_)) | None => Heard::Closed(None),
        }
    }

    /// Whether it has begun to write. Tokens are made at this moment: they do not keep.
    fn write(&mut self, tokens: Option<&TokenSource>) -> bool {
        if self.outgoing.is_empty() || !matches!(self.writer, Writer::Idle(_)) {
            return false;
        }
        let Writer::Idle(mut writer) = std::mem::replace(&mut self.writer, Writer::Gone) else { return false };
        let Some(message) = self.outgoing.pop_front() else { return false };
        let message = match tokens.filter(|_| message.channel().needs_key()).map(TokenSource::for_socket) {
            None => message,
            Some(Ok(jwt)) => message.with_jwt(jwt.expose().into()),
            Some(Err(error)) => {
                // Without one the exchange refuses, and the supervisor tells.
                tracing::warn!(%error, "no token could be made");
                message
            }
        };
        let text = message.to_text();
        self.writer = Writer::Busy(Box::pin(async move {
            writer.send(Message::text(text)).await?;
            Ok(writer)
        }));
        true
    }
}
