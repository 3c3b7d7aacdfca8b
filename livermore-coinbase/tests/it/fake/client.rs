use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use livermore_coinbase::fake::FakeServer;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Error, Message, protocol::WebSocketConfig},
};

/// Longer than anything here takes, on any machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// A client that speaks the protocol by hand.
pub(super) struct Client {
    pub(super) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The sequence numbers received, in order.
    pub(super) sequence: Vec<u64>,
}

impl Client {
    pub(super) async fn connect(url: &str) -> Self {
        Self::try_connect(url).await.unwrap()
    }

    pub(super) async fn try_connect(url: &str) -> Result<Self, Error> {
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let connecting = connect_async_with_config(url, Some(config), true);
        let (socket, _) = timeout(DEADLINE, connecting).await.expect("the server answers the upgrade")?;
        Ok(Self { socket, sequence: Vec::new() })
    }

    /// The HTTP status by which an upgrade is refused.
    pub(super) async fn refused(url: &str) -> u16 {
        match Self::try_connect(url).await.map(|_| ()) {
            Err(Error::Http(response)) => response.status().as_u16(),
            other => panic!("not refused with a status: {other:?}"),
        }
    }

    pub(super) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(super) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(super) async fn subscribe(&mut self, channel: &str, products: &[&str]) {
        self.send(&json!({ "type": "subscribe", "channel": channel, "product_ids": products })).await;
    }

    /// Subscribes, and reads up to the answer and all snapshots; returns everything read.
    pub(super) async fn subscribed(&mut self, server: &FakeServer, channel: &str, products: &[&str]) -> Vec<Value> {
        let messages = server.stats().messages;
        self.subscribe(channel, products).await;
        until("the server hears the subscription", || server.stats().messages > messages).await;
        self.all(server, 0).await
    }

    /// The next raw message, whatever it is; `None` when the connection is over.
    pub(super) async fn raw(&mut self) -> Option<Result<Message, Error>> {
        timeout(DEADLINE, self.socket.next()).await.expect("the server sends something")
    }

    /// The next text message.
    pub(super) async fn next(&mut self) -> Value {
        loop {
            match self.raw().await.expect("the connection lives").unwrap() {
                Message::Text(text) => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    self.sequence.extend(value["sequence_num"].as_u64());
                    return value;
                }
                Message::Ping(_) => {}
                other => panic!("not a text message: {other:?}"),
            }
        }
    }

    /// Everything up to the last frame the server made for this connection.
    pub(super) async fn all(&mut self, server: &FakeServer, id: usize) -> Vec<Value> {
        let mut messages = Vec::new();
        while self.sequence.iter().max().map_or(0, |last| last + 1) < server.stats().frames[id] {
            messages.push(self.next().await);
        }
        messages
    }

    /// Everything up to and with the next message of this channel.
    pub(super) async fn until(&mut self, channel: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["channel"] == channel {
                return message;
            }
        }
    }

    /// Reads to the end and says how it ended: the close code, or `None` without a close frame.
    pub(super) async fn end(&mut self) -> Option<u16> {
        loop {
            match self.raw().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = timeout(DEADLINE, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "in vain: {what}");
}

/// The messages of one channel.
pub(super) fn of<'a>(channel: &str, messages: &'a [Value]) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["channel"] == channel).collect()
}

/// A plain client of the REST side.
pub(super) fn http() -> reqwest::Client {
    // Without TLS no certificates are needed, but the builder insists on knowing.
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config).timeout(DEADLINE).build().unwrap()
}

/// Status and JSON of a request.
pub(super) async fn get(server: &FakeServer, path: &str) -> (u16, Value) {
    let response = http().get(format!("{}{path}", server.rest_url())).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}
