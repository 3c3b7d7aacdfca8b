use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use livermore_coinbase::{ApiKey, CoinbaseConfig, Credentials, KeyName};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};

/// A server on loopback that answers each request as its test says, and remembers them. Everything about it is made by
/// hand: what HTTP libraries refuse to send is what matters here.
pub(super) struct Server {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Path and query.
    pub(super) target: String,
    pub(super) token: Option<String>,
    pub(super) at: Instant,
}

pub(super) enum Reply {
    /// A status, header lines and a body.
    Say(u16, &'static str, String),
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// A body that never ends.
    Endless,
    /// Nothing at all.
    Silence,
}

impl Reply {
    pub(super) fn json(body: impl Into<String>) -> Self {
        Self::Say(200, "content-type: application/json\r\n", body.into())
    }
}

impl Server {
    pub(super) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (all, answer) = (Arc::clone(&seen), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&all), Arc::clone(&answer)));
            }
        });
        Self { url, seen, task }
    }

    /// A configuration that leads here, without a limit that a test would feel.
    pub(super) fn config(&self) -> CoinbaseConfig {
        CoinbaseConfig {
            requests_per_second: 1_000,
            burst: 1_000,
            connect_timeout_ms: 2_000,
            ..CoinbaseConfig::from_urls("ws://127.0.0.1:1", "ws://127.0.0.1:1", &self.url)
        }
    }

    /// The same with a key: that of RFC 8032, section 7.1, test 1.
    pub(super) fn config_with_key(&self) -> CoinbaseConfig {
        let secret = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
        let key = ApiKey::new(KeyName::new("organizations/1/apiKeys/2").unwrap(), &secret.to_owned().into()).unwrap();
        self.config().with_credentials(Credentials::from_key(key))
    }

    /// The requests to a path that ends so, in their order.
    pub(super) fn seen(&self, end: &str) -> Vec<Seen> {
        let is_wanted = |seen: &&Seen| seen.target.split('?').next().unwrap().ends_with(end);
        self.seen.lock().unwrap().iter().filter(is_wanted).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    /// A parameter of the query as a number.
    pub(super) fn number(&self, name: &str) -> i64 {
        let query = self.target.split_once('?').unwrap().1;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap();
        value.parse().unwrap()
    }

    /// The claims of its token, which is trusted without a look at the signature.
    pub(super) fn claims(&self) -> Option<Value> {
        let part = self.token.as_ref()?.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    }
}

async fn serve(
    mut stream: TcpStream,
    all: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<impl Fn(&Seen) -> Reply + Send + Sync + 'static>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    assert!(!head.to_ascii_lowercase().contains("accept-encoding"), "compression is never asked for");
    let target = head.split(' ').nth(1).unwrap().to_owned();
    let token = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).map(str::to_owned);
    let seen = Seen { target, token, at: Instant::now() };
    all.lock().unwrap().push(seen.clone());
    let _ = match answer(&seen) {
        Reply::Say(status, headers, body) => {
            let length = body.len();
            let text =
                format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(text.as_bytes()).await
        }
        Reply::Raw(bytes) => stream.write_all(&bytes).await,
        Reply::Endless => endless(&mut stream).await,
        Reply::Silence => std::future::pending().await,
    };
    let _ = stream.shutdown().await;
}

async fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    loop {
        stream.write_all(chunk.as_bytes()).await?;
    }
}
