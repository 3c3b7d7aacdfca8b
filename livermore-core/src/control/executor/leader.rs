use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinSet},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    super::{Bell, Bells, Clock, Lease},
    ExecutorParts, ExecutorStatus, Leading,
    backoff::{Backoff, jittered},
    config::ExecutorConfig,
    decider::{Decider, Looked},
    held::Held,
    keeper::{Keeper, Kept, Taken},
    pause::Order,
    pauses::Pauses,
    plane::{Lost, Plane},
    waits::{next_bell, pending_unless, until},
};
use crate::{
    exchange::SplitMix64,
    ids::{Generation, UserId},
};

/// Holds the leases; for each of them looks for commands and keeps a data plane.
pub(super) struct Leader {
    parts: ExecutorParts,
    decider: Decider,
    config: Arc<ExecutorConfig>,
    clock: Clock,
    status: watch::Sender<ExecutorStatus>,
    stop: CancellationToken,
    held: BTreeMap<UserId, Held>,
    /// When the first of them counts as lost.
    first_end: Option<Instant>,
    /// Data planes, and whose they are; of lost leases too, until they have stopped.
    planes: JoinSet<Result<(), Lost>>,
    owners: HashMap<Id, UserId>,
    /// Users to look for commands for, and from when on.
    due: BTreeMap<UserId, Instant>,
    looking: FuturesUnordered<BoxFuture<'static, (Lease, Looked)>>,
    /// The latest generation seen of each user: a log that is behind it has lost something.
    seen: HashMap<UserId, Generation>,
    pauses: Pauses,
    random: SplitMix64,
}

impl Leader {
    pub(super) fn new(
        parts: ExecutorParts,
        config: Arc<ExecutorConfig>,
        clock: Clock,
        status: watch::Sender<ExecutorStatus>,
        stop: CancellationToken,
    ) -> Self {
        let decider = Decider {
            inbox: Arc::clone(&parts.inbox),
            settings: Arc::clone(&parts.settings),
            config: Arc::clone(&config),
        };
        // Processes that start together must not look together for ever.
        let seed =
            config.holder.as_str().bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let mut random = SplitMix64::new(seed);
        let pauses = Pauses::new(Arc::clone(&config), random.next_u64());
        Self {
            parts,
            decider,
            config,
            clock,
            status,
            stop,
            held: BTreeMap::new(),
            first_end: None,
            planes: JoinSet::new(),
            owners: HashMap::new(),
            due: BTreeMap::new(),
            looking: FuturesUnordered::new(),
            seen: HashMap::new(),
            pauses,
            random,
        }
    }

