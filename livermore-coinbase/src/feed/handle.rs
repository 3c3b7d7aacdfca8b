use std::sync::atomic::{AtomicU64, Ordering};

use livermore_core::{
    exchange::{ConnectionBudget, ExchangeError, Supervisor, SupervisorConfig, supervisor::FeedStatus},
    ids::{Epoch, Exchange},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    link::Link,
    outbox::{Inbox, outbox},
    socket::Destination,
    staleness::Staleness,
    task::{Request, Shell, Task, Wanted},
    translate::Translate,
};
use crate::{
    auth::{ExchangeClock, TokenSource},
    wire::Decoder,
};

/// Starts feeds; all of them share what an address may do in a second.
#[derive(Debug)]
pub(crate) struct FeedMaker {
    config: SupervisorConfig,
    budget: ConnectionBudget,
    clock: ExchangeClock,
    origin: Instant,
    seeds: AtomicU64,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// The owner's end of a running feed. Dropping it ends the feed.
#[derive(Debug)]
pub(super) struct Handle {
    requests: mpsc::Sender<Request>,
    cancel: CancellationToken,
}

/// So many questions may wait for a task.
const REQUESTS: usize = 8;

impl FeedMaker {
    pub(crate) fn new(config: SupervisorConfig, clock: ExchangeClock, seed: u64) -> Self {
        Self {
            config,
            budget: ConnectionBudget::default(),
            clock,
            origin: Instant::now(),
            seeds: AtomicU64::new(seed),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
        }
    }

    /// Starts a feed; its first connection is made in the background.
    pub(super) fn start<T: Translate>(
        &self,
        translator: T,
        wanted: Wanted,
        destination: Destination,
        tokens: Option<TokenSource>,
    ) -> (Handle, Inbox<T::Event>) {
        let (outbox, inbox) = outbox();
        let (requests, asked) = mpsc::channel(REQUESTS);
        let cancel = self.cancel.child_token();
        let mut decoder = Decoder::new();
        decoder.deliver(&wanted.aliases, &wanted.products);
        let seed = self.seeds.fetch_add(1, Ordering::Relaxed);
        let shell = Shell {
            supervisor: Supervisor::new(self.config.clone(), &wanted.plan, self.budget.clone(), seed),
            translator,
            outbox,
            destination,
            tokens,
            clock: self.clock.clone(),
            origin: self.origin,
            products: wanted.products,
            link: Link::default(),
            epoch: Epoch::ZERO,
            staleness: Staleness::default(),
            heard: None,
            ended: false,
        };
        let task = Task { shell, decoder, requests: asked, cancel: cancel.clone() };
        self.tasks.spawn(task.run());
        (Handle { requests, cancel }, inbox)
    }

    /// Ends every feed, and waits until their sockets are gone.
    pub(crate) async fn close(&self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Handle {
    pub(super) async fn change(&self, wanted: Wanted) -> Result<(), ExchangeError> {
        self.requests.send(Request::Change(wanted)).await.map_err(|_| closed())
    }

    pub(super) async fn status(&self) -> Result<FeedStatus, ExchangeError> {
        let (ask, answer) = oneshot::channel();
        self.requests.send(Request::Status(ask)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn closed() -> ExchangeError {
    ExchangeError::Closed { exchange: Exchange::coinbase() }
}
