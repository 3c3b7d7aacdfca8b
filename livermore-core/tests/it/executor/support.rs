use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::StreamExt;
use livermore_core::{
    control::{
        Bells, BusCapability, Command, CommandBus, CommandInbox, CommandQuery, CommandRecord, CommandStatus,
        ControlError, ControlPolicy, Decision, Degraded, Desired, EmbeddedCommandLog, Executor, ExecutorConfig,
        ExecutorParts, Holder, Job, JobProgress, Lease, Next, Observed, Overview, Phase, Reconciler, Signals, Stage,
        Submission, UserSettingsCommands, Waited,
    },
    ids::{CommandId, Seq, Timestamp, UserId},
    settings::{Actor, MemorySettingsStore, SettingsService, UserSettings},
};
use tokio::{sync::Notify, time::Instant};

pub(super) fn user(number: u64) -> UserId {
    UserId::new(number).unwrap()
}

pub(super) fn id(number: u64) -> CommandId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    CommandId::from_parts(Timestamp::from_secs(1_700_000_000).unwrap(), random)
}

pub(super) fn holder(name: &str) -> Holder {
    Holder::new(name).unwrap()
}

/// A clock that follows tokio's.
pub(super) fn clock() -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let start = Instant::now();
    move || {
        let passed = i64::try_from(start.elapsed().as_millis()).unwrap();
        Timestamp::from_secs(1_700_000_000).unwrap().checked_add_millis(passed).unwrap()
    }
}

pub(super) fn log() -> EmbeddedCommandLog {
    EmbeddedCommandLog::in_memory(ControlPolicy::default(), clock())
}

pub(super) async fn submit(bus: &impl CommandBus, to: UserId, number: u64, command: &Command) -> CommandRecord {
    let submission = Submission::new(id(number), command, Actor::new("test").unwrap()).unwrap();
    bus.submit(to, &submission).await.unwrap()
}

/// The command once it has reached `stage`.
pub(super) async fn reached(bus: &impl CommandBus, of: UserId, number: u64, stage: Stage) -> CommandStatus {
    match bus.wait(of, id(number), stage, Duration::from_mins(2)).await.unwrap() {
        Waited::Reached(status) => status,
        Waited::Pending { last, .. } => panic!("command {number} did not get there: {last:?}"),
    }
}

/// Settings in memory.
pub(super) fn settings() -> SettingsService<UserSettings> {
    SettingsService::new(Arc::new(MemorySettingsStore::new()))
}

pub(super) fn start(
    name: &str,
    users: &[UserId],
    inbox: impl CommandInbox,
    settings: &SettingsService<UserSettings>,
    plane: &Arc<FakePlane>,
) -> Executor {
    let parts = ExecutorParts {
        inbox: Arc::new(inbox),
        settings: Arc::new(UserSettingsCommands::new(settings.clone())),
        reconciler: plane.clone(),
    };
    Executor::start(parts, ExecutorConfig::new(holder(name), users.to_vec()), clock())
}

/// A data plane that does as it is told, and remembers what it was asked.
#[derive(Debug, Default)]
pub(super) struct FakePlane {
    events: Mutex<Vec<PlaneEvent>>,
    changed: Notify,
    /// Converging to this phase never ends.
    pub(super) hangs_in: Mutex<Option<Phase>>,
    /// So many times more converging does not work.
    pub(super) failures: Mutex<u32>,
    /// Jobs wait until they are let go, with this result.
    pub(super) jobs: Mutex<HashMap<CommandId, Result<(), String>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PlaneEvent {
    Begun(UserId, Phase),
    Reached(UserId, Phase),
    JobBegun(UserId, CommandId),
    Stopped(UserId),
}

impl FakePlane {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn events(&self) -> Vec<PlaneEvent> {
        self.events.lock().unwrap().clone()
    }

    /// Waits until something has happened.
    pub(super) async fn saw(&self, event: &PlaneEvent) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if self.events.lock().unwrap().contains(event) {
                    return;
                }
                changed.await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_mins(2), wait).await;
        assert!(seen.is_ok(), "no {event:?} among {:?}", self.events());
    }

    pub(super) fn end_job(&self, of: CommandId, result: Result<(), String>) {
        self.jobs.lock().unwrap().insert(of, result);
        self.changed.notify_waiters();
    }

    fn note(&self, event: PlaneEvent) {
        self.events.lock().unwrap().push(event);
        self.changed.notify_waiters();
    }
}

#[async_trait]
impl Reconciler for FakePlane {
    async fn converge(&self, lease: &Lease, desired: &Desired) -> Result<(), Degraded> {
        self.note(PlaneEvent::Begun(lease.user, desired.phase));
        if *self.hangs_in.lock().unwrap() == Some(desired.phase) {
            std::future::pending::<()>().await;
        }
        let fails = {
            let mut failures = self.failures.lock().unwrap();
            let fails = *failures > 0;
            *failures = failures.saturating_sub(1);
            fails
        };
        if fails {
            return Err(Degraded { component: "feed".to_owned(), cause: "told to fail".to_owned() });
        }
        self.note(PlaneEvent::Reached(lease.user, desired.phase));
        Ok(())
    }

    async fn run_job(&self, lease: &Lease, job: &Job, progress: &JobProgress) -> Result<(), String> {
        self.note(PlaneEvent::JobBegun(lease.user, job.id));
        progress.set(1, 3);
        loop {
            let changed = self.changed.notified();
            if let Some(result) = self.jobs.lock().unwrap().get(&job.id).cloned() {
                return result;
            }
            changed.await;
        }
    }

