//! A runner on a folder: commands, settings and a data plane that notes what it does. It ends at a moment a test names.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::abort,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use livermore_core::{
    control::{
        Bells, CommandInbox, CommandRecord, ControlError, Decision, Degraded, Desired, EmbeddedCommandLog, Executor,
        ExecutorConfig, ExecutorParts, Holder, Job, JobProgress, Lease, Next, Observed, Phase, Reconciler,
        UserSettingsCommands,
    },
    ids::{Generation, Seq, UserId},
    settings::{FileSettingsStore, FileStoreConfig, SettingsService, UserSettings},
};
use tokio::sync::Notify;

use super::support::{config, holder, now};

/// Ends the process at one moment, if it has one: `before decide 2`, `after decide 2`, or at a step of a write, as in
/// `AppendWritten of decide 2`. The number is that of the command sent last.
#[derive(Debug, Default)]
pub(super) struct Crash {
    moment: Option<String>,
    /// Is told of the moment, and the process goes on.
    told: Option<Arc<Notify>>,
    sent: AtomicU64,
    /// The call under way; there is one at a time.
    doing: Mutex<String>,
    turn: tokio::sync::Mutex<()>,
}

impl Crash {
    pub(super) fn at(moment: Option<String>) -> Arc<Self> {
        Arc::new(Self { moment, ..Self::default() })
    }

    /// Says when the moment has come, and lets the process go on.
    pub(super) fn tell(moment: String, told: &Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { moment: Some(moment), told: Some(Arc::clone(told)), ..Self::default() })
    }

    fn pass(&self, moment: &str) {
        if self.moment.as_deref() == Some(moment) {
            self.told.as_ref().map_or_else(|| abort(), |told| told.notify_one());
        }
    }

    /// One call, with nothing beside it.
    async fn during<T>(&self, call: &str, work: impl Future<Output = T>) -> T {
        let _turn = self.turn.lock().await;
        let call = format!("{call} {}", self.sent.load(Ordering::SeqCst));
        self.pass(&format!("before {call}"));
        self.doing.lock().unwrap().clone_from(&call);
        let answer = work.await;
        self.doing.lock().unwrap().clear();
        self.pass(&format!("after {call}"));
        answer
    }

    /// The sending of command `number`.
    pub(super) async fn sending<T>(&self, number: u64, work: impl Future<Output = T>) -> T {
        let _turn = self.turn.lock().await;
        self.doing.lock().unwrap().clone_from(&format!("submit {number}"));
        self.pass(&format!("before submit {number}"));
        let answer = work.await;
        self.doing.lock().unwrap().clear();
        self.sent.store(number, Ordering::SeqCst);
        answer
    }
}

/// A running runner, and both its stores.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) log: EmbeddedCommandLog,
    pub(super) settings: SettingsService<UserSettings>,
    pub(super) executor: Executor,
}

/// Where the data plane of a runner notes what it does.
pub(super) fn notes(folder: &Path) -> PathBuf {
    folder.join("notes")
}

/// The generations each user's data plane has reached, as noted.
pub(super) fn reached(folder: &Path, user: UserId) -> Vec<(Generation, String)> {
    let text = fs::read_to_string(notes(folder)).unwrap_or_default();
    let of_user = text.lines().filter_map(|line| line.strip_prefix(&format!("{user} "))?.split_once(' '));
    of_user.map(|(number, phase)| (Generation::new(number.parse().unwrap()).unwrap(), phase.to_owned())).collect()
}

/// Short times: a dead process's leases end soon.
pub(super) fn times(holder: Holder, users: Vec<UserId>) -> ExecutorConfig {
    ExecutorConfig {
        poll: Duration::from_millis(50),
        lease: Duration::from_millis(600),
        renew: Duration::from_millis(150),
        margin: Duration::from_millis(100),
        first_retry: Duration::from_millis(20),
        ..ExecutorConfig::new(holder, users)
    }
}

