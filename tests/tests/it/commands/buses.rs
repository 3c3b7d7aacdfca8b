//! The command logs that the tests run on: each test on every one that several processes can use.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::sleep,
    time::Duration,
};

use livermore_tests::{
    Finished, livermore,
    postgres::PASSWORD,
    redis::{Redis, durable},
    run,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    settings_json::json,
    stores::database::{APP, Database, migrated},
};

/// Which kind of log a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Postgres,
    Redis,
}

/// An empty log, gone with this value.
pub(super) enum Bus {
    Folder(TempDir),
    Postgres(Database),
    Redis(Redis),
}

/// Makes a test of each function on every kind of log.
macro_rules! on_every_bus {
    ($($name:ident),+ $(,)?) => {
        mod postgres {
            $(#[test]
            fn $name() {
                if livermore_tests::postgres::shared().is_some() {
                    super::$name($crate::commands::buses::Kind::Postgres);
                }
            })+
        }

        mod redis {
            $(#[test]
            fn $name() {
                super::$name($crate::commands::buses::Kind::Redis);
            })+
        }
    };
}
pub(super) use on_every_bus;

/// The same, and on a folder: for what needs no sender and inbox at the same time.
macro_rules! on_every_log {
    ($($name:ident),+ $(,)?) => {
        $crate::commands::buses::on_every_bus!($($name),+);

        mod folder {
            $(#[test]
            fn $name() {
                super::$name($crate::commands::buses::Kind::Folder);
            })+
        }
    };
}
pub(super) use on_every_log;

impl Kind {
    /// An empty log, or `None` where servers are skipped.
    pub(super) fn fresh(self) -> Option<Bus> {
        match self {
            Self::Folder => Some(Bus::Folder(TempDir::new().unwrap())),
            Self::Postgres => migrated().map(Bus::Postgres),
            Self::Redis => durable().map(Bus::Redis),
        }
    }
}

impl Bus {
    pub(super) fn url(&self) -> String {
        match self {
            Self::Folder(folder) => format!("file:{}", folder.path().join("log").display()),
            Self::Postgres(database) => database.url(APP),
            // A user without a password takes any.
            Self::Redis(server) => format!("redis://default:{PASSWORD}@{}", server.address()),
        }
    }

    /// Runs a command on it.
    pub(super) fn run(&self, arguments: &[&str]) -> Finished {
        without_secrets(run(&[arguments, &["--bus", &self.url()]].concat(), b""))
    }

    /// What a command that succeeds prints.
    #[track_caller]
    pub(super) fn get(&self, arguments: &[&str]) -> String {
        self.run(arguments).success()
    }

    /// The same as JSON.
    #[track_caller]
    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        json(&self.get(&[arguments, &["--json"]].concat()))
    }

    /// Sends a command that nobody decides, and returns its id.
    #[track_caller]
    pub(super) fn recorded(&self, arguments: &[&str]) -> String {
        let sent = self.json(&[arguments, &["--wait", "none"]].concat());
        sent["id"].as_str().unwrap().to_owned()
    }

    /// Starts `livermore inbox` on it.
    pub(super) fn inbox(&self, arguments: &[&str]) -> Inbox {
        self.inbox_with(arguments, &[])
    }

    /// The same with environment variables.
    pub(super) fn inbox_with(&self, arguments: &[&str], environment: &[(&str, String)]) -> Inbox {
        let folder = TempDir::new().unwrap();
        let store = match self {
            // Both may be in one folder.
            Self::Postgres(_) | Self::Folder(_) => self.url(),
            Self::Redis(_) => format!("file:{}", folder.path().join("settings").display()),
        };
        let url = self.url();
        let arguments = [&["--bus", &url, "--store", &store], arguments].concat();
        Inbox::start_with(&arguments, environment, folder, Stdio::null())
    }
}

/// Nothing a command says holds a password.
#[track_caller]
pub(super) fn without_secrets(finished: Finished) -> Finished {
    let all = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!all.contains(PASSWORD) && !all.contains("panicked"), "{all}");
    finished
}

/// A running `livermore inbox`, killed with this value.
pub(super) struct Inbox {
    pub(super) process: Child,
    events: Arc<Mutex<Vec<Value>>>,
    /// Its settings may be in here.
    _folder: TempDir,
}

/// Longest wait for anything: longer than every limit that is tested.
const PATIENCE: Duration = Duration::from_mins(1);

impl Inbox {
    pub(super) fn start(arguments: &[&str], folder: TempDir, stdin: Stdio) -> Self {
        Self::start_with(arguments, &[], folder, stdin)
    }

    fn start_with(arguments: &[&str], environment: &[(&str, String)], folder: TempDir, stdin: Stdio) -> Self {
        let mut command = livermore(&[&["inbox", "--json"], arguments].concat());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let mut process = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let (events, out) = (Arc::new(Mutex::new(Vec::new())), process.stdout.take().unwrap());
        let to = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                to.lock().unwrap().push(json(&line));
            }
        });
        Self { process, events, _folder: folder }
    }

    /// Everything told so far.
    pub(super) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// Waits for an event of this name.
    #[track_caller]
    pub(super) fn told(&self, name: &str) -> Value {
        self.told_that(name, |_| true)
    }

    /// Waits for an event of this name that is as wanted.
    #[track_caller]
    pub(super) fn told_that(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let events = self.events();
            if let Some(event) = events.iter().find(|event| event["event"] == name && wanted(event)) {
                return event.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "waited for {name}: {events:#?}");
            sleep(Duration::from_millis(10));
        }
    }

    /// Sends it a signal: `KILL`, `STOP`, `CONT`, `INT`, `TERM`.
    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end; the exit code.
    pub(super) fn ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "the inbox does not end");
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