    async fn stop(&self, lease: &Lease) {
        self.note(PlaneEvent::Stopped(lease.user));
    }
}

/// The way to a log: it can be cut, it can be deaf, and it can lead to another log.
#[derive(Debug, Clone)]
pub(super) struct Way(Arc<WayState>);

#[derive(Debug)]
struct WayState {
    to: Mutex<EmbeddedCommandLog>,
    cut: AtomicBool,
    /// What is submitted or decided is recorded, and the answer lost.
    loses_answers: AtomicBool,
    deaf: bool,
    /// Answers about leases are so long on their way.
    answers_after: Duration,
}

impl WayState {
    fn to(log: &EmbeddedCommandLog) -> Self {
        let to = Mutex::new(log.clone());
        Self {
            to,
            cut: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
            deaf: false,
            answers_after: Duration::ZERO,
        }
    }
}

impl Way {
    pub(super) fn to(log: &EmbeddedCommandLog) -> Self {
        Self(Arc::new(WayState::to(log)))
    }

    /// Nothing is heard on it.
    pub(super) fn deaf(log: &EmbeddedCommandLog) -> Self {
        Self(Arc::new(WayState { deaf: true, ..WayState::to(log) }))
    }

    /// Who asks for a lease has it before the answer is here.
    pub(super) fn slow(log: &EmbeddedCommandLog, answers_after: Duration) -> Self {
        Self(Arc::new(WayState { answers_after, ..WayState::to(log) }))
    }

    pub(super) fn cut(&self, cut: bool) {
        self.0.cut.store(cut, Ordering::SeqCst);
    }

    pub(super) fn lose_answers(&self, lose: bool) {
        self.0.loses_answers.store(lose, Ordering::SeqCst);
    }

    pub(super) fn lead_to(&self, log: &EmbeddedCommandLog) {
        *self.0.to.lock().unwrap() = log.clone();
    }

    fn answer<T>(&self, answer: T) -> Result<T, ControlError> {
        if self.0.loses_answers.load(Ordering::SeqCst) {
            return Err(ControlError::OutcomeUnknown { step: "the answer is lost".to_owned(), source: None });
        }
        Ok(answer)
    }

    fn log(&self) -> Result<EmbeddedCommandLog, ControlError> {
        if self.0.cut.load(Ordering::SeqCst) {
            return Err(ControlError::Unavailable { step: "the way is cut".to_owned(), source: None });
        }
        Ok(self.0.to.lock().unwrap().clone())
    }
}

#[async_trait]
impl CommandInbox for Way {
    async fn acquire(&self, users: &[UserId], holder: &Holder, ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        let taken = self.log()?.acquire(users, holder, ttl).await;
        tokio::time::sleep(self.0.answers_after).await;
        taken
    }

    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        self.log()?.renew(leases, ttl).await
    }

    async fn release(&self, leases: &[Lease]) -> Result<(), ControlError> {
        self.log()?.release(leases).await
    }

    async fn waiting(&self, users: &[UserId]) -> Result<Vec<UserId>, ControlError> {
        self.log()?.waiting(users).await
    }

    async fn next(&self, lease: &Lease) -> Result<Option<Next>, ControlError> {
        self.log()?.next(lease).await
    }

    async fn decide(&self, lease: &Lease, seq: Seq, decision: Decision) -> Result<CommandRecord, ControlError> {
        let record = self.log()?.decide(lease, seq, decision).await?;
        self.answer(record)
    }

    async fn postpone(&self, lease: &Lease, seq: Seq) -> Result<(), ControlError> {
        self.log()?.postpone(lease, seq).await
    }

    async fn states(&self, lease: &Lease) -> Result<(Desired, Option<Observed>), ControlError> {
        self.log()?.states(lease).await
    }

    async fn observe(&self, lease: &Lease, observed: Observed) -> Result<(), ControlError> {
        self.log()?.observe(lease, observed).await
    }

    async fn rebase(&self, user: UserId) -> Result<Desired, ControlError> {
        self.log()?.rebase(user).await
    }

    async fn forget(&self, users: &[UserId]) -> Result<(), ControlError> {
        self.log()?.forget(users).await
    }

    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError> {
        if self.0.deaf {
            return Ok(futures_util::stream::pending().boxed());
        }
        self.log()?.bells(users).await
    }

    async fn close(&self) {}
}

#[async_trait]
impl CommandBus for Way {
    fn capability(&self) -> BusCapability {
        self.0.to.lock().unwrap().capability()
    }

    async fn submit(&self, user: UserId, submission: &Submission) -> Result<CommandRecord, ControlError> {
        let record = self.log()?.submit(user, submission).await?;
        self.answer(record)
    }

    async fn record(&self, user: UserId, id: CommandId) -> Result<Option<CommandStatus>, ControlError> {
        self.log()?.record(user, id).await
    }

    async fn cancel(&self, user: UserId, id: CommandId) -> Result<CommandRecord, ControlError> {
        self.log()?.cancel(user, id).await
    }

    async fn history(&self, user: UserId, query: CommandQuery) -> Result<Vec<CommandStatus>, ControlError> {
        self.log()?.history(user, query).await
    }

    async fn overview(&self, user: UserId) -> Result<Overview, ControlError> {
        self.log()?.overview(user).await
    }

    async fn signals(&self, user: UserId) -> Result<Signals, ControlError> {
        self.log()?.signals(user).await
    }

    async fn close(&self) {}
}
