//! PostgreSQL servers for tests: started here, in a folder of their own, on a free port; gone with the test process,
//! however that ends.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{LazyLock, Mutex, PoisonError},
    thread::sleep,
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    folder: PathBuf,
    binaries: PathBuf,
    durable: bool,
    keeper: Mutex<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    process: Child,
    orders: ChildStdin,
}

/// The server of this test binary, started by the first test that asks.
///
/// `None`, loudly, where `LIVERMORE_SKIP_SERVERS=1` says to go without; otherwise a missing server is a failure that says
/// what to install.
pub fn shared() -> Option<&'static Postgres> {
    static SHARED: LazyLock<Postgres> = LazyLock::new(|| Postgres::start_from(&binaries(), false));
    wanted().then(|| &*SHARED)
}

/// A server that the test has for itself, to kill or to freeze.
pub fn own() -> Option<Postgres> {
    wanted().then(|| Postgres::start_from(&binaries(), false))
}

/// The same with every commit on disk before it is answered: for measuring.
pub fn own_durable() -> Option<Postgres> {
    wanted().then(|| Postgres::start_from(&binaries(), true))
}

fn wanted() -> bool {
    let skipped = env::var_os("LIVERMORE_SKIP_SERVERS").is_some_and(|value| value == "1");
    if skipped {
        crate::skipped("no PostgreSQL, because LIVERMORE_SKIP_SERVERS=1");
    }
    !skipped
}

