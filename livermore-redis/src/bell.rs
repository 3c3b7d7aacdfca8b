use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use livermore_core::{
    control::{Bells, ControlError, Doorbell, DoorbellState, Signal, Signals},
    ids::{Seq, UserId},
};
use redis::{Cmd, Pipeline, Value};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    RedisConfig, RedisError,
    config::Role,
    link::{Answer, Link},
    listening::{Listening, ring, tell},
};

/// A doorbell in Redis, for a command log that is kept elsewhere.
///
/// Cheap to clone; all clones are one bell. Opening it never waits for Redis, and losing Redis costs time only: the
/// [state](Doorbell::state) says so until it is back.
#[derive(Clone)]
pub struct RedisBell(Arc<Inner>);

struct Inner {
    listening: Listening,
    queue: mpsc::Sender<Ring>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// Something to be published.
struct Ring {
    command: Cmd,
    /// Whether it rings for a runner.
    is_bell: bool,
}

#[derive(Default)]
struct Shared {
    closed: AtomicBool,
    failing: AtomicBool,
    dropped: AtomicU64,
    /// Whether somebody heard the last ring: 0 unknown, 1 nobody, 2 somebody.
    heard: AtomicU8,
}

/// As many as may wait to be published; more are dropped.
const QUEUE: usize = 1_024;
/// As many as travel together.
const BATCH: usize = 128;

impl RedisBell {
    /// A bell that connects by itself, and again whenever it has to. Fails only if the configuration is wrong.
    pub fn open(config: &RedisConfig) -> Result<Self, RedisError> {
        let servers = config.servers()?;
        let listening = Listening::start(config, Role::Doorbell)?;
        let links = servers.into_iter().map(|server| Link::start(server, config, Role::Doorbell)).collect();
        let shared = Arc::new(Shared::default());
        let (queue, rings) = mpsc::channel(QUEUE);
        let task = tokio::spawn(publish_all(links, rings, Arc::clone(&shared)));
        Ok(Self(Arc::new(Inner { listening, queue, shared, task })))
    }

    /// How many rings were dropped since the start because they could not be sent.
    pub fn dropped(&self) -> u64 {
        self.0.shared.dropped.load(Ordering::Relaxed)
    }

    /// Whether anybody heard the last ring; none if that is not known. In a cluster only the listeners of one node count.
    pub fn last_ring_heard(&self) -> Option<bool> {
        match self.0.shared.heard.load(Ordering::Relaxed) {
            0 => None,
            heard => Some(heard == 2),
        }
    }

    fn send(&self, command: Cmd, is_bell: bool) {
        if !self.0.shared.closed.load(Ordering::Relaxed) && self.0.queue.try_send(Ring { command, is_bell }).is_err() {
            self.0.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl Doorbell for RedisBell {
    fn ring(&self, user: UserId, seq: Seq) {
        self.send(ring(user, seq), true);
    }

    fn tell(&self, user: UserId, signal: Signal) {
        for command in tell(user, signal) {
            self.send(command, false);
        }
    }

    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError> {
        Ok(self.0.listening.bells(users).await?)
    }

    async fn signals(&self, user: UserId) -> Result<Signals, ControlError> {
        Ok(self.0.listening.signals(user).await?)
    }

    fn state(&self) -> DoorbellState {
        if self.0.shared.failing.load(Ordering::Relaxed) { DoorbellState::Degraded } else { self.0.listening.state() }
    }

    async fn close(&self) {
        self.0.shared.closed.store(true, Ordering::Relaxed);
        self.0.task.abort();
        self.0.listening.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Publishes whatever is in the queue, in batches, on the first server that takes it.
async fn publish_all(links: Vec<Link>, mut rings: mpsc::Receiver<Ring>, shared: Arc<Shared>) {
    let mut batch = Vec::with_capacity(BATCH);
    while rings.recv_many(&mut batch, BATCH).await > 0 {
        let mut commands = Pipeline::with_capacity(batch.len());
        for ring in &batch {
            commands.add_command(ring.command.clone());
        }
        let mut done = Err(RedisError::Closed);
        for link in &links {
            done = link.run_all("ringing", &commands).await;
            if done.is_ok() {
                break;
            }
        }
        let failing = done.is_err();
        if failing {
            shared.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        if shared.failing.swap(failing, Ordering::Relaxed) != failing
            && let Err(error) = &done
        {
            tracing::warn!(%error, "doorbell: degraded");
        }
        for (ring, answer) in batch.drain(..).zip(done.unwrap_or_default()) {
            if let (true, Answer::Value(Value::Int(listeners))) = (ring.is_bell, answer) {
                shared.heard.store(if listeners > 0 { 2 } else { 1 }, Ordering::Relaxed);
            }
        }
    }
}

impl fmt::Debug for RedisBell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBell")
            .field("state", &self.state())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}