pub(super) async fn start(folder: &Path, users: &[UserId], crash: &Arc<Crash>) -> Runner {
    let (in_log, in_settings) = (Arc::clone(crash), Arc::clone(crash));
    let config = config(folder).with_lock_wait(Duration::from_secs(10)).with_faults(move |step| {
        let doing = in_log.doing.lock().unwrap().clone();
        in_log.pass(&format!("{step:?} of {doing}"));
        Ok(())
    });
    let (log, _) = EmbeddedCommandLog::open(config, now).await.unwrap();
    let config = FileStoreConfig::new(folder).with_lock_wait(Duration::from_secs(10)).with_faults(move |step| {
        let sent = in_settings.sent.load(Ordering::SeqCst);
        in_settings.pass(&format!("{step:?} of settings {sent}"));
        Ok(())
    });
    let (store, _) = FileSettingsStore::open(config).await.unwrap();
    let settings = SettingsService::new(Arc::new(store));
    let parts = ExecutorParts {
        inbox: Arc::new(Watched { log: log.clone(), crash: Arc::clone(crash) }),
        settings: Arc::new(UserSettingsCommands::new(settings.clone())),
        reconciler: Arc::new(Noting { notes: notes(folder), crash: Arc::clone(crash) }),
    };
    // Of this start only: a process id may come again.
    let name = format!("{}:{}", std::process::id(), now().as_millis());
    let executor = Executor::start(parts, times(holder(&name), users.to_vec()), now);
    Runner { log, settings, executor }
}

/// A data plane that is where it should be at once, and notes it.
#[derive(Debug)]
struct Noting {
    notes: PathBuf,
    crash: Arc<Crash>,
}

#[async_trait]
impl Reconciler for Noting {
    async fn converge(&self, lease: &Lease, desired: &Desired) -> Result<(), Degraded> {
        let sent = self.crash.sent.load(Ordering::SeqCst);
        self.crash.pass(&format!("before converge {sent}"));
        let phase: Phase = desired.phase;
        let mut file = OpenOptions::new().create(true).append(true).open(&self.notes).unwrap();
        file.write_all(format!("{} {} {phase}\n", lease.user, desired.generation).as_bytes()).unwrap();
        self.crash.pass(&format!("after converge {sent}"));
        Ok(())
    }

    async fn run_job(&self, _: &Lease, _: &Job, _: &JobProgress) -> Result<(), String> {
        Ok(())
    }

    async fn stop(&self, _: &Lease) {}
}

/// The runner's end of a log, one call at a time.
#[derive(Debug)]
struct Watched {
    log: EmbeddedCommandLog,
    crash: Arc<Crash>,
}

#[async_trait]
impl CommandInbox for Watched {
    async fn acquire(&self, users: &[UserId], holder: &Holder, ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        self.crash.during("acquire", self.log.acquire(users, holder, ttl)).await
    }

    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>, ControlError> {
        self.crash.during("renew", self.log.renew(leases, ttl)).await
    }

    async fn release(&self, leases: &[Lease]) -> Result<(), ControlError> {
        self.crash.during("release", self.log.release(leases)).await
    }

    async fn waiting(&self, users: &[UserId]) -> Result<Vec<UserId>, ControlError> {
        self.crash.during("waiting", self.log.waiting(users)).await
    }

    async fn next(&self, lease: &Lease) -> Result<Option<Next>, ControlError> {
        self.crash.during("next", self.log.next(lease)).await
    }

    async fn decide(&self, lease: &Lease, seq: Seq, decision: Decision) -> Result<CommandRecord, ControlError> {
        self.crash.during("decide", self.log.decide(lease, seq, decision)).await
    }

    async fn postpone(&self, lease: &Lease, seq: Seq) -> Result<(), ControlError> {
        self.crash.during("postpone", self.log.postpone(lease, seq)).await
    }

    async fn states(&self, lease: &Lease) -> Result<(Desired, Option<Observed>), ControlError> {
        self.crash.during("states", self.log.states(lease)).await
    }

    async fn observe(&self, lease: &Lease, observed: Observed) -> Result<(), ControlError> {
        self.crash.during("observe", self.log.observe(lease, observed)).await
    }

    async fn rebase(&self, user: UserId) -> Result<Desired, ControlError> {
        self.log.rebase(user).await
    }

    async fn forget(&self, users: &[UserId]) -> Result<(), ControlError> {
        self.log.forget(users).await
    }

    async fn bells(&self, users: &[UserId]) -> Result<Bells, ControlError> {
        self.log.bells(users).await
    }

    async fn close(&self) {
        CommandInbox::close(&self.log).await;
    }
}
