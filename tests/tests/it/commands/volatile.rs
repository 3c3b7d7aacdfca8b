//! A pause over a local socket, which needs no server.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use livermore_tests::{
    Finished,
    postgres::{self, Postgres},
    redis::{self, Redis},
    run,
};
use serde_json::Value;
use tempfile::TempDir;

use super::buses::{Inbox, without_secrets};
use crate::{
    settings_json::json,
    stores::database::{APP, OWNER, block_on},
};

/// A PostgreSQL that keeps commands and settings, a Redis that rings, and a place for a socket.
struct Servers {
    postgres: Postgres,
    redis: Redis,
    folder: TempDir,
}

impl Servers {
    fn start() -> Option<Self> {
        let (postgres, redis) = (postgres::own()?, redis::own(&[])?);
        block_on(async {
            postgres.run("postgres", &format!("CREATE ROLE {OWNER} LOGIN; CREATE ROLE {APP} LOGIN")).await;
            postgres.run("postgres", &format!("CREATE DATABASE volatile OWNER {OWNER}")).await;
        });
        let servers = Self { postgres, redis, folder: TempDir::new().unwrap() };
        let owner = servers.postgres.url(OWNER, "volatile");
        run(&["store", "migrate", "--store", &owner, "--grant", APP], b"").success();
        Some(servers)
    }

    fn kill(&self) {
        self.redis.kill();
        self.postgres.kill();
    }

    fn restart(&self) {
        self.postgres.restart();
        self.redis.restart();
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("admin")
    }

    fn inbox(&self) -> Inbox {
        let (log, bell) = (self.postgres.url(APP, "volatile"), self.redis.url());
        let socket = self.socket();
        let arguments = ["--bus", &log, "--store", &log, "--bell", &bell, "--user", "7", "--plane-delay", "1ms"];
        let arguments = [&arguments[..], &["--admin-socket", socket.to_str().unwrap()]].concat();
        let inbox = Inbox::start(&arguments, TempDir::new().unwrap(), Stdio::null());
        inbox.told_that("converged", |event| event["phase"] == "running");
        inbox
    }

    /// Runs a command on the log.
    fn run(&self, arguments: &[&str]) -> Finished {
        without_secrets(run(&[arguments, &["--user", "7", "--bus", &self.postgres.url(APP, "volatile")]].concat(), b""))
    }

    fn commands(&self) -> Vec<Value> {
        json(&self.run(&["command", "list", "--json"]).success()).as_array().unwrap().clone()
    }
}

/// Pauses user 7 over a socket.
fn pause(socket: &Path, arguments: &[&str]) -> Finished {
    let asked = ["pause", "--user", "7", "--admin-socket", socket.to_str().unwrap()];
    without_secrets(run(&[&asked, arguments].concat(), b""))
}

/// What is answered to a line, or to whatever else.
fn asked(socket: &Path, line: &[u8]) -> Value {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // It may be answered before all of it is read.
    let _ = stream.write_all(line);
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    json(&answer)
}

