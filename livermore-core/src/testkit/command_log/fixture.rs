use std::{any::Any, fmt, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture};
use tokio::time::{sleep, timeout};

use super::material::{SHORT, holder, id, resume, user};
use crate::{
    control::{
        Bell, Bells, Case, CommandBus, CommandInbox, CommandQuery, CommandRecord, CommandStatus, ControlError,
        ControlPolicy, Decision, Desired, Holder, JobReport, Lease, Next, Observed, Overview, SettingsAnswer, Signal,
        Signals, Step, Submission, decide,
    },
    ids::{CommandId, Seq, Timestamp},
};

/// Both ends of one log.
pub type LogEnds = (Arc<dyn CommandBus>, Arc<dyn CommandInbox>);

/// Opens the log under test once more.
pub type ReopenLog = Box<dyn Fn() -> BoxFuture<'static, LogEnds> + Send + Sync>;

/// Lets time pass.
pub type PassTime = Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// A command log under test, and what a clause must know of it.
#[non_exhaustive]
pub struct CommandLogFixture {
    /// The senders' end of a log that is newly made and empty.
    pub bus: Arc<dyn CommandBus>,
    /// The runners' end of the same log.
    pub inbox: Arc<dyn CommandInbox>,
    /// What the log was made with: the policy the clause has asked for.
    pub policy: ControlPolicy,
    /// Opens both ends of the same log again, as another process would. A durable log must have it. While the first ends
    /// are open it is called only if the bus says it is shared.
    pub reopen: Option<ReopenLog>,
    /// How time passes, for tokio and for the log. By default tokio's time, which may be paused.
    pub pass: PassTime,
    /// Longest wait for one answer or event.
    pub patience: Duration,
    /// What must live as long as the log, for example the server behind it.
    pub guard: Option<Box<dyn Any + Send>>,
}

impl CommandLogFixture {
    /// A fixture of a log made with `policy`, that waits 60 seconds at most.
    pub fn new(bus: Arc<dyn CommandBus>, inbox: Arc<dyn CommandInbox>, policy: ControlPolicy) -> Self {
        let pass: PassTime = Box::new(|time| Box::pin(sleep(time)));
        Self { bus, inbox, policy, reopen: None, pass, patience: Duration::from_mins(1), guard: None }
    }

    /// What most clauses ask for: few open commands, so that the limit is soon reached.
    pub fn small_policy() -> ControlPolicy {
        ControlPolicy { max_open: 8, ..ControlPolicy::default() }
    }

    /// What the clause on forgetting payloads asks for: they are old soon, outcomes are not.
    pub fn payload_forgetting_policy() -> ControlPolicy {
        ControlPolicy { keep: SHORT, keep_outcome: Duration::from_hours(1), ..Self::small_policy() }
    }

    /// What the clause on forgetting outcomes asks for: everything is old soon.
    pub fn outcome_forgetting_policy() -> ControlPolicy {
        ControlPolicy { keep: SHORT, keep_outcome: SHORT, ..Self::small_policy() }
    }

