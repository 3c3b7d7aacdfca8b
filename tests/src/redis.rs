//! Redis servers for tests: started here, in a folder of their own, on a free port; gone with the test process, however
//! that ends.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread::sleep,
    time::Duration,
};

/// A running server.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    folder: PathBuf,
    binary: PathBuf,
    settings: Vec<String>,
    keeper: Mutex<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    process: Child,
    orders: ChildStdin,
}

/// Three masters that share the keys.
#[derive(Debug)]
pub struct Cluster {
    /// The servers.
    pub nodes: Vec<Redis>,
}

/// A server as a command log needs it: with an append-only file, without eviction.
///
/// `None` where Redis is not installed and `LIVERMORE_SKIP_SERVERS=1` says that this is all right; otherwise a missing
/// server is a failure that says what to install.
pub fn durable() -> Option<Redis> {
    own(&["appendonly yes", "maxmemory-policy noeviction"])
}

/// A server with these lines in its configuration, and otherwise as it comes: it keeps nothing.
pub fn own(settings: &[&str]) -> Option<Redis> {
    let binary = binary()?;
    let settings: Vec<String> = settings.iter().map(|&line| line.to_owned()).collect();
    Some(Redis::start(&binary, settings))
}

/// A cluster of three durable masters.
pub fn cluster() -> Option<Cluster> {
    let binary = binary()?;
    // A test that is lost in waiting is worse than one that starts over: ports may be taken between the look and the use.
    for _ in 0..3 {
        if let Some(cluster) = Cluster::start(&binary) {
            return Some(cluster);
        }
    }
    panic!("no cluster of Redis servers could be formed");
}

