use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use livermore_core::{
    ids::{Symbol, Timeframe, Timestamp},
    market::{Candle, CandleSource, Finality},
};
use tokio::{
    net::TcpListener,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Clock, FakeServerBuilder, Fault, FaultRecord, StartError, Stats,
    connection::Endpoint,
    engine::{Engine, TICK_MS, lock},
    rest, socket,
    socket::Shared,
    tls,
};

/// A running fake exchange on three ports of 127.0.0.1; see the [module](super).
///
/// # Closing
/// - [`shutdown`](Self::shutdown) ends every connection and every task, and waits for them.
/// - Dropping it ends them too, without waiting.
pub struct FakeServer {
    shared: Shared,
    ws: SocketAddr,
    user_ws: SocketAddr,
    rest: SocketAddr,
    ca: Option<(String, Vec<u8>)>,
    /// What `advance` was told and has not done: less than a tick.
    owed_ms: tokio::sync::Mutex<u64>,
}

/// How long [`FakeServer::advance`] waits for clients that do not read.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a shutdown waits for tasks.
const DRAINING: Duration = Duration::from_secs(5);

impl FakeServer {
    /// What the server is to be like; [`start`](FakeServerBuilder::start) starts it.
    pub fn builder() -> FakeServerBuilder {
        FakeServerBuilder::new()
    }

    pub(super) async fn start(builder: FakeServerBuilder) -> Result<Self, StartError> {
        let FakeServerBuilder { market, options, tls } = builder;
        if let Clock::Speed(speed) = options.clock
            && !(speed > 0.0 && speed <= 86_400.0)
        {
            return Err(StartError::Speed(speed));
        }
        let tls = if tls { Some(tls::own_tls()?) } else { None };
        let clock = options.clock;
        let engine = Engine::new(options, market.open().map_err(StartError::Market)?);
        let shared = Shared {
            engine: Arc::new(Mutex::new(engine)),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            tls: tls.as_ref().map(|tls| tls.acceptor.clone()),
        };
        let [ws_listener, user_listener, rest_listener] = [bind().await?, bind().await?, bind().await?];
        let address = |listener: &TcpListener| listener.local_addr().map_err(StartError::Bind);
        let server = Self {
            ws: address(&ws_listener)?,
            user_ws: address(&user_listener)?,
            rest: address(&rest_listener)?,
            ca: tls.map(|tls| (tls.ca_pem, tls.ca_der)),
            owed_ms: tokio::sync::Mutex::new(0),
            shared: shared.clone(),
        };
        let tasks = &shared.tasks;
        tasks.spawn(socket::listen(ws_listener, Endpoint::Market, shared.clone()));
        tasks.spawn(socket::listen(user_listener, Endpoint::User, shared.clone()));
        tasks.spawn(rest::listen(rest_listener, shared.clone()));
        if let Clock::Speed(_) = clock {
            tasks.spawn(run(shared.clone()));
        }
        Ok(server)
    }

    /// Address of the market data WebSocket, for example `ws://127.0.0.1:4001`.
    pub fn ws_url(&self) -> String {
        self.url("ws", self.ws)
    }

    /// Address of the WebSocket of the user's own orders.
    pub fn user_ws_url(&self) -> String {
        self.url("ws", self.user_ws)
    }

    /// Base address of the REST side, with the exchange's path: `http://127.0.0.1:4003/api/v3/brokerage`.
    pub fn rest_url(&self) -> String {
        format!("{}{}", self.url("http", self.rest), rest::BASE)
    }

    fn url(&self, scheme: &str, address: SocketAddr) -> String {
        let secure = if self.ca.is_some() { "s" } else { "" };
        format!("{scheme}{secure}://{address}")
    }

    /// The certificate a client must trust, as PEM; `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca.as_ref().map(|(pem, _)| pem.as_str())
    }

    /// The certificate a client must trust, as DER; `None` without TLS.
    pub fn ca_der(&self) -> Option<&[u8]> {
        self.ca.as_ref().map(|(_, der)| der.as_slice())
    }

    /// Market time.
    pub fn now(&self) -> Timestamp {
        lock(&self.shared.engine).now()
    }

    /// Moves server time by `ms` and market time by the same, or by the [speed](Clock::Speed) as much, in steps of 250 ms (a rest waits for the next call), and puts what happens on the way
    /// into the clients' queues. Waits a moment for clients whose queues are half full.
    pub async fn advance(&self, ms: u64) {
        let mut owed = self.owed_ms.lock().await;
        *owed += ms;
        let mut is_patient = true;
        while *owed >= TICK_MS {
            *owed -= TICK_MS;
            lock(&self.shared.engine).tick();
            tokio::task::yield_now().await;
            // A client that did not read once is not waited for again before it has caught up.
            is_patient = self.wait_for_readers(is_patient).await;
        }
    }

    /// Whether nobody is behind any more.
    async fn wait_for_readers(&self, is_patient: bool) -> bool {
        let patience = Instant::now() + PATIENCE;
        while lock(&self.shared.engine).is_congested() {
            if !is_patient || Instant::now() >= patience {
                return false;
            }
            sleep(Duration::from_millis(1)).await;
        }
        true
    }

    /// Begins a fault now.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared.engine).inject_all([fault]);
    }

    /// What has gone wrong so far, in order; the last 100,000 faults are kept.
    pub fn fault_log(&self) -> Vec<FaultRecord> {
        lock(&self.shared.engine).log.iter().cloned().collect()
    }

    /// What the server has seen and done so far.
    pub fn stats(&self) -> Stats {
        lock(&self.shared.engine).stats()
    }

    /// Numbers of the connections that are open.
    pub fn open_connections(&self) -> Vec<u64> {
        lock(&self.shared.engine).ids()
    }

    /// The products of the market, under the names its WebSocket uses, in the market's order.
    pub fn symbols(&self) -> Vec<Symbol> {
        lock(&self.shared.engine).tapes.iter().map(|tape| tape.symbol.clone()).collect()
    }

    /// What really happened: the traded buckets that open in `[from, to)`, ascending. Those that have ended are
    /// verified, the last one may be forming. An unknown product has none.
    pub fn truth_candles(&self, symbol: &Symbol, timeframe: Timeframe, from: Timestamp, to: Timestamp) -> Vec<Candle> {
        let engine = lock(&self.shared.engine);
        let Some(product) = engine.product(symbol.as_str()) else { return Vec::new() };
        let now = engine.now();
        let buckets = engine.tapes[product].buckets(timeframe, from, to);
        let candle = |bucket: &super::tape::Bucket| {
            let ended = bucket.start.as_millis() + timeframe.millis() <= now.as_millis();
            let finality = if ended { Finality::Verified } else { Finality::Forming };
            Candle::new(timeframe, bucket.start, bucket.ohlcv, finality, CandleSource::Rest).ok()
        };
        buckets.iter().filter_map(candle).collect()
    }

    /// Ends every connection and every task.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        // Tasks only wait for the token; a client cannot hold them.
        let _ = timeout(DRAINING, self.shared.tasks.wait()).await;
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("FakeServer");
        shown.field("ws", &self.ws).field("user_ws", &self.user_ws).field("rest", &self.rest).finish_non_exhaustive()
    }
}

async fn bind() -> Result<TcpListener, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(StartError::Bind)
}

/// Lets time pass. A tick that comes late is made up for: server time stays real time.
async fn run(shared: Shared) {
    let tick = Duration::from_millis(TICK_MS);
    let mut ticks = interval_at(Instant::now() + tick, tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = ticks.tick() => lock(&shared.engine).tick(),
        }
    }
}