    /// The same fixture with a way to open the log again.
    pub fn with_reopen<F>(mut self, reopen: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = LogEnds> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || Box::pin(reopen())));
        self
    }

    /// The same fixture with another way to let time pass.
    pub fn with_pass<F>(mut self, pass: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.pass = Box::new(move |time| Box::pin(pass(time)));
        self
    }

    /// The same fixture with another longest wait.
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same fixture, holding on to `guard`.
    pub fn with_guard(mut self, guard: impl Any + Send) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// Bounds a wait; `what` says for what.
    pub(super) async fn within<T>(&self, what: &str, wait: impl Future<Output = T>) -> T {
        let patience = self.patience;
        timeout(patience, wait).await.unwrap_or_else(|_| panic!("{what} took over {patience:?}"))
    }

    /// Bounds a call that has to succeed.
    pub(super) async fn ok<T>(&self, what: &str, call: impl Future<Output = Result<T, ControlError>>) -> T {
        self.within(what, call).await.unwrap_or_else(|error| panic!("{what} failed: {error}"))
    }

    /// The time by the log's clock, told by when a command was recorded. It is the command of a user no clause uses.
    pub(super) async fn now(&self) -> Timestamp {
        static CALLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let number = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let probe = resume(id(1_000_000 + number));
        let record = self.ok("submit", self.bus.submit(user(9_999), &probe)).await;
        self.ok("cancel", self.bus.cancel(user(9_999), probe.id())).await;
        record.submitted_at
    }

    /// Waits until the log's clock has passed `time`.
    pub(super) async fn pass_until_after(&self, time: Timestamp) {
        let passes = async {
            loop {
                let left = time.millis_since(self.now().await);
                if left < 0 {
                    return;
                }
                (self.pass)(Duration::from_millis(left.unsigned_abs() + 1)).await;
            }
        };
        self.within("the passing of time", passes).await;
    }

    /// Waits until `time` has passed by the log's clock.
    pub(super) async fn pass_time(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).expect("times of the suite are short");
        let until = self.now().await.checked_add_millis(millis).expect("times of the suite are short");
        self.pass_until_after(until).await;
    }

    pub(super) async fn try_submit(&self, of: u64, submission: &Submission) -> Result<CommandRecord, ControlError> {
        self.within("submit", self.bus.submit(user(of), submission)).await
    }

    pub(super) async fn submit(&self, of: u64, submission: &Submission) -> CommandRecord {
        let (kind, id) = (submission.kind(), submission.id());
        let answer = self.try_submit(of, submission).await;
        answer.unwrap_or_else(|error| panic!("{kind} {id} of user {of} was refused: {error}"))
    }

    pub(super) async fn record(&self, of: u64, id: CommandId) -> Option<CommandStatus> {
        self.ok("record", self.bus.record(user(of), id)).await
    }

    /// What is recorded of a command that was submitted.
    pub(super) async fn recorded(&self, of: u64, id: CommandId) -> CommandStatus {
        self.record(of, id).await.unwrap_or_else(|| panic!("command {id} of user {of} is recorded, and is not found"))
    }

    pub(super) async fn cancel(&self, of: u64, id: CommandId) -> CommandRecord {
        self.ok("cancel", self.bus.cancel(user(of), id)).await
    }

    pub(super) async fn history(&self, of: u64, query: CommandQuery) -> Vec<CommandStatus> {
        self.ok("history", self.bus.history(user(of), query)).await
    }

    pub(super) async fn overview(&self, of: u64) -> Overview {
        self.ok("overview", self.bus.overview(user(of))).await
    }

    pub(super) async fn signals(&self, of: u64) -> Signals {
        self.ok("signals", self.bus.signals(user(of))).await
    }

    /// Reads signals until one satisfies `wanted`; `Missed` says nothing for sure, and is passed over.
    pub(super) async fn signal(&self, signals: &mut Signals, wanted: impl Fn(Signal) -> bool) -> Vec<Signal> {
        let mut read = Vec::new();
        loop {
            let next = self.within("a signal", signals.next()).await;
            let next = next.unwrap_or_else(|| panic!("the signals ended by themselves after {read:?}"));
            read.push(next);
            if wanted(next) {
                return read;
            }
        }
    }

    pub(super) async fn bells(&self, of: &[u64]) -> Bells {
        let users: Vec<_> = of.iter().copied().map(user).collect();
        self.ok("bells", self.inbox.bells(&users)).await
    }

    /// Reads bells until this user's rings; returns the users it rang for.
    pub(super) async fn bell(&self, bells: &mut Bells, of: u64) -> Vec<u64> {
        let mut rang = Vec::new();
        loop {
            let next = self.within("a bell", bells.next()).await;
            match next.unwrap_or_else(|| panic!("the bells ended by themselves after {rang:?}")) {
                Bell::Missed => {}
                Bell::Rang(user) => {
                    rang.push(user.get());
                    if user.get() == of {
                        return rang;
                    }
                }
            }
        }
    }

    /// Takes a user's lease for a minute, if nobody holds it.
    pub(super) async fn try_acquire(&self, of: u64, holder: &Holder) -> Option<Lease> {
        self.acquire_for(of, holder, Duration::from_mins(1)).await
    }

    pub(super) async fn acquire_for(&self, of: u64, holder: &Holder, ttl: Duration) -> Option<Lease> {
        let leases = self.ok("acquire", self.inbox.acquire(&[user(of)], holder, ttl)).await;
        assert!(leases.len() <= 1, "acquiring one lease gave {leases:?}");
        let lease = leases.into_iter().next()?;
        assert_eq!((lease.user, &lease.holder), (user(of), holder), "the lease that was given");
        Some(lease)
    }

    /// Takes the lease of a user nobody holds.
    pub(super) async fn acquire(&self, of: u64, holder: &Holder) -> Lease {
        let lease = self.try_acquire(of, holder).await;
        lease.unwrap_or_else(|| panic!("nobody holds user {of}, and {holder} was not given the lease"))
    }

    pub(super) async fn release(&self, lease: &Lease) {
        self.ok("release", self.inbox.release(std::slice::from_ref(lease))).await;
    }

    /// Another runner takes over from the holder of `lease`.
    pub(super) async fn acquire_after(&self, lease: &Lease, name: &str) -> Lease {
        self.release(lease).await;
        self.acquire(lease.user.get(), &holder(name)).await
    }

    pub(super) async fn try_next(&self, lease: &Lease) -> Option<Next> {
        self.ok("next", self.inbox.next(lease)).await
    }

    /// Begins to decide a command that waits.
    pub(super) async fn next(&self, lease: &Lease) -> Next {
        self.try_next(lease).await.unwrap_or_else(|| panic!("a command of user {} waits; next gave none", lease.user))
    }

    pub(super) async fn decide(&self, lease: &Lease, seq: Seq, decision: Decision) -> CommandRecord {
        self.ok("decide", self.inbox.decide(lease, seq, decision)).await
    }

    /// Decides the oldest command as a runner does. Every change of the settings makes the next revision.
    pub(super) async fn decide_next(&self, lease: &Lease) -> CommandRecord {
        let next = self.next(lease).await;
        self.decide(lease, next.record.seq, decision(&next)).await
    }

    pub(super) async fn postpone(&self, lease: &Lease, seq: Seq) {
        self.ok("postpone", self.inbox.postpone(lease, seq)).await;
    }

    pub(super) async fn states(&self, lease: &Lease) -> (Desired, Option<Observed>) {
        self.ok("states", self.inbox.states(lease)).await
    }

    pub(super) async fn observe(&self, lease: &Lease, observed: Observed) {
        self.ok("observe", self.inbox.observe(lease, observed)).await;
    }

    /// The same log through other ends, or `None` where that is not part of its promise.
    pub(super) async fn reopened(&self) -> Option<LogEnds> {
        let durable = self.bus.capability().durable;
        assert!(!durable || self.reopen.is_some(), "the log says it is durable: give the fixture a way to reopen it");
        match &self.reopen {
            Some(reopen) => Some(self.within("reopen", reopen()).await),
            None => None,
        }
    }

    /// Closes both ends and opens them again, if the log is durable; whether it was.
    pub(super) async fn restart(&mut self) -> bool {
        if !self.bus.capability().durable {
            return false;
        }
        self.within("close", self.bus.close()).await;
        self.within("close", self.inbox.close()).await;
        let Some((bus, inbox)) = self.reopened().await else { return false };
        (self.bus, self.inbox) = (bus, inbox);
        true
    }
}

/// The same report with these jobs.
pub(super) fn with_jobs(observed: Observed, jobs: Vec<JobReport>) -> Observed {
    Observed { jobs, ..observed }
}

/// What a runner decides about a command, if the settings save every change.
pub(super) fn decision(next: &Next) -> Decision {
    let revision = next.desired.settings_revision.next().expect("revisions of the suite are small");
    let saved = SettingsAnswer::At { revision, changed: true };
    let Next { record, desired, observed, now } = next;
    let case = Case { record, desired, observed: observed.as_ref(), now: *now, max_attempts: u32::MAX / 2 };
    match decide(case, None) {
        Step::Decided(decision) => decision,
        Step::AskSettings { .. } => match decide(case, Some(&saved)) {
            Step::Decided(decision) => decision,
            Step::AskSettings { .. } => panic!("{:?} asked the settings twice", record.kind),
        },
    }
}

impl fmt::Debug for CommandLogFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bus, inbox, policy, .. } = self;
        f.debug_struct("CommandLogFixture")
            .field("bus", bus)
            .field("inbox", inbox)
            .field("policy", policy)
            .finish_non_exhaustive()
    }
}