impl Postgres {
    fn start_from(binaries: &Path, durable: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("livermore-pg-").tempdir().unwrap_or_else(fail("a folder")).keep();
        if let Some((user, group)) = drop_root() {
            std::os::unix::fs::chown(&folder, Some(user), Some(group)).unwrap_or_else(fail("the folder's owner"));
        }
        let mut initdb = as_user(&binaries.join("initdb"));
        initdb.arg("--pgdata").arg(folder.join("data"));
        initdb.args(["--username=postgres", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"]);
        let made = initdb.current_dir(&folder).output().unwrap_or_else(fail("initdb"));
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let rules = "host all livermore_locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n";
        fs::write(folder.join("data/pg_hba.conf"), rules).unwrap_or_else(fail("pg_hba.conf"));
        for _ in 0..3 {
            let port = free_port();
            if let Some(keeper) = launch(binaries, &folder, port, durable) {
                let keeper = Mutex::new(keeper);
                return Self { port, folder, binaries: binaries.to_owned(), durable, keeper };
            }
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL does not start; its log:\n{log}");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// A URL for one of its databases. The password is not asked for, except from `livermore_locked`.
    pub fn url(&self, user: &str, database: &str) -> String {
        self.url_through(self.address(), user, database)
    }

    /// The same through a proxy.
    #[allow(clippy::unused_self, reason = "reads as what it is: a URL of this server")]
    pub fn url_through(&self, address: SocketAddr, user: &str, database: &str) -> String {
        format!("postgres://{user}:{PASSWORD}@{address}/{database}")
    }

    /// A connection as superuser.
    pub async fn admin(&self, database: &str) -> PgConnection {
        PgConnection::connect(&self.url("postgres", database)).await.unwrap_or_else(fail("a connection"))
    }

    /// Runs SQL as superuser.
    pub async fn run(&self, database: &str, sql: &str) {
        let mut admin = self.admin(database).await;
        if let Err(error) = admin.execute(AssertSqlSafe(sql)).await {
            panic!("{sql}: {error}");
        }
        let _ = admin.close().await;
    }

    /// Sends a signal to the server's main process: `KILL`, `STOP`, `CONT`, `INT`.
    pub fn signal(&self, signal: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(keeper.orders, "{signal}").unwrap_or_else(fail("the server's keeper"));
    }

    /// Kills it without warning, and returns when it is gone.
    pub fn kill(&self) {
        self.signal("KILL");
        self.until_dead();
    }

    /// A signal goes through the keeper: until it has arrived, the old server could be taken for a new one.
    fn until_dead(&self) {
        // 10 s.
        for _ in 0..2_000 {
            if TcpStream::connect(self.address()).is_err() {
                return;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("PostgreSQL does not die");
    }

    /// Starts it again on the same port, after it was killed; waits for its death.
    pub fn restart(&self) {
        self.until_dead();
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        // Its backends notice the death one by one, and the new server waits for the last.
        for _ in 0..100 {
            if let Some(again) = launch(&self.binaries, &self.folder, self.port, self.durable) {
                let mut before = std::mem::replace(&mut *keeper, again);
                let _ = writeln!(before.orders, "leave");
                let _ = before.process.wait();
                return;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("PostgreSQL does not start again; its log:\n{}", self.log());
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

/// The password in every URL; nothing may ever print it.
pub const PASSWORD: &str = "canary-password";

/// Starts the server under a shell that ends it and removes its folder when this process is gone: the shell's input
/// closes then, even after a kill -9.
fn launch(binaries: &Path, folder: &Path, port: u16, durable: bool) -> Option<Keeper> {
    let mut script = String::from("trap '' INT TERM HUP\n");
    let server = as_user(&binaries.join("postgres"));
    let _ = write!(script, "'{}'", server.get_program().to_string_lossy());
    for argument in server.get_args() {
        let _ = write!(script, " '{}'", argument.to_string_lossy());
    }
    let settings = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        format!("fsync={}", if durable { "on" } else { "off" }),
        format!("full_page_writes={}", if durable { "on" } else { "off" }),
        "max_connections=200".to_owned(),
        "shared_buffers=32MB".to_owned(),
        "autovacuum=off".to_owned(),
        "log_min_messages=warning".to_owned(),
    ];
    let _ = write!(script, " -D '{}'", folder.join("data").display());
    for setting in settings {
        let _ = write!(script, " -c '{setting}'");
    }
    let _ = write!(
        script,
        " </dev/null >'{0}/log' 2>&1 &\npid=$!\n\
         while read -r order; do\n\
         [ \"$order\" = leave ] && exit\n\
         kill -\"$order\" $pid\n\
         [ \"$order\" = KILL ] && wait $pid\n\
         done\n\
         kill -CONT $pid; kill -QUIT $pid; wait $pid; rm -rf '{0}'\n",
        folder.display()
    );
    let _ = fs::remove_file(folder.join("log"));
    let mut process = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(fail("sh"));
    let Some(orders) = process.stdin.take() else { panic!("the shell has no input") };
    let mut keeper = Keeper { process, orders };
    for _ in 0..750 {
        if ready(folder) && TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(keeper);
        }
        if failed(folder) {
            break;
        }
        sleep(Duration::from_millis(20));
    }
    let _ = writeln!(keeper.orders, "KILL\nleave");
    let _ = keeper.process.wait();
    None
}

/// Whether the server says in its lock file that it takes connections.
fn ready(folder: &Path) -> bool {
    let lock = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    lock.lines().nth(7).is_some_and(|line| line.trim() == "ready")
}

fn failed(folder: &Path) -> bool {
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    let tail = log.lines().rev().take(3).collect::<String>();
    tail.contains("could not create any TCP/IP sockets") || tail.contains("lock file") || tail.contains("shared memory")
}

/// The folder of `initdb` and `postgres`. Panics with advice where there is none.
fn binaries() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    if let Ok(entries) = fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = entries.flatten().map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let found = folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    let Some(folder) = found else {
        panic!(
            "PostgreSQL is not installed (initdb and postgres are not in PATH, /usr/lib/postgresql/*/bin or `pg_config \
             --bindir`).\nInstall it, or set LIVERMORE_SKIP_SERVERS=1 to go without these tests:\n    Debian, Ubuntu:  \
             sudo apt-get install postgresql\n    Fedora:          sudo dnf install postgresql-server\n    macOS:           \
             brew install postgresql"
        )
    };
    // The binaries find their other files beside themselves, also through a link.
    let real = fs::canonicalize(folder.join("postgres")).ok();
    real.and_then(|file| file.parent().map(Path::to_owned)).unwrap_or(folder)
}

/// User and group to run the server as, where this is root: the server refuses to be root.
fn drop_root() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap_or_else(fail("id"));
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let postgres = id(&["-u", "postgres"]).zip(id(&["-g", "postgres"]));
    assert!(
        postgres.is_some(),
        "PostgreSQL does not run as root, and there is no user `postgres` to run it as: useradd postgres"
    );
    postgres
}

fn as_user(program: &Path) -> Command {
    let Some((user, group)) = drop_root() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups").arg(program);
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap_or_else(fail("a free port"));
    listener.local_addr().unwrap_or_else(fail("a free port")).port()
}

fn fail<E: std::fmt::Display, T>(what: &str) -> impl FnOnce(E) -> T + '_ {
    move |error| panic!("{what}: {error}")
}