    /// Works until told to stop.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let stop = self.stop.clone();
        let mut bells: Option<Bells> = None;
        let mut keeping: Option<BoxFuture<'static, Kept>> = Some(self.keep(true));
        let mut polling: Option<BoxFuture<'static, Vec<UserId>>> = None;
        let (mut keep_at, mut poll_at) = (Instant::now(), Instant::now());
        loop {
            self.begin_looking();
            // What is under way wakes by itself: its time may have come long ago.
            let (keep, poll) = (keeping.is_none().then_some(keep_at), polling.is_none().then_some(poll_at));
            let wake = [keep, poll, self.first_end, self.next_due()].into_iter().flatten().min();
            tokio::select! {
                () = stop.cancelled() => break,
                kept = pending_unless(&mut keeping) => {
                    keeping = None;
                    keep_at = Instant::now() + self.config.renew;
                    if let Some(new) = self.kept(kept) {
                        bells = Some(new);
                        // Whatever came before it listened was not heard.
                        poll_at = Instant::now();
                    }
                }
                waiting = pending_unless(&mut polling) => {
                    polling = None;
                    poll_at = Instant::now() + jittered(&mut self.random, self.config.poll);
                    self.look_at(waiting);
                }
                bell = next_bell(&mut bells) => match bell {
                    Some(Bell::Rang(user)) => self.look_at([user]),
                    Some(Bell::Missed) => poll_at = Instant::now(),
                    None => bells = None,
                },
                Some((lease, looked)) = self.looking.next() => self.looked(&lease, looked),
                Some(ended) = self.planes.join_next_with_id() => {
                    self.plane_ended(ended.map_or_else(|error| error.id(), |(id, _)| id));
                }
                Some(order) = orders.recv() => {
                    if let Some(user) = self.pauses.lay(order) {
                        self.aim(user);
                    }
                }
                user = self.pauses.decided() => self.aim(user),
                () = until(wake) => {}
            }
            let now = Instant::now();
            self.drop_ended(now);
            if keeping.is_none() && now >= keep_at {
                keeping = Some(self.keep(bells.is_none()));
            }
            if polling.is_none() && now >= poll_at {
                polling = Some(self.poll());
            }
        }
        self.wind_up(keeping).await;
    }

    /// Renews leases and takes free ones, beside everything else.
    fn keep(&self, listen: bool) -> BoxFuture<'static, Kept> {
        let held: Vec<Lease> = self.held.values().map(|held| held.lease.clone()).collect();
        let free = self.config.users.iter().filter(|user| !self.held.contains_key(user));
        let free = free.map(|user| (*user, self.seen.get(user).copied().unwrap_or_default())).collect();
        let keeper = Keeper {
            inbox: Arc::clone(&self.parts.inbox),
            config: Arc::clone(&self.config),
            clock: Arc::clone(&self.clock),
        };
        keeper.keep(held, free, listen).boxed()
    }

    fn poll(&self) -> BoxFuture<'static, Vec<UserId>> {
        let inbox = Arc::clone(&self.parts.inbox);
        let users: Vec<UserId> = self.held.keys().copied().collect();
        let limit = self.config.lease;
        async move {
            if users.is_empty() {
                return users;
            }
            match timeout(limit, inbox.waiting(&users)).await {
                Ok(Ok(waiting)) => waiting,
                Ok(Err(error)) => {
                    warn!(%error, "the command log could not be asked");
                    Vec::new()
                }
                Err(_) => Vec::new(),
            }
        }
        .boxed()
    }

    /// Takes over what the keeper came back with; a stream of bells if it has begun to listen.
    fn kept(&mut self, kept: Kept) -> Option<Bells> {
        let Kept { renewed, until, lost, taken, bells, trouble } = kept;
        for lease in renewed {
            if let Some(held) = self.held.get_mut(&lease.user).filter(|held| held.lease == lease) {
                held.until = until;
            }
        }
        lost.iter().for_each(|lease| self.lose(lease, "another process has taken over"));
        for Taken { lease, until, desired, observed, regressed } in taken {
            info!(user = %lease.user, epoch = %lease.epoch, "leading");
            let user = lease.user;
            self.seen.insert(user, desired.generation.max(self.seen.get(&user).copied().unwrap_or_default()));
            let retry = Backoff::new(self.config.first_retry, self.config.longest_retry);
            let goal = watch::Sender::new(self.pauses.goal(user, &desired));
            let before = observed;
            let held = Held {
                lease,
                until,
                desired,
                goal,
                before,
                is_looked_at: false,
                plane: None,
                retry,
                in_doubt: false,
                regressed,
            };
            self.held.insert(user, held);
            self.aim(user);
            self.status.send_modify(|status| {
                status.leading.insert(user, Leading::CatchingUp);
            });
            self.look_at([user]);
        }
        self.first_end = self.held.values().map(|held| held.until).min();
        let standing_by = self.config.users.len() - self.held.len();
        self.status.send_modify(|status| {
            status.standing_by = standing_by;
            status.trouble = trouble;
        });
        bells
    }

    fn look_at(&mut self, users: impl IntoIterator<Item = UserId>) {
        let now = Instant::now();
        for user in users {
            // Somebody who has to wait goes on waiting.
            self.due.entry(user).or_insert(now);
        }
    }

    fn begin_looking(&mut self) {
        let room = self.config.concurrency.max(1).saturating_sub(self.looking.len());
        if room == 0 || self.due.is_empty() {
            return;
        }
        let now = Instant::now();
        let ready = self
            .due
            .iter()
            .filter(|(user, at)| **at <= now && !self.held.get(user).is_some_and(|held| held.is_looked_at));
        let ready: Vec<UserId> = ready.map(|(user, _)| *user).take(room).collect();
        for user in ready {
            self.due.remove(&user);
            let Some(held) = self.held.get_mut(&user) else { continue };
            held.is_looked_at = true;
            let (decider, lease, in_doubt) = (self.decider.clone(), held.lease.clone(), held.in_doubt);
            let limit = self.config.lease;
            let look = async move {
                let looked = timeout(limit, decider.look(&lease, in_doubt)).await;
                let looked = looked.unwrap_or_else(|_| Looked::Later("deciding took too long".to_owned()));
                (lease, looked)
            };
            self.looking.push(look.boxed());
        }
    }

    fn looked(&mut self, lease: &Lease, looked: Looked) {
        let Some(held) = self.held.get_mut(&lease.user).filter(|held| held.lease == *lease) else { return };
        held.is_looked_at = false;
        let user = lease.user;
        if !matches!(looked, Looked::Later(_)) && self.status.borrow().held_up.contains_key(&user) {
            self.status.send_modify(|status| {
                status.held_up.remove(&user);
            });
        }
        if held.regressed && matches!(looked, Looked::Decided(_) | Looked::DecidedOtherwise | Looked::Nothing(_)) {
            // An operator has said what holds: begin anew from that.
            return self.lose(lease, "the log was rebased");
        }
        match looked {
            Looked::Decided(desired) => {
                held.retry.reset();
                if let Some(desired) = desired {
                    self.seen.insert(user, desired.generation);
                    held.desired = desired;
                    self.aim(user);
                }
                self.status.send_modify(|status| status.decided += 1);
                self.look_at([user]);
            }
            Looked::DecidedOtherwise => {
                held.retry.reset();
                held.in_doubt = true;
                self.look_at([user]);
            }
            Looked::Nothing(found) => {
                held.retry.reset();
                held.in_doubt = false;
                if let Some(desired) = found.filter(|found| found.generation > held.desired.generation) {
                    self.seen.insert(user, desired.generation);
                    held.desired = desired;
                    self.aim(user);
                }
                let Some(held) = self.held.get(&user) else { return };
                if held.plane.is_none() && !self.owners.values().any(|owner| *owner == user) {
                    self.begin_plane(user);
                }
            }
            Looked::Later(trouble) => {
                held.in_doubt = true;
                let at = Instant::now() + held.retry.pause();
                warn!(%user, trouble, "a command cannot be decided now");
                self.due.insert(user, at);
                self.status.send_modify(|status| {
                    status.held_up.insert(user, trouble);
                });
            }
            Looked::Lost => self.lose(lease, "another process has taken over"),
        }
    }

    fn begin_plane(&mut self, user: UserId) {
        let Some(held) = self.held.get_mut(&user) else { return };
        let plane = Plane {
            lease: held.lease.clone(),
            inbox: Arc::clone(&self.parts.inbox),
            reconciler: Arc::clone(&self.parts.reconciler),
            config: Arc::clone(&self.config),
            clock: Arc::clone(&self.clock),
            goals: held.goal.subscribe(),
        };
        let stop = CancellationToken::new();
        let before = held.before.take();
        let stopped = stop.clone();
        let task = self.planes.spawn(async move { plane.run(before.as_ref(), stopped).await });
        held.plane = Some((task.id(), stop));
        self.owners.insert(task.id(), user);
        self.status.send_modify(|status| {
            status.leading.insert(user, Leading::Running);
        });
    }

    fn plane_ended(&mut self, id: Id) {
        let Some(user) = self.owners.remove(&id) else { return };
        let Some(held) = self.held.get(&user) else { return };
        match &held.plane {
            // Another process has taken over, or there was a panic: begin anew.
            Some((current, _)) if *current == id => {
                let lease = held.lease.clone();
                self.lose(&lease, "its data plane has ended");
            }
            Some(_) => {}
            // The next one waits for this.
            None => self.look_at([user]),
        }
    }

    /// Stops everything that hangs on a lease.
    fn lose(&mut self, lease: &Lease, why: &str) {
        if self.held.get(&lease.user).is_none_or(|held| held.lease != *lease) {
            return;
        }
        warn!(user = %lease.user, epoch = %lease.epoch, why, "no longer leading");
        if let Some((_, plane)) = self.held.remove(&lease.user).and_then(|held| held.plane) {
            plane.cancel();
        }
        self.due.remove(&lease.user);
        self.status.send_modify(|status| {
            status.leading.remove(&lease.user);
            status.held_up.remove(&lease.user);
            status.standing_by += 1;
        });
    }

    /// Leases that could not be renewed in time.
    fn drop_ended(&mut self, now: Instant) {
        if self.first_end.is_none_or(|end| end > now) {
            return;
        }
        let ended = self.held.values().filter(|held| held.until <= now).map(|held| held.lease.clone());
        let ended: Vec<Lease> = ended.collect();
        ended.iter().for_each(|lease| self.lose(lease, "the lease was not renewed in time"));
        self.first_end = self.held.values().map(|held| held.until).min();
    }

    fn next_due(&self) -> Option<Instant> {
        if self.looking.len() >= self.config.concurrency.max(1) {
            return None;
        }
        let free = self.due.iter().filter(|(user, _)| !self.held.get(user).is_some_and(|held| held.is_looked_at));
        free.map(|(_, at)| *at).min()
    }

    /// Leads the data plane to what is desired, and to the pauses that the desired state does not show.
    fn aim(&mut self, user: UserId) {
        if let Some(held) = self.held.get(&user) {
            let goal = self.pauses.goal(user, &held.desired);
            held.goal.send_if_modified(|before| std::mem::replace(before, goal.clone()) != goal);
        }
        let deepest = self.pauses.deepest(user);
        self.status.send_if_modified(|status| match deepest {
            Some(phase) => status.volatile.insert(user, phase) != Some(phase),
            None => status.volatile.remove(&user).is_some(),
        });
    }

    /// Decisions end first, then data planes; then other processes may take over.
    async fn wind_up(mut self, keeping: Option<BoxFuture<'static, Kept>>) {
        let deadline = Instant::now() + self.config.margin;
        let looking = async { while let Ok(Some(_)) = timeout_at(deadline, self.looking.next()).await {} };
        // A question for leases that is under way may be answered yet: nobody would lead under what it takes.
        let keeping = async {
            match keeping {
                Some(keeping) => timeout_at(deadline, keeping).await.map_or_else(|_| Vec::new(), |kept| kept.taken),
                None => Vec::new(),
            }
        };
        let ((), taken) = tokio::join!(looking, keeping);
        self.held.values().filter_map(|held| held.plane.as_ref()).for_each(|(_, plane)| plane.cancel());
        while self.planes.join_next().await.is_some() {}
        let leases = self.held.values().map(|held| &held.lease).chain(taken.iter().map(|taken| &taken.lease));
        let leases: Vec<Lease> = leases.cloned().collect();
        if let Ok(Err(error)) = timeout(self.config.margin, self.parts.inbox.release(&leases)).await {
            warn!(%error, "the leases could not be given back; they end by themselves");
        }
        self.status.send_modify(|status| status.leading.clear());
    }
}
