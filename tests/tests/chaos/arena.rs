use std::{
    fs::File,
    process::{Child, Stdio},
    sync::Arc,
    time::Duration,
};

use livermore_core::{
    control::{CommandBus, CommandInbox, CommandQuery, CommandStatus, ControlPolicy, Holder, Lease},
    ids::UserId,
    settings::{HistoryQuery, SettingsStore},
};
use livermore_pg::{PgCommandLog, PgConfig, PgSettingsStore};
use livermore_redis::{RedisBell, RedisCommandLog, RedisConfig};
use livermore_tests::{
    fault_proxy::FaultProxy,
    livermore,
    postgres::{self, Postgres},
    redis::{self, Redis},
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::oracle::{self, Ledger};

/// Where commands are kept in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Postgres,
    Redis,
    /// PostgreSQL, and Redis rings.
    PostgresAndBell,
}

/// Servers, the faulty ways to them, and two runners.
pub(crate) struct Arena {
    profile: Profile,
    users: Vec<UserId>,
    postgres: Postgres,
    redis: Option<Redis>,
    /// To the command log: of the senders, and of each runner. Where Redis only rings, three more to Redis follow.
    pub(crate) ways: Vec<FaultProxy>,
    runners: [Option<Child>; 2],
    folder: TempDir,
    starts: u32,
}

const DATABASE: &str = "chaos";
const OWNER: &str = "chaos_owner";
const APP: &str = "chaos_app";

impl Arena {
    /// Everything up and running; `None`, loudly, where servers are skipped.
    pub(crate) async fn build(profile: Profile, users: &[UserId]) -> Option<Self> {
        let postgres = postgres::own()?;
        let redis = match profile {
            Profile::Postgres => None,
            Profile::Redis => Some(redis::durable()?),
            // It has nothing to keep.
            Profile::PostgresAndBell => Some(redis::own(&[])?),
        };
        postgres.run("postgres", "CREATE ROLE chaos_owner LOGIN; CREATE ROLE chaos_app LOGIN").await;
        postgres.run("postgres", "CREATE DATABASE chaos OWNER chaos_owner").await;
        let config = PgConfig::from_url(postgres.url(OWNER, DATABASE));
        livermore_pg::migrate(&config, Some(APP)).await.expect("the schema can be made");
        let (log, bell) = match (profile, &redis) {
            (Profile::Redis, Some(redis)) => (redis.address(), None),
            (_, redis) => (postgres.address(), redis.as_ref().map(Redis::address)),
        };
        let mut ways = Vec::new();
        for target in std::iter::once(log).chain(bell).flat_map(|target| [target; 3]) {
            ways.push(FaultProxy::start(target).await.expect("a proxy"));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut arena =
            Self { profile, users: users.to_vec(), postgres, redis, ways, runners: [None, None], folder, starts: 0 };
        arena.start_runner(0);
        arena.start_runner(1);
        Some(arena)
    }

    /// The senders' end of the log.
    pub(crate) async fn bus(&self) -> Arc<dyn CommandBus> {
        self.open(0).await.0
    }

    async fn open(&self, way: usize) -> (Arc<dyn CommandBus>, Arc<dyn CommandInbox>) {
        let (url, policy) = (self.bus_url(way), ControlPolicy::default());
        match self.profile {
            Profile::Postgres | Profile::PostgresAndBell => {
                let mut log = PgCommandLog::connect(&PgConfig::from_url(url), policy).await.expect("the log opens");
                if let Some(bell) = self.bell_url(way) {
                    log = log.with_doorbell(Arc::new(RedisBell::open(&RedisConfig::from_url(bell)).expect("a bell")));
                }
                (Arc::new(log.clone()), Arc::new(log))
            }
            Profile::Redis => {
                let log = RedisCommandLog::open(&RedisConfig::from_url(url), policy).await.expect("the log opens");
                (Arc::new(log.clone()), Arc::new(log))
            }
        }
    }

    fn bus_url(&self, way: usize) -> String {
        let address = self.ways[way].address();
        match self.profile {
            Profile::Postgres | Profile::PostgresAndBell => self.postgres.url_through(address, APP, DATABASE),
            Profile::Redis => redis::url(address),
        }
    }

    fn bell_url(&self, way: usize) -> Option<String> {
        (self.profile == Profile::PostgresAndBell).then(|| redis::url(self.ways[way + 3].address()))
    }

    /// The settings have no proxy of their own: with PostgreSQL as the log they break together with it.
    fn store_url(&self, way: usize) -> String {
        match self.profile {
            Profile::Postgres | Profile::PostgresAndBell => self.bus_url(way),
            Profile::Redis => self.postgres.url(APP, DATABASE),
        }
    }

    pub(crate) fn start_runner(&mut self, number: usize) {
        self.kill_runner(number);
        self.starts += 1;
        let users = self.users.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let holder = format!("chaos-{number}-{}", self.starts);
        let log = File::create(self.folder.path().join(format!("{holder}.log"))).expect("a file");
        let arguments = ["inbox", "--user", &users, "--holder", &holder, "--plane-delay", "20ms", "--json"];
        let mut command = livermore(&arguments);
        command.args(["--bus", &self.bus_url(number + 1), "--store", &self.store_url(number + 1)]);
        if let Some(bell) = self.bell_url(number + 1) {
            command.args(["--bell", &bell]);
        }
        command.stdout(log.try_clone().expect("a file")).stderr(log).stdin(Stdio::null());
        self.runners[number] = Some(command.spawn().expect("the runner starts"));
    }

    /// A kill -9.
    pub(crate) fn kill_runner(&mut self, number: usize) {
        if let Some(mut runner) = self.runners[number].take() {
            let _ = runner.kill();
            let _ = runner.wait();
        }
    }

    pub(crate) fn signal_runner(&self, number: usize, signal: rustix::process::Signal) {
        let id = self.runners[number].as_ref().map(Child::id).and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(id, signal);
        }
    }