impl Redis {
    fn start(binary: &Path, settings: Vec<String>) -> Self {
        let mut log = String::new();
        for _ in 0..5 {
            let folder = tempfile::Builder::new().prefix("livermore-redis-").tempdir().unwrap_or_else(fail("a folder"));
            let folder = folder.keep();
            let port = free_port(&settings);
            if let Some(keeper) = launch(binary, &folder, port, &settings) {
                return Self { port, folder, binary: binary.to_owned(), settings, keeper: Mutex::new(keeper) };
            }
            log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            let _ = fs::remove_dir_all(&folder);
        }
        panic!("redis-server does not start; its log:\n{log}");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// A URL for it.
    pub fn url(&self) -> String {
        url(self.address())
    }

    /// Runs one command, and returns the answer as one text: the parts of a list one per line, an error with a `-`.
    pub fn run(&self, command: &[&str]) -> String {
        self.try_run(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// The same; the error when the server does not answer.
    pub fn try_run(&self, command: &[&str]) -> std::io::Result<String> {
        let stream = self.connect()?;
        (&stream).write_all(request(command).as_bytes())?;
        read_answer(&mut BufReader::new(&stream))
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address(), Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(stream)
    }

    /// The same as somebody who has logged in.
    pub fn run_as(&self, user: &str, password: &str, command: &[&str]) -> String {
        let stream = self.connect().unwrap_or_else(fail("a connection"));
        let mut answers = BufReader::new(&stream);
        for words in [&["AUTH", user, password], command] {
            (&stream).write_all(request(words).as_bytes()).unwrap_or_else(fail("a command"));
            let answer = read_answer(&mut answers).unwrap_or_else(fail("an answer"));
            if answer != "OK" {
                return answer;
            }
        }
        "OK".to_owned()
    }

    /// Listens to a channel; when this returns, nothing is missed any more.
    pub fn subscribe(&self, channel: &str) -> Subscriber {
        let stream = self.connect().unwrap_or_else(fail("a connection"));
        (&stream).write_all(request(&["SUBSCRIBE", channel]).as_bytes()).unwrap_or_else(fail("SUBSCRIBE"));
        let mut answers = BufReader::new(stream);
        let confirmed = read_answer(&mut answers).unwrap_or_else(fail("the answer to SUBSCRIBE"));
        assert_eq!(confirmed, format!("subscribe\n{channel}\n1"));
        Subscriber { answers }
    }

    /// A number out of `INFO`.
    pub fn info(&self, field: &str) -> u64 {
        let info = self.run(&["INFO", "everything"]);
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {field} in INFO"))
    }

    /// How many clients have a name that begins like this.
    pub fn clients(&self, name: &str) -> usize {
        self.run(&["CLIENT", "LIST"]).lines().filter(|line| line.contains(&format!(" name={name}"))).count()
    }

    /// Sends a signal to the server: `KILL`, `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, signal: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(keeper.orders, "{signal}").unwrap_or_else(fail("the server's keeper"));
    }

    /// Kills it without warning, and returns when it is gone.
    pub fn kill(&self) {
        self.signal("KILL");
        // 10 s.
        for _ in 0..2_000 {
            if TcpStream::connect(self.address()).is_err() {
                return;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("the server does not die");
    }

    /// Starts it again on the same port with the same folder, after it was killed.
    pub fn restart(&self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..20 {
            if let Some(again) = launch(&self.binary, &self.folder, self.port, &self.settings) {
                let mut before = std::mem::replace(&mut *keeper, again);
                let _ = writeln!(before.orders, "leave");
                let _ = before.process.wait();
                return;
            }
            sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("redis-server does not start again; its log:\n{log}");
    }

    /// Forgets everything it has written, while it is dead.
    pub fn wipe(&self) {
        let data = self.folder.join("data");
        fs::remove_dir_all(&data).unwrap_or_else(fail("the server's data"));
        fs::create_dir(&data).unwrap_or_else(fail("the server's data"));
    }
}

impl Cluster {
    fn start(binary: &Path) -> Option<Self> {
        let settings =
            ["appendonly yes", "maxmemory-policy noeviction", "cluster-enabled yes", "cluster-node-timeout 2000"];
        let settings: Vec<String> = settings.iter().map(|&line| line.to_owned()).collect();
        let nodes: Vec<Redis> = (0..3).map(|_| Redis::start(binary, settings.clone())).collect();
        for (node, (first, last)) in nodes.iter().zip([(0, 5_460), (5_461, 10_922), (10_923, 16_383)]) {
            node.run(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        for node in &nodes[1..] {
            nodes[0].run(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]);
        }
        let formed = |node: &Redis| {
            let info = node.run(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        // 30 s.
        for _ in 0..600 {
            if nodes.iter().all(formed) {
                return Some(Self { nodes });
            }
            sleep(Duration::from_millis(50));
        }
        None
    }

    /// A URL for one of its nodes.
    pub fn url(&self) -> String {
        self.nodes[0].url()
    }
}

/// A URL for a server, perhaps behind a proxy.
pub fn url(address: SocketAddr) -> String {
    format!("redis://{address}/")
}

/// Somebody who listens to a channel.
#[derive(Debug)]
pub struct Subscriber {
    answers: BufReader<TcpStream>,
}

impl Subscriber {
    /// The next message; fails after 10 s without one.
    pub fn next_message(&mut self) -> String {
        let message = read_answer(&mut self.answers).unwrap_or_else(fail("a message"));
        message.splitn(3, '\n').nth(2).unwrap_or_default().to_owned()
    }
}

/// A command in RESP.
fn request(command: &[&str]) -> String {
    let mut request = format!("*{}\r\n", command.len());
    for part in command {
        let _ = write!(request, "${}\r\n{part}\r\n", part.len());
    }
    request
}

/// Reads one answer of RESP2 as text.
fn read_answer(stream: &mut impl std::io::BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at(1.min(line.len()));
    let length = rest.parse::<i64>().unwrap_or(-1);
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "-" => Ok(line.to_owned()),
        "$" => {
            let mut bytes = vec![0; usize::try_from(length).map_or(0, |length| length + 2)];
            stream.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len().saturating_sub(2));
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        "*" => {
            let parts: std::io::Result<Vec<String>> = (0..length.max(0)).map(|_| read_answer(stream)).collect();
            Ok(parts?.join("\n"))
        }
        _ => Err(std::io::ErrorKind::InvalidData.into()),
    }
}

/// Starts the server under a shell that ends it and removes its folder when this process is gone: the shell's input
/// closes then, even after a kill -9.
fn launch(binary: &Path, folder: &Path, port: u16, settings: &[String]) -> Option<Keeper> {
    fs::create_dir_all(folder.join("data")).unwrap_or_else(fail("the server's folder"));
    let mut lines = format!(
        "port {port}\nbind 127.0.0.1\nprotected-mode no\nsave \"\"\ndir {0}/data\nlogfile {0}/log\ndaemonize no\n",
        folder.display()
    );
    for line in settings {
        lines.push_str(line);
        lines.push('\n');
    }
    fs::write(folder.join("redis.conf"), lines).unwrap_or_else(fail("redis.conf"));
    let _ = fs::remove_file(folder.join("log"));
    let script = format!(
        "trap '' INT TERM HUP\n'{1}' '{0}/redis.conf' </dev/null >'{0}/out' 2>&1 &\npid=$!\n\
         while read -r order; do\n\
         [ \"$order\" = leave ] && exit\n\
         kill -\"$order\" $pid\n\
         [ \"$order\" = KILL ] && wait $pid\n\
         done\n\
         kill -CONT $pid; kill -KILL $pid; wait $pid; rm -rf '{0}'\n",
        folder.display(),
        binary.display()
    );
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
    // 15 s.
    for _ in 0..1_500 {
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        if log.contains("Ready to accept connections") && TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(keeper);
        }
        if log.contains("Failed listening") || log.contains("Could not create server") || log.contains("FATAL") {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    let _ = writeln!(keeper.orders, "KILL\nleave");
    let _ = keeper.process.wait();
    None
}

/// `redis-server`. Panics with advice where there is none, unless that is allowed.
fn binary() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|file| file.is_file());
    let allowed = env::var_os("LIVERMORE_SKIP_SERVERS").is_some_and(|value| value == "1");
    assert!(
        found.is_some() || allowed,
        "Redis is not installed (redis-server is not in PATH).\nInstall it, or set LIVERMORE_SKIP_SERVERS=1 to go without \
         these tests:\n    Debian, Ubuntu:  sudo apt-get install redis-server\n    Fedora:          sudo dnf install redis\n    \
         macOS:           brew install redis"
    );
    if found.is_none() {
        eprintln!("SKIPPED (redis-server not found)");
    }
    found
}

/// A cluster's node also uses the port that is higher by 10,000.
fn free_port(settings: &[String]) -> u16 {
    let in_cluster = settings.iter().any(|line| line.starts_with("cluster-enabled yes"));
    for _ in 0..200 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap_or_else(fail("a free port"));
        let port = listener.local_addr().unwrap_or_else(fail("a free port")).port();
        if !in_cluster {
            return port;
        }
        let Some(lower) = port.checked_sub(10_000).filter(|lower| *lower > 10_000) else { continue };
        if TcpListener::bind(("127.0.0.1", lower)).is_ok() {
            return lower;
        }
    }
    panic!("no free pair of ports for a node of a cluster");
}

fn fail<E: std::fmt::Display, T>(what: &str) -> impl FnOnce(E) -> T + '_ {
    move |error| panic!("{what}: {error}")
}
