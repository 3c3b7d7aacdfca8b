//! The stores that the tests of `livermore settings` run on: each test on every one.

use livermore_tests::{Finished, livermore, run};
use tempfile::TempDir;

/// Which kind of store a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    #[cfg(unix)]
    Postgres,
}

/// An empty store, gone with this value.
pub(crate) enum Store {
    Folder(TempDir),
    #[cfg(unix)]
    Postgres(database::Database),
}

impl Kind {
    /// An empty store, or `None` where servers are skipped.
    pub(crate) fn fresh(self) -> Option<Store> {
        match self {
            Self::Folder => Some(Store::Folder(TempDir::new().unwrap())),
            #[cfg(unix)]
            Self::Postgres => database::migrated().map(Store::Postgres),
        }
    }
}

impl Store {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Folder(folder) => format!("file:{}", folder.path().display()),
            #[cfg(unix)]
            Self::Postgres(database) => database.url(database::APP),
        }
    }

    /// Runs `livermore settings` on it.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Finished {
        run(&[&["settings", "--store", &self.url()], arguments].concat(), input.as_bytes())
    }

    /// The same with environment variables, and without input.
    pub(crate) fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Finished {
        let mut command = livermore(&[&["settings", "--store", &self.url()], arguments].concat());
        Finished::of(&command.envs(environment.iter().copied()).output().unwrap())
    }

    /// Runs `livermore doctor` on it, with environment variables.
    pub(crate) fn doctor(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Finished {
        let mut command = livermore(&[&["doctor", "--store", &self.url()], arguments].concat());
        Finished::of(&command.envs(environment.iter().copied()).output().unwrap())
    }

    pub(crate) fn get(&self, arguments: &[&str]) -> String {
        self.run(arguments, "").success().trim().to_owned()
    }
}

/// Waits for a state, for at most 20 s.
#[cfg(unix)]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = tokio::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "waited for: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Makes a test of each function on every kind of store.
macro_rules! on_every_store {
    ($($name:ident),+ $(,)?) => {
        mod folder {
            $(#[test]
            fn $name() {
                super::$name($crate::stores::Kind::Folder);
            })+
        }

        #[cfg(unix)]
        mod postgres {
            $(#[test]
            fn $name() {
                if livermore_tests::postgres::shared().is_some() {
                    super::$name($crate::stores::Kind::Postgres);
                }
            })+
        }
    };
}
pub(crate) use on_every_store;

#[cfg(unix)]
pub(crate) mod database {
    use std::sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    };

    use livermore_tests::{
        postgres::{Postgres, shared},
        run,
    };

    pub(crate) const OWNER: &str = "livermore_owner";
    pub(crate) const APP: &str = "livermore_app";
    const TEMPLATE: &str = "livermore_template";

    /// A database of its own, dropped with this value.
    pub(crate) struct Database {
        pub(crate) server: &'static Postgres,
        name: String,
    }

    /// A database copied from one that the command has migrated.
    pub(crate) fn migrated() -> Option<Database> {
        static READY: LazyLock<()> = LazyLock::new(|| {
            let Some(server) = with_roles() else { return };
            block_on(server.run("postgres", &format!("CREATE DATABASE {TEMPLATE} OWNER {OWNER}")));
            run(&["store", "migrate", "--store", &server.url(OWNER, TEMPLATE), "--grant", APP], b"").success();
        });
        let server = with_roles()?;
        LazyLock::force(&READY);
        Some(create(server, &format!("TEMPLATE {TEMPLATE} OWNER {OWNER}")))
    }

    /// An empty database of the owner role.
    pub(crate) fn empty() -> Option<Database> {
        with_roles().map(|server| create(server, &format!("OWNER {OWNER}")))
    }

    fn with_roles() -> Option<&'static Postgres> {
        static ROLES: LazyLock<Option<&'static Postgres>> = LazyLock::new(|| {
            let server = shared()?;
            block_on(server.run("postgres", &format!("CREATE ROLE {OWNER} LOGIN; CREATE ROLE {APP} LOGIN")));
            Some(server)
        });
        *ROLES
    }

    fn create(server: &'static Postgres, how: &str) -> Database {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // A template can be copied by one at a time.
        static ONE: Mutex<()> = Mutex::new(());
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        block_on(server.run("postgres", &format!("CREATE DATABASE {name} {how}")));
        Database { server, name }
    }

    impl Database {
        pub(crate) fn url(&self, role: &str) -> String {
            self.server.url(role, &self.name)
        }

        /// Runs SQL as superuser.
        pub(crate) fn run(&self, sql: &str) {
            block_on(self.server.run(&self.name, sql));
        }
    }

    impl Drop for Database {
        fn drop(&mut self) {
            block_on(self.server.run("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name)));
        }
    }

    pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }
}