    /// A kill -9 of the server that holds the log, and a new start on what it left behind; of two servers, as told.
    pub(crate) fn kill_server(&self, the_bell: bool) {
        match self.profile {
            Profile::Redis => self.kill_redis(),
            Profile::PostgresAndBell if the_bell => self.kill_redis(),
            Profile::Postgres | Profile::PostgresAndBell => self.kill_postgres(),
        }
    }

    pub(crate) fn kill_redis(&self) {
        if let Some(redis) = &self.redis {
            redis.kill();
            redis.restart();
        }
    }

    pub(crate) fn kill_postgres(&self) {
        self.stop_postgres();
        self.start_postgres();
    }

    pub(crate) fn stop_postgres(&self) {
        self.postgres.kill();
    }

    pub(crate) fn start_postgres(&self) {
        self.postgres.restart();
    }

    /// Waits until nobody decides any more, and reads everything there is.
    pub(crate) async fn close(mut self) -> (Vec<Ledger>, Logs) {
        let (bus, inbox) = self.open(0).await;
        let mut running = Vec::new();
        for user in &self.users {
            running.push(when_done(&*bus, *user).await);
        }
        // Asked to stop, runners write down what they have reached and give their leases back.
        for number in 0..2 {
            self.signal_runner(number, rustix::process::Signal::TERM);
        }
        for mut runner in self.runners.iter_mut().filter_map(Option::take) {
            let _ = runner.wait();
        }
        let store: Arc<dyn SettingsStore> = Arc::new(
            PgSettingsStore::connect(&PgConfig::from_url(self.postgres.url(APP, DATABASE))).await.expect("settings"),
        );
        let mut ledgers = Vec::new();
        for (user, running) in self.users.iter().zip(running) {
            let commands = history(&*bus, *user).await;
            // Read before a lease is taken: that would begin an epoch in which nothing was observed.
            let lease = lease(&*inbox, *user).await;
            let (desired, observed) = inbox.states(&lease).await.expect("the states");
            let mut settings =
                store.history(*user, HistoryQuery::newest(100_000)).await.expect("the settings' history");
            settings.reverse();
            ledgers.push(Ledger { user: *user, commands, running, desired, observed, settings });
        }
        (ledgers, Logs(std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"))))
    }
}

/// What the runners have said, for when something is wrong.
pub(crate) struct Logs(TempDir);

impl Logs {
    /// Leaves the files where they are, and says where.
    pub(crate) fn keep(self) -> String {
        self.0.keep().display().to_string()
    }

    /// The name of each runner, and its words.
    pub(crate) fn read(&self) -> Vec<(String, String)> {
        let files = std::fs::read_dir(self.0.path()).expect("the folder").map(|file| file.expect("a file"));
        let read = |path| std::fs::read_to_string(path).expect("a file of text");
        files.map(|file| (file.file_name().to_string_lossy().into_owned(), read(file.path()))).collect()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.kill_runner(0);
        self.kill_runner(1);
    }
}

/// Every command, oldest first.
async fn history(bus: &dyn CommandBus, user: UserId) -> Vec<CommandStatus> {
    let mut commands = bus.history(user, CommandQuery::newest(100_000)).await.expect("the history");
    commands.reverse();
    commands
}

/// The same as soon as all of them are effective, or when that takes too long. A runner has to be there: one that has just
/// taken over has reported nothing.
async fn when_done(bus: &dyn CommandBus, user: UserId) -> Vec<CommandStatus> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let commands = history(bus, user).await;
        if oracle::first_pending(&commands).is_none() || Instant::now() > deadline {
            return commands;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn lease(inbox: &dyn CommandInbox, user: UserId) -> Lease {
    let holder = Holder::new("chaos-oracle").expect("a holder");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let taken = inbox.acquire(&[user], &holder, Duration::from_secs(10)).await.expect("a lease");
        if let Some(lease) = taken.into_iter().next() {
            return lease;
        }
        assert!(Instant::now() < deadline, "somebody holds on to the lease of {user}");
        sleep(Duration::from_millis(200)).await;
    }
}
