//! The control plane as it is measured: a log, a runner whose data planes do nothing, and senders.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use livermore_core::{
    control::{
        Command, CommandBus, CommandInbox, ControlError, Degraded, Desired, Executor, ExecutorConfig, ExecutorParts,
        Holder, Job, JobProgress, Leading, Lease, PauseLevel, Reconciler, Stage, Submission, UserSettingsCommands,
        Waited,
    },
    ids::{CommandId, Timestamp, UserId},
    settings::{Actor, MemorySettingsStore, SettingsService, UserSettings},
};
use tokio::time::{sleep, timeout};

use crate::{
    calls::{Told, Way},
    process::{cpu_seconds, status},
    table::Plan,
};

/// The users of the runner; those of the floor follow after them.
pub(crate) fn users(count: usize) -> Vec<UserId> {
    (1..=count as u64).map(user).collect()
}

/// Users nobody leads, for what is done by hand.
pub(crate) fn users_by_hand(count: usize) -> Vec<UserId> {
    (1..=count as u64).map(|id| user(1_000_000 + id)).collect()
}

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

/// By the system's clock.
#[allow(clippy::disallowed_methods, reason = "a benchmark is a program of its own")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("a time")).expect("a time")
}

pub(crate) fn holder(name: &str) -> Holder {
    Holder::new(name).expect("a name")
}

/// A command to pause and to resume in turns, with a new id each time.
pub(crate) fn next_command() -> Submission {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let command = if number % 2 == 1 { Command::Pause { level: PauseLevel::Stop } } else { Command::Resume };
    submission(&command)
}

/// A command that leaves everything as it is.
pub(crate) fn idle_command() -> Submission {
    submission(&Command::Resume)
}

fn submission(command: &Command) -> Submission {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let id = CommandId::from_parts(Timestamp::from_secs(1_700_000_000).expect("a time"), random);
    Submission::new(id, command, Actor::new("bench").expect("an actor")).expect("a command")
}

/// A runner that leads its users, and the senders' end of the log.
pub(crate) struct Plane {
    bus: Arc<dyn CommandBus>,
    users: Vec<UserId>,
    executor: Executor,
}

/// A data plane that is at once as it should be.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Reconciler for Nothing {
    async fn converge(&self, _: &Lease, _: &Desired) -> Result<(), Degraded> {
        Ok(())
    }

    async fn run_job(&self, _: &Lease, _: &Job, _: &JobProgress) -> Result<(), String> {
        Ok(())
    }

    async fn stop(&self, _: &Lease) {}
}

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(3);

impl Plane {
    /// Returns when every user is led.
    pub(crate) async fn start(bus: Arc<dyn CommandBus>, inbox: Arc<dyn CommandInbox>, users: Vec<UserId>) -> Self {
        let settings = SettingsService::<UserSettings>::new(Arc::new(MemorySettingsStore::new()));
        let parts = ExecutorParts {
            inbox,
            settings: Arc::new(UserSettingsCommands::new(settings)),
            reconciler: Arc::new(Nothing),
        };
        let executor = Executor::start(parts, ExecutorConfig::new(holder("bench"), users.clone()), now);
        let count = users.len();
        let mut status = executor.status();
        let led = status.wait_for(|status| {
            status.leading.len() == count && status.leading.values().all(|leading| *leading == Leading::Running)
        });
        drop(timeout(PATIENCE, led).await.expect("everybody is led").expect("a runner"));
        Self { bus, users, executor }
    }

    pub(crate) async fn stop(self) {
        self.executor.stop().await;
    }
}

/// Records a command and waits until it is decided; where a store answers not as many at once, its sender comes back as
/// it is told to.
async fn send(bus: &dyn CommandBus, user: UserId, submission: &Submission) {
    loop {
        match bus.submit_and_wait(user, submission, Stage::Decided, PATIENCE).await {
            Err(ControlError::Busy { retry_after }) => sleep(retry_after).await,
            answer => {
                let waited = answer.expect("recorded").waited;
                assert!(matches!(waited, Ok(Waited::Reached(_))), "it is decided");
                return;
            }
        }
    }
}

async fn wait(bus: &dyn CommandBus, user: UserId, submission: &Submission, stage: Stage) {
    let waited = bus.wait(user, submission.id(), stage, PATIENCE).await.expect("an answer");
    assert!(matches!(waited, Waited::Reached(_)), "{stage:?} is reached");
}

#[allow(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#[async_trait(?Send)]
impl Way for Plane {
    async fn send(&mut self) -> Told {
        let (bus, user, submission) = (&*self.bus, self.users[0], next_command());
        let begun = Instant::now();
        send(bus, user, &submission).await;
        let decided = begun.elapsed();
        wait(bus, user, &submission, Stage::Effective).await;
        Told { decided, effective: begun.elapsed().saturating_sub(decided) }
    }

    async fn crowd(&mut self, senders: usize, each: usize) {
        let sender = |user: UserId| {
            let bus = Arc::clone(&self.bus);
            tokio::spawn(async move {
                for _ in 0..each {
                    let submission = idle_command();
                    send(&*bus, user, &submission).await;
                }
            })
        };
        let tasks: Vec<_> = self.users[..senders].iter().copied().map(sender).collect();
        join_all(tasks).await.into_iter().for_each(|ended| ended.expect("a sender that does not panic"));
    }
}

/// What a server says of the connections to it, and how many seconds of processor time it has used.
pub(crate) type Server = (usize, f64);

/// What many users cost of whom nothing is wanted. `server` is asked before and after.
#[allow(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
#[allow(clippy::cast_precision_loss, reason = "a count of users fits")]
pub(crate) async fn idle(
    plan: &Plan,
    title: &str,
    bus: Arc<dyn CommandBus>,
    inbox: Arc<dyn CommandInbox>,
    server: impl AsyncFn() -> Server,
) {
    let (count, quiet) = if plan.is_smoke_test() { (10, Duration::ZERO) } else { (10_000, Duration::from_secs(20)) };
    let before = status("VmRSS:");
    let begun = Instant::now();
    let plane = Plane::start(bus, inbox, users(count)).await;
    let led = begun.elapsed();
    let after = status("VmRSS:");
    let used = || cpu_seconds("self").unwrap_or_default();
    let (own, (_, theirs)) = (used(), server().await);
    sleep(quiet).await;
    let own = used() - own;
    let (connections, after_them) = server().await;
    let everybody_is_led = plane.executor.status().borrow().leading.len() == count;
    assert!(everybody_is_led, "no lease was lost");
    plane.stop().await;
    if plan.is_smoke_test() {
        println!("{title}: {count} users led, not measured");
        return;
    }
    println!("\n{title}");
    println!("  {count} users led after {:.1} s", led.as_secs_f64());
    if let (Some(before), Some(after)) = (before, after) {
        println!("  memory of the process: {:.1} KiB a user", (after as f64 - before as f64) / count as f64);
    }
    let share = |seconds: f64| 100.0 * seconds / quiet.as_secs_f64();
    println!(
        "  idle for {} s: {own:.2} s of processor time ({:.1} % of a core), the server {:.2} s ({:.1} %)",
        quiet.as_secs(),
        share(own),
        after_them - theirs,
        share(after_them - theirs)
    );
    println!("  connections: {connections}");
}
