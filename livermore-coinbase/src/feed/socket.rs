use std::sync::Arc;

use livermore_core::exchange::supervisor::{ConnectFailure, Stage};
use reqwest::Url;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, sync::mpsc::Sender};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_with_config,
    tungstenite::{Error, protocol::WebSocketConfig},
};

use crate::{auth::ExchangeClock, rest::retry_after};

/// A WebSocket, encrypted or not.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where a socket connects to.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) url: Url,
    pub(crate) tls: Arc<ClientConfig>,
}

/// The largest message that is taken. The largest known of this exchange has about five megabytes; more than this is
/// an error of the other side, and ends the connection.
const MAX_MESSAGE: usize = 16 << 20;

/// Connects, and tells each stage that is over but the last. Stages have no limit of their own here: whoever drops the
/// future ends it.
pub(super) async fn connect(
    to: Destination,
    clock: ExchangeClock,
    stages: Sender<Stage>,
) -> Result<Socket, ConnectFailure> {
    let host = to.url.host_str().ok_or(ConnectFailure::Unreachable)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = to.url.port_or_known_default().ok_or(ConnectFailure::Unreachable)?;
    let stream = TcpStream::connect((bare.as_str(), port)).await.map_err(|_| ConnectFailure::Unreachable)?;
    // Without it, a subscription could wait for the acknowledgement of the one before.
    stream.set_nodelay(true).map_err(|_| ConnectFailure::Unreachable)?;
    // A receiver that is gone needs no word.
    let _ = stages.try_send(Stage::Tcp);
    let wire = if to.url.scheme() == "wss" {
        let name = ServerName::try_from(bare).map_err(|_| ConnectFailure::Tls)?;
        let stream = TlsConnector::from(to.tls).connect(name, stream).await.map_err(|_| ConnectFailure::Tls)?;
        MaybeTlsStream::Rustls(stream)
    } else {
        MaybeTlsStream::Plain(stream)
    };
    let _ = stages.try_send(Stage::Tls);
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    match client_async_with_config(to.url.as_str(), wire, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(failure(&error, &clock)),
    }
}

fn failure(error: &Error, clock: &ExchangeClock) -> ConnectFailure {
    match error {
        Error::Http(answer) => ConnectFailure::Status {
            status: answer.status().as_u16(),
            retry_after: answer
                .headers()
                .get("retry-after")
                .and_then(|value| retry_after::parse(value.to_str().ok()?, clock.now())),
        },
        Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed => ConnectFailure::Unreachable,
        _ => ConnectFailure::Protocol,
    }
}
