use std::{
    fmt::Write as _,
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, SystemTime},
};

use livermore_core::ids::{Timeframe, Timestamp};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_tungstenite::tungstenite::accept;

/// Candle updates of a burst: few enough for the kernel's buffers, so that all of it is there before it is read.
pub(crate) const BURST: usize = 128;
pub(crate) const PRODUCT: &str = "BTC-USD";

/// How a burst is encrypted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packing {
    /// As many updates as records of 16 KB hold.
    Coalesced,
    /// A record and a write for each.
    OnePerRecord,
}

/// A server with one client, on a thread of its own.
pub(crate) struct Server {
    address: SocketAddr,
    orders: Sender<()>,
    done: Receiver<()>,
}

/// A burst that is not sent by then does not fit into the kernel's buffers.
const PATIENCE: Duration = Duration::from_secs(10);

impl Server {
    /// A server that hears so many subscriptions before it sends, and what makes a client trust it.
    pub(crate) fn start(packing: Packing, subscriptions: usize) -> (Self, ClientConfig) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (server_tls, client_tls) = tls();
        let ((orders, ordered), (tell, done)) = (channel(), channel());
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            stream.set_nodelay(true).expect("an option of every socket");
            let connection = ServerConnection::new(server_tls).expect("a good configuration");
            let mut socket = accept(StreamOwned::new(connection, stream)).expect("a WebSocket");
            let mut feed = Feed { sequence: 0, beats: 0, out: Vec::new(), ends: Vec::new() };
            for _ in 0..subscriptions {
                socket.read().expect("a subscription");
            }
            feed.signs_of_life(subscriptions > 0);
            feed.send(socket.get_mut(), packing);
            while ordered.recv().is_ok() {
                feed.signs_of_life(subscriptions > 0);
                feed.candles();
                feed.send(socket.get_mut(), packing);
                tell.send(()).expect("somebody who waits");
            }
        });
        (Self { address, orders, done }, client_tls)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("wss://{}", self.address)
    }

    /// Sends a burst, and comes back when the kernel has it.
    pub(crate) fn send_burst(&mut self) {
        self.orders.send(()).expect("the server's thread");
        self.done.recv_timeout(PATIENCE).expect("a burst that fits into the kernel's buffers");
    }
}

/// What is to be sent next.
struct Feed {
    sequence: u64,
    beats: u64,
    out: Vec<u8>,
    /// Where each message ends.
    ends: Vec<usize>,
}

impl Feed {
    /// What every burst begins with. To a feed, they say that its products live.
    fn signs_of_life(&mut self, is_feed: bool) {
        let time = now();
        if self.sequence == 0 && is_feed {
            let channels =
                format!(r#"{{"heartbeats":["heartbeats"],"candles":["{PRODUCT}"],"ticker_batch":["{PRODUCT}"]}}"#);
            self.message("subscriptions", time, &format!(r#"{{"subscriptions":{channels}}}"#));
        }
        let ticker = format!(r#"{{"type":"ticker","product_id":"{PRODUCT}","price":"64281.7"}}"#);
        self.message("ticker_batch", time, &format!(r#"{{"type":"update","tickers":[{ticker}]}}"#));
        self.beats += 1;
        let beats = self.beats;
        let time_here = "2026-05-04 03:02:01.057778606 +0000 UTC m=+21697.195984854";
        self.message("heartbeats", time, &format!(r#"{{"current_time":"{time_here}","heartbeat_counter":{beats}}}"#));
    }

    fn candles(&mut self) {
        let time = now();
        let start = Timeframe::M5.floor(time).as_secs();
        for _ in 0..BURST {
            let number = self.sequence % 1_000_000;
            let candle = format!(
                r#"{{"start":"{start}","high":"97299.99","low":"97199.63","open":"97285.3","close":"97199.63","volume":"8.25{number:06}","product_id":"{PRODUCT}"}}"#
            );
            self.message("candles", time, &format!(r#"{{"type":"update","candles":[{candle}]}}"#));
        }
    }

    /// Frames a message: text, one fragment, not masked.
    fn message(&mut self, channel: &str, time: Timestamp, event: &str) {
        let mut text = String::new();
        let time = time.to_string();
        let (time, sequence) = (time.trim_end_matches('Z'), self.sequence);
        write!(
            text,
            r#"{{"channel":"{channel}","client_id":"","timestamp":"{time}.123456789Z","sequence_num":{sequence},"events":[{event}]}}"#
        )
        .expect("a string takes any text");
        self.sequence += 1;
        let length = u16::try_from(text.len()).expect("a short message");
        if length < 126 {
            self.out.extend([0x81, length.to_be_bytes()[1]]);
        } else {
            self.out.extend([0x81, 126]);
            self.out.extend(length.to_be_bytes());
        }
        self.out.extend(text.bytes());
        self.ends.push(self.out.len());
    }

    fn send(&mut self, stream: &mut StreamOwned<ServerConnection, TcpStream>, packing: Packing) {
        match packing {
            Packing::Coalesced => stream.write_all(&self.out).expect("a client that reads"),
            Packing::OnePerRecord => {
                let mut start = 0;
                for end in self.ends.drain(..) {
                    stream.write_all(&self.out[start..end]).expect("a client that reads");
                    start = end;
                }
            }
        }
        self.out.clear();
        self.ends.clear();
    }
}

/// Whole seconds: the adapter compares the exchange's time with the machine's.
pub(crate) fn now() -> Timestamp {
    #[allow(clippy::disallowed_methods, reason = "a server that stands for the exchange has the real time")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock that is right");
    Timestamp::from_secs(i64::try_from(since.as_secs()).expect("a time of this age")).expect("a time of this age")
}

fn tls() -> (Arc<ServerConfig>, ClientConfig) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate with its key");
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), client)
}
