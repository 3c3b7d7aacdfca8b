use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream};
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
    socket: Socket,
    writing: Writing,
    outgoing: VecDeque<ClientMessage>,
}

enum Writing {
    Idle,
    /// A message waits for the socket to take it.
    Begun(Message),
    /// The socket has it, and not all of it has left.
    Taken,
    /// It has failed; reading says so in a moment.
    Gone,
}

type Opening = Pin<Box<dyn Future<Output = Result<Socket, ConnectFailure>> + Send>>;

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
                        let open = Open { socket, writing: Writing::Idle, outgoing: VecDeque::new() };
                        *self = Self::Open(Box::new(open));
                        Heard::Reached(Stage::Upgrade)
                    }
                    Err(failure) => {
                        *self = Self::Down;
                        Heard::Failed(failure)
                    }
                }
            }
            Self::Open(open) => poll_fn(|context| open.poll_next(context)).await,
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
        if let Self::Open(mut open) = std::mem::take(self)
            && let Writing::Idle = open.writing
        {
            // Whether it worked does not matter: the socket is gone afterwards.
            let _ = timeout(GOODBYE, SinkExt::close(&mut open.socket)).await;
        }
    }
}

impl Open {
    #[inline]
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        if matches!(self.writing, Writing::Begun(_) | Writing::Taken)
            && let Poll::Ready(written) = self.poll_write(context)
        {
            self.writing = written.map_or(Writing::Gone, |()| Writing::Idle);
            return Poll::Ready(Heard::Written);
        }
        Poll::Ready(match ready!(Pin::new(&mut self.socket).poll_next(context)) {
            Some(Ok(Message::Text(text))) => Heard::Text(text),
            Some(Ok(Message::Close(frame))) => Heard::Closed(frame.map(|frame| frame.code.into())),
            Some(Ok(_)) => Heard::Nothing,
            Some(Err(_)) | None => Heard::Closed(None),
        })
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut socket = Pin::new(&mut self.socket);
        if let Writing::Begun(_) = self.writing {
            ready!(socket.as_mut().poll_ready(context))?;
            if let Writing::Begun(message) = std::mem::replace(&mut self.writing, Writing::Taken) {
                socket.as_mut().start_send(message)?;
            }
        }
        socket.poll_flush(context)
    }

    /// Whether it has begun to write. Tokens are made at this moment: they do not keep.
    fn write(&mut self, tokens: Option<&TokenSource>) -> bool {
        let Writing::Idle = self.writing else { return false };
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
        self.writing = Writing::Begun(Message::text(message.to_text()));
        true
    }
}