/// The phases of the data plane, each where it changed.
fn phases(inbox: &Inbox) -> Vec<String> {
    let told = inbox.events().into_iter().filter(|event| event["event"] == "plane");
    told.map(|event| event["phase"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn w14_without_any_server_a_pause_is_volatile_and_recorded_later() {
    let Some(servers) = Servers::start() else { return };
    let mut inbox = servers.inbox();
    servers.kill();
    let told = pause(&servers.socket(), &["--json"]);
    assert_eq!(told.code, Some(4), "{}", told.stderr);
    let answer = json(&told.stdout);
    let id = answer["id"].as_str().unwrap().to_owned();
    assert_eq!((&answer["answer"], &answer["user"]), (&"volatile".into(), &7.into()), "{answer}");
    assert_eq!(answer["process"], inbox.told("start")["holder"]);
    for part in ["volatile: user 7 is paused (stop)", "not recorded yet", "forgotten", "command show", &id] {
        assert!(told.stderr.contains(part), "{}", told.stderr);
    }
    inbox.told_that("plane", |event| event["phase"] == "stopped");
    inbox.told_that("volatile", |event| event["phase"] == "stopped");
    // Longer than its lease lasts.
    inbox.told("lost");

    servers.restart();
    let decided = inbox.told_that("decided", |event| event["id"] == id.as_str());
    assert_eq!((&decided["verdict"], &decided["code"]), (&"applied".into(), &"changed".into()));
    inbox.told_that("converged", |event| event["phase"] == "stopped");
    inbox.told_that("volatile", |event| event["phase"].is_null());
    let watched = servers.run(&["command", "watch", &id, "--json"]).success();
    let shown = json(watched.lines().last().unwrap());
    assert_eq!((&shown["state"], &shown["effect"]), (&"applied".into(), &"effective".into()), "{shown}");
    let commands = servers.commands();
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert_eq!((&commands[0]["kind"], &commands[0]["seq"]), (&"pause".into(), &1.into()));
    // Stopped with the pause, and again from the first moment of the new lease; never running in between.
    assert_eq!(phases(&inbox), ["running", "stopped", "stopped"]);
    assert_eq!(servers.run(&["resume", "--timeout", "30s"]).code, Some(0));
    assert_eq!(phases(&inbox), ["running", "stopped", "stopped", "running"]);
    inbox.signal("TERM");
    assert_eq!(inbox.ended(), Some(0));
    assert!(!servers.socket().exists(), "the socket is left behind");
}

#[test]
fn w14_a_volatile_pause_ends_with_its_process() {
    let Some(servers) = Servers::start() else { return };
    let mut inbox = servers.inbox();
    servers.kill();
    assert_eq!(pause(&servers.socket(), &[]).code, Some(4));
    inbox.told_that("plane", |event| event["phase"] == "stopped");
    inbox.signal("KILL");
    inbox.ended();
    servers.restart();
    // It takes the dead socket over, and runs: nobody claims that pause.
    let next = servers.inbox();
    assert_eq!((phases(&next), servers.commands()), (vec!["running".to_owned()], Vec::new()));
    let told = pause(&servers.socket(), &["--level", "mute"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(told.stdout.starts_with("pause: applied (changed) as "), "{}", told.stdout);
    assert_eq!(servers.commands().len(), 1);
}

/// An inbox without servers, and its socket.
fn alone(folder: &Path) -> Inbox {
    let (store, socket) = (format!("file:{}", folder.join("settings").display()), folder.join("admin"));
    let arguments = ["--bus", "memory", "--store", &store, "--user", "7", "--plane-delay", "1ms", "--admin-socket"];
    let arguments = [&arguments[..], &[socket.to_str().unwrap()]].concat();
    let inbox = Inbox::start(&arguments, TempDir::new().unwrap(), Stdio::piped());
    inbox.told("converged");
    inbox
}

#[test]
fn w14_what_is_no_pause_is_refused_over_the_socket() {
    let folder = TempDir::new().unwrap();
    let (inbox, socket) = (alone(folder.path()), folder.path().join("admin"));
    let found = fs::metadata(&socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let long = [&b"{\"command\":\"pause\",\"user\":7,\"level\":\""[..], &vec![b'x'; 100_000], b"\"}\n"].concat();
    for (line, part) in [
        (&b"\n"[..], "no JSON"),
        (b"pause\n", "no JSON"),
        (b"\xff\xfe\x00\n", "no JSON"),
        (b"{\"command\":\"resume\",\"user\":7}\n", "only pause"),
        (b"{\"command\":\"pause\",\"user\":7,\"level\":\"all\"}\n", "unknown variant `all`"),
        (b"{\"command\":\"pause\",\"user\":8}\n", "does not run user 8"),
        (b"{\"command\":\"pause\",\"user\":7}", "no whole line"),
        (&long, "no whole line of at most 4095 bytes"),
    ] {
        let answer = asked(&socket, line);
        assert_eq!(answer["answer"], "refused", "{answer}");
        assert!(answer["reason"].as_str().unwrap().contains(part), "{answer}");
    }
    // Connections on which nothing is said are closed, and do not keep others out.
    let silent: Vec<UnixStream> = (0..8).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    assert_eq!(phases(&inbox), ["running"]);
    let answer = asked(&socket, b"{\"command\":\"pause\",\"user\":7,\"level\":\"hold\"}\n");
    assert_eq!((&answer["answer"], &answer["verdict"]), (&"recorded".into(), &"applied".into()), "{answer}");
    inbox.told_that("plane", |event| event["phase"] == "held");
    drop(silent);

    let refused = pause(&socket, &["--user", "7", "--level", "ful"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let strange = run(&["pause", "--user", "8", "--admin-socket", socket.to_str().unwrap()], b"");
    assert_eq!(strange.code, Some(2), "{}", strange.stderr);
    assert!(strange.stderr.contains("nothing was paused: this process does not run user 8"), "{}", strange.stderr);
    let both = pause(&socket, &["--wait", "none"]);
    assert_eq!(both.code, Some(2), "{}", both.stderr);
    let nobody = pause(&folder.path().join("nobody"), &[]);
    assert_eq!(nobody.code, Some(3), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("nothing was paused"), "{}", nobody.stderr);
}

#[test]
fn a_place_that_is_taken_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let store = format!("file:{}", folder.path().join("others").display());
    let second = |path: &Path| {
        run(&["inbox", "--bus", "memory", "--store", &store, "--admin-socket", path.to_str().unwrap()], b"")
    };
    let (mut inbox, socket) = (alone(folder.path()), folder.path().join("admin"));
    let refused = second(&socket);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("another process listens there"), "{}", refused.stderr);
    assert_eq!(pause(&socket, &[]).code, Some(0));
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let refused = second(&file);
    assert_eq!((refused.code, fs::read_to_string(&file).unwrap()), (Some(2), "mine".to_owned()), "{}", refused.stderr);
    let refused = second(&folder.path().join("x".repeat(200)));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);

    // What another one has put in its place is not removed at the end.
    fs::remove_file(&socket).unwrap();
    let other = UnixListener::bind(&socket).unwrap();
    inbox.signal("TERM");
    assert_eq!(inbox.ended(), Some(0));
    assert!(socket.exists());
    drop(other);
}
