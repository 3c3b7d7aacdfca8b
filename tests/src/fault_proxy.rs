//! A TCP proxy that breaks connections on purpose, for tests of what talks over a network.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// Passes connections on to a server, until told otherwise. Dropping it cuts everything.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Out,
    /// From the server to the client.
    Back,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    plan: Mutex<Plan>,
    /// Raised at each change of the plan, so that everyone looks again.
    changed: watch::Sender<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Plan {
    /// Connections older than this are to end.
    generation: u64,
    /// Nothing gets through, and nothing is closed.
    silent: bool,
    /// How many connections there have been, and up to which one they are silent for good.
    opened: u64,
    abandoned: u64,
    /// New connections are refused.
    refusing: bool,
    delay: Duration,
    /// Data is passed on in pieces of so many bytes at most, with so long a pause after each.
    piece: Option<usize>,
    pause: Duration,
    /// Up to which connection each way is half-closed.
    half_closed: [u64; 2],
    /// After so many more bytes this way, the connection that carries them is cut.
    budget: Option<(Way, u64)>,
    passed: [u64; 2],
}

impl FaultProxy {
    /// Starts a proxy to `target` on a free port.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { target, plan: Mutex::default(), changed: watch::channel(()).0 });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection there is; new ones are welcome.
    pub fn cut(&self) {
        self.shared.change(|plan| plan.generation += 1);
    }

    /// Lets nothing through in either direction and closes nothing, on old and new connections, or ends that. What was
    /// swallowed does not come back, and old connections stay silent.
    pub fn silence(&self, silent: bool) {
        self.shared.change(|plan| plan.silent = silent);
    }

    /// Silences every connection there is, for good, and closes none of them; new ones are welcome. As after the loss of
    /// a router's table, or of a server's power.
    pub fn abandon(&self) {
        self.shared.change(|plan| plan.abandoned = plan.opened);
    }

    /// Closes new connections at once, and cuts the old ones; or ends that.
    pub fn refuse(&self, refusing: bool) {
        self.shared.change(|plan| {
            plan.refusing = refusing;
            plan.generation += u64::from(refusing);
        });
    }

    /// Holds every piece of data back for so long.
    pub fn delay(&self, delay: Duration) {
        self.shared.change(|plan| plan.delay = delay);
    }

    /// Passes data on in pieces of at most `bytes`, or ends that.
    pub fn split(&self, bytes: Option<usize>) {
        self.shared.change(|plan| (plan.piece, plan.pause) = (bytes.map(|bytes| bytes.max(1)), Duration::ZERO));
    }

    /// Passes on `bytes` per second, one by one where that is less than 1,000, or ends that.
    pub fn throttle(&self, bytes: Option<u32>) {
        self.shared.change(|plan| {
            let rate = bytes.map(|bytes| bytes.max(1));
            plan.piece = rate.map(|rate| usize::try_from(rate / 1_000).unwrap_or(1).max(1));
            plan.pause = match (rate, plan.piece) {
                (Some(rate), Some(piece)) => Duration::from_secs(1) * u32::try_from(piece).unwrap_or(1) / rate,
                _ => Duration::ZERO,
            };
        });
    }

    /// Closes every connection there is in this way only: the reader at its end sees the end of the data, and the other
    /// way goes on.
    pub fn half_close(&self, way: Way) {
        self.shared.change(|plan| plan.half_closed[way as usize] = plan.opened);
    }

    /// Cuts a connection after `bytes` more have gone this way: those arrive, the next does not.
    pub fn cut_after(&self, way: Way, bytes: u64) {
        self.shared.change(|plan| plan.budget = Some((way, bytes)));
    }

    /// Forgets [`cut_after`](Self::cut_after). `true` if it has not happened.
    pub fn disarm(&self) -> bool {
        let mut armed = false;
        self.shared.change(|plan| armed = plan.budget.take().is_some());
        armed
    }

    /// How many bytes have gone this way so far.
    pub fn passed(&self, way: Way) -> u64 {
        self.shared.plan().passed[way as usize]
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan());
        self.changed.send_replace(());
    }

    /// How many of `ready` bytes may pass, and whether the connection is cut after them.
    fn spend(&self, way: Way, ready: usize) -> (usize, bool) {
        let mut plan = self.plan();
        let ready_bytes = ready as u64;
        let (pass, cut) = match plan.budget {
            Some((armed, left)) if armed == way && left <= ready_bytes => {
                plan.budget = None;
                (usize::try_from(left).unwrap_or(ready), true)
            }
            Some((armed, left)) if armed == way => {
                plan.budget = Some((armed, left - ready_bytes));
                (ready, false)
            }
            _ => (ready, false),
        };
        plan.passed[way as usize] += pass as u64;
        (pass, cut)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(carry(client, Arc::clone(&shared)));
    }
}

async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let Plan { generation: born, silent, opened: number, .. } = {
        let mut plan = shared.plan();
        if plan.refusing {
            return;
        }
        plan.opened += 1;
        *plan
    };
    if silent {
        until_cut(&shared, born).await;
        return;
    }
    let Ok(server) = TcpStream::connect(shared.target).await else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    // The first to end takes the other with it: both halves of both sockets close.
    tokio::select! {
        () = pump(client_reads, server_writes, Way::Out, &shared, born, number) => {}
        () = pump(server_reads, client_writes, Way::Back, &shared, born, number) => {}
        () = until_cut(&shared, born) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, shared: &Shared, born: u64, number: u64) {
    let mut buffer = vec![0; 64 * 1024];
    let mut changes = shared.changed.subscribe();
    loop {
        if number <= shared.plan().half_closed[way as usize] {
            let _ = to.shutdown().await;
            return until_cut(shared, born).await;
        }
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = changes.changed() => continue,
        };
        let Ok(ready) = read else { return };
        if ready == 0 {
            return;
        }
        let (silent, delay) = {
            let plan = shared.plan();
            (plan.silent || number <= plan.abandoned, plan.delay)
        };
        if silent {
            return until_cut(shared, born).await;
        }
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let (pass, cut) = shared.spend(way, ready);
        if write(&mut to, &buffer[..pass], shared).await.is_err() || cut {
            return;
        }
    }
}

/// Writes all of it, in pieces if that is the plan.
async fn write(to: &mut OwnedWriteHalf, mut data: &[u8], shared: &Shared) -> io::Result<()> {
    while !data.is_empty() {
        let Plan { piece, pause, .. } = *shared.plan();
        let (now, later) = data.split_at(piece.unwrap_or(data.len()).min(data.len()));
        to.write_all(now).await?;
        if !pause.is_zero() {
            sleep(pause).await;
        } else if piece.is_some() {
            // Lets the reader see this piece alone.
            tokio::task::yield_now().await;
        }
        data = later;
    }
    Ok(())
}

async fn until_cut(shared: &Shared, born: u64) {
    let mut changes = shared.changed.subscribe();
    while shared.plan().generation == born {
        if changes.changed().await.is_err() {
            return;
        }
    }
}
