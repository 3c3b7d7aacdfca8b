use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        self, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Garbage, Stage,
    connection::{Endpoint, Out, RESERVED},
    engine::{Door, Engine, lock},
    wire::Wire,
};

/// How long a client has to answer a close frame.
const CLOSING: Duration = Duration::from_secs(1);
/// How long a client has for the handshakes.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What every task of the server shares.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) engine: Arc<Mutex<Engine>>,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) tls: Option<TlsAcceptor>,
}

impl Shared {
    /// TLS where it is asked for; `None` when the client does not manage it.
    pub(super) async fn wire(&self, stream: TcpStream) -> Option<Wire> {
        // Each frame shall leave at once; where that cannot be had, frames are merely late.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => Some(Wire::plain(stream)),
            Some(tls) => Some(Wire::tls(timeout(HANDSHAKE, tls.accept(stream)).await.ok()?.ok()?)),
        }
    }
}

/// Accepts WebSocket clients until the server stops.
pub(super) async fn listen(listener: TcpListener, endpoint: Endpoint, shared: Shared) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let shared = shared.clone();
                shared.tasks.clone().spawn(async move {
                    tokio::select! {
                        () = shared.stop.cancelled() => {}
                        () = serve(stream, endpoint, &shared) => {}
                    }
                });
            }
            // Out of file handles, mostly: some may be free again soon.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve(stream: TcpStream, endpoint: Endpoint, shared: &Shared) {
    let door = lock(&shared.engine).knock();
    if door == Door::Hang(Stage::Accept) {
        return hold(stream, shared).await;
    }
    let Some(mut wire) = shared.wire(stream).await else { return };
    if door == Door::Hang(Stage::Upgrade) {
        let mut nowhere = [0; 4_096];
        while wire.read(&mut nowhere).await.is_ok_and(|read| read > 0) {}
        return;
    }
    let Ok(Ok(socket)) = timeout(HANDSHAKE, accept_hdr_async(wire, Doorkeeper(door))).await else { return };
    let room = lock(&shared.engine).options.limits.waiting_frames.max(1) + RESERVED;
    let (out, told) = mpsc::channel(room);
    let id = lock(&shared.engine).connect(endpoint, out);
    converse(socket, id, told, shared).await;
    lock(&shared.engine).disconnect(id);
}

/// Keeps something alive until the server stops.
async fn hold<T: Send>(kept: T, shared: &Shared) {
    shared.stop.cancelled().await;
    drop(kept);
}

struct Doorkeeper(Door);

impl tungstenite::handshake::server::Callback for Doorkeeper {
    fn on_request(self, _: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let Door::Refused(status) = self.0 else { return Ok(response) };
        let mut refusal = ErrorResponse::new(Some(String::new()));
        *refusal.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Err(refusal)
    }
}

async fn converse(mut socket: WebSocketStream<Wire>, id: u64, mut told: mpsc::Receiver<Out>, shared: &Shared) {
    let mut mute = false;
    loop {
        tokio::select! {
            out = told.recv() => match out {
                Some(Out::Mute(on)) => mute = on,
                Some(Out::HalfOpen) => return hold(socket, shared).await,
                Some(out) => if act(&mut socket, out).await.is_break() { return },
                // The exchange forgot this client.
                None => return,
            },
            message = socket.next(), if !mute => match message {
                Some(Ok(Message::Text(text))) => lock(&shared.engine).hear(id, &text),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// Carries out what the exchange says; breaks when the connection is over.
async fn act(socket: &mut WebSocketStream<Wire>, out: Out) -> ControlFlow<()> {
    let sent = match out {
        Out::Text(text) => socket.send(Message::Text(text)).await,
        Out::Slow { text, bytes, pause_ms } => fragments(socket, text.as_bytes(), bytes, pause_ms).await,
        Out::Garbage(Garbage::Binary) => socket.send(Message::binary(vec![0_u8, 159, 146, 150])).await,
        Out::Garbage(Garbage::InvalidUtf8) => fragments(socket, b"{\"channel\":\"\xff\xfe\"}", 100, 0).await,
        Out::Garbage(_) => socket.send(Message::text("this is not JSON")).await,
        Out::Ping => socket.send(Message::Ping(Vec::new().into())).await,
        Out::Close { code, reason } => {
            let frame = CloseFrame { code: code.into(), reason: reason.into() };
            let _ = socket.send(Message::Close(Some(frame))).await;
            // Until the client has answered, so that the frame is not lost to a reset.
            let _ = timeout(CLOSING, async { while let Some(Ok(_)) = socket.next().await {} }).await;
            return ControlFlow::Break(());
        }
        Out::Vanish => {
            let _ = socket.get_mut().shutdown().await;
            return ControlFlow::Break(());
        }
        Out::Reset => {
            // Dropped with unread or unsent bytes or without: the client sees a reset.
            let _ = socket.get_ref().tcp().set_zero_linger();
            return ControlFlow::Break(());
        }
        Out::Mute(_) | Out::HalfOpen => Ok(()),
    };
    if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

async fn fragments(
    socket: &mut WebSocketStream<Wire>,
    text: &[u8],
    bytes: usize,
    pause_ms: u64,
) -> Result<(), tungstenite::Error> {
    let count = text.len().div_ceil(bytes);
    for (n, part) in text.chunks(bytes).enumerate() {
        let kind = if n == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(part.to_vec(), OpCode::Data(kind), n + 1 == count);
        socket.send(Message::Frame(frame)).await?;
        if pause_ms > 0 {
            sleep(Duration::from_millis(pause_ms)).await;
        }
    }
    Ok(())
}
