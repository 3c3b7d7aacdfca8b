//! The floor: the same steps on plain logs, a runner in another task, and between them one channel each way.

use std::{
    fs::File,
    io::Write as _,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use livermore_core::{
    control::{
        Case, ControlPolicy, Decision, Entry, Health, Lease, Next, Observed, Phase, Step, Submission, UserLog, decide,
    },
    ids::{Epoch, Generation, Revision},
};
use tokio::sync::mpsc;

use crate::{
    calls::{Told, Way},
    control::{holder, idle_command, next_command, now, users_by_hand},
};

pub(crate) struct ByHand {
    store: Arc<Mutex<Store>>,
    policy: ControlPolicy,
    bell: mpsc::Sender<()>,
    acks: mpsc::Receiver<()>,
}

/// Logs, and perhaps a file to which everything that happens in them is written before anybody is told.
struct Store {
    logs: Vec<(UserLog, Lease)>,
    entries: Vec<Entry>,
    journal: Option<File>,
}

impl Store {
    fn write(&mut self) {
        if let Some(journal) = self.journal.as_mut().filter(|_| !self.entries.is_empty()) {
            let mut line = serde_json::to_vec(&self.entries).expect("entries are plain");
            line.push(b'\n');
            journal.write_all(&line).expect("a disk with room");
            journal.sync_data().expect("a disk that works");
        }
        self.entries.clear();
    }

    /// One operation on one log.
    fn on<T>(&mut self, index: usize, work: impl FnOnce(&mut UserLog, &Lease, &mut Vec<Entry>) -> T) -> T {
        let (log, lease) = &mut self.logs[index];
        work(log, lease, &mut self.entries)
    }

    fn next(&mut self, index: usize) -> Next {
        self.on(index, |log, lease, entries| log.next(now(), lease, entries)).expect("the lease").expect("a command")
    }

    fn decide(&mut self, index: usize, next: &Next) -> Generation {
        let decision = decision(next);
        let generation = decision.desired.as_ref().map_or(next.desired.generation, |desired| desired.generation);
        self.on(index, |log, lease, entries| log.decide(now(), lease, next.record.seq, decision, entries))
            .expect("decided");
        generation
    }

    fn submit(&mut self, index: usize, submission: &Submission, policy: &ControlPolicy) {
        self.on(index, |log, _, entries| log.submit(now(), submission, policy, entries)).expect("recorded");
    }

    fn look(&mut self, index: usize, submission: &Submission) {
        let status = self.on(index, |log, _, entries| log.status(now(), submission.id(), entries)).expect("recorded");
        assert!(status.record.outcome.is_some(), "it is decided");
    }
}

impl ByHand {
    /// Starts the runner of the first user, in the current runtime.
    pub(crate) fn start(users: usize, journal: Option<File>) -> Self {
        let mut store = Store { logs: Vec::new(), entries: Vec::new(), journal };
        for user in users_by_hand(users) {
            let mut log = UserLog::new(user);
            let ttl = Duration::from_hours(1);
            let lease = log.acquire(now(), &holder("hand"), ttl, &mut store.entries).expect("a free lease");
            store.logs.push((log, lease));
        }
        let store = Arc::new(Mutex::new(store));
        let (bell, mut bells) = mpsc::channel(2);
        let (ack, acks) = mpsc::channel(2);
        let runner = Arc::clone(&store);
        tokio::spawn(async move {
            while bells.recv().await.is_some() {
                let next = lock(&runner).next(0);
                lock(&runner).write();
                let generation = lock(&runner).decide(0, &next);
                lock(&runner).write();
                let _ = ack.send(()).await;
                tokio::task::yield_now().await;
                lock(&runner)
                    .on(0, |log, lease, entries| log.observe(lease, report(generation), entries))
                    .expect("led");
                lock(&runner).write();
                let _ = ack.send(()).await;
            }
        });
        Self { store, policy: ControlPolicy::default(), bell, acks }
    }
}

#[allow(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#[async_trait(?Send)]
impl Way for ByHand {
    async fn send(&mut self) -> Told {
        let submission = next_command();
        let begun = Instant::now();
        lock(&self.store).submit(0, &submission, &self.policy);
        lock(&self.store).write();
        self.bell.send(()).await.expect("a runner");
        self.acks.recv().await.expect("a runner");
        lock(&self.store).look(0, &submission);
        let decided = begun.elapsed();
        self.acks.recv().await.expect("a runner");
        lock(&self.store).look(0, &submission);
        Told { decided, effective: begun.elapsed().saturating_sub(decided) }
    }

    async fn crowd(&mut self, senders: usize, each: usize) {
        for _ in 0..each {
            let store = &mut *lock(&self.store);
            let submissions: Vec<Submission> = (0..senders).map(|_| idle_command()).collect();
            for (index, submission) in submissions.iter().enumerate() {
                store.submit(index, submission, &self.policy);
            }
            store.write();
            let next: Vec<Next> = (0..senders).map(|index| store.next(index)).collect();
            store.write();
            for (index, next) in next.iter().enumerate() {
                store.decide(index, next);
            }
            store.write();
            for (index, submission) in submissions.iter().enumerate() {
                store.look(index, submission);
            }
        }
    }
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().expect("nobody panics")
}

fn decision(next: &Next) -> Decision {
    let Next { record, desired, observed, now } = next;
    match decide(Case { record, desired, observed: observed.as_ref(), now: *now, max_attempts: 3 }, None) {
        Step::Decided(decision) => decision,
        step @ Step::AskSettings { .. } => unreachable!("{step:?}: pause and resume ask nobody"),
    }
}

fn report(generation: Generation) -> Observed {
    Observed {
        epoch: Epoch::ZERO,
        generation,
        phase: Phase::Running,
        settings_revision: Revision::ZERO,
        held_back: false,
        health: Health::Converged,
        jobs: Vec::new(),
        at: now(),
    }
}
