//! The folder: who may use it, what is in it, and how often it is written.

use std::{
    env,
    future::Future,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command as Process, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    task::Poll,
    time::Duration,
};

use futures_util::future::join_all;
use livermore_core::{
    control::{
        Command, CommandBus, CommandInbox, CommandQuery, ControlError, EmbeddedCommandLog, PauseLevel, WriteStep,
    },
    settings::{FileSettingsStore, FileStoreConfig, SettingsStore},
};

use super::support::{config, decision, holder, id, now, open, submission, user};

const FOLDER: &str = "LIVERMORE_TEST_HELD_FOLDER";
const HOLDER: &str = "journal::folder::child_that_holds_the_folder";
const PAUSE: Command = Command::Pause { level: PauseLevel::Stop };

/// Holds a folder until its input ends. Not a test by itself.
#[tokio::test]
async fn child_that_holds_the_folder() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let (_log, _) = open(Path::new(&folder)).await;
    println!("\nheld");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Another process that has a folder.
fn hold(folder: &Path) -> Child {
    let mut child = Process::new(env::current_exe().unwrap())
        .args([HOLDER, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "held"), "the folder was not taken");
    child
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_who_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = hold(folder.path());
    let config = config(folder.path()).with_lock_wait(Duration::from_millis(50));
    let error = EmbeddedCommandLog::open(config.clone(), now).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ControlError::Unavailable { .. }) && error.is_retryable(), "{text}");
    for part in [folder.path().to_str().unwrap(), &format!("process {}", child.id()), "stop it"] {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    EmbeddedCommandLog::open(config, now).await.unwrap();
}

/// A process that is frozen keeps what it has; nobody takes it over, and nothing is lost when it goes on.
#[cfg(unix)]
#[tokio::test]
async fn w11_a_frozen_process_keeps_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = hold(folder.path());
    let signal = |name: &str| {
        let done = Process::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        assert!(done.success());
    };
    signal("-STOP");
    let short = config(folder.path()).with_lock_wait(Duration::from_millis(200));
    let refused = EmbeddedCommandLog::open(short, now).await;
    signal("-CONT");
    assert!(matches!(refused, Err(ControlError::Unavailable { .. })), "{refused:?}");
    drop(child.stdin.take());
    child.wait().unwrap();
    open(folder.path()).await;
}

#[tokio::test]
async fn settings_and_commands_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(folder.path()).await;
    let (store, report) = FileSettingsStore::open(FileStoreConfig::new(folder.path())).await.unwrap();
    assert_eq!(report.warnings, []);
    log.submit(user(1), &submission(1, &PAUSE)).await.unwrap();
    assert_eq!(store.users(None, 10).await.unwrap(), []);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_what_is_there() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    let (log, _) = EmbeddedCommandLog::open(config(&inner).with_shorten_from(1), now).await.unwrap();
    log.submit(user(1), &submission(1, &PAUSE)).await.unwrap();
    // It may be shortening its journal.
    CommandBus::close(&log).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    let names: Vec<_> = std::fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for path in names {
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
}

#[tokio::test]
async fn what_it_says_of_itself_shows_no_payload() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(folder.path()).await;
    let add = Command::AddSymbol { symbol: livermore_core::ids::Symbol::new("SECRET-USD").unwrap() };
    log.submit(user(1), &submission(1, &add)).await.unwrap();
    let text = format!("{log:?}");
    assert!(text.contains("durable: true") && text.contains("closed: false") && !text.contains("SECRET"), "{text}");
    CommandBus::close(&log).await;
    assert!(format!("{log:?}").contains("closed: true"));
}

#[tokio::test]
async fn those_who_wait_share_one_write() {
    const SENDERS: u64 = 64;
    let folder = tempfile::tempdir().unwrap();
    let writes = Arc::new(AtomicU64::new(0));
    let (writing, written) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let counted = Arc::clone(&writes);
    let slow = config(folder.path()).with_faults(move |step| {
        // The first write takes as long as all the others need to come.
        if step == WriteStep::AppendWritten && counted.fetch_add(1, Ordering::SeqCst) == 0 {
            writing.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        }
        Ok(())
    });
    let (log, _) = EmbeddedCommandLog::open(slow, now).await.unwrap();
    let send = |number: u64| {
        let log = log.clone();
        Box::pin(async move { log.submit(user(1 + number % 5), &submission(number, &PAUSE)).await.unwrap() })
    };
    let first = tokio::spawn(send(0));
    tokio::task::spawn_blocking(move || written.recv().unwrap()).await.unwrap();
    let mut others: Vec<_> = (1..SENDERS).map(send).collect();
    for other in &mut others {
        let waits = std::future::poll_fn(|context| Poll::Ready(other.as_mut().poll(context))).await.is_pending();
        assert!(waits, "it was acknowledged before it was written");
    }
    release.send(()).unwrap();
    first.await.unwrap();
    join_all(others).await;
    assert_eq!(writes.load(Ordering::SeqCst), 2, "writes for {SENDERS} commands");
    drop(log);
    let (log, report) = open(folder.path()).await;
    assert_eq!(report.waiting as u64, SENDERS);
    // Looking writes nothing.
    for number in 0..SENDERS {
        log.record(user(1 + number % 5), id(number)).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_journal_stays_short_and_keeps_what_counts() {
    let folder = tempfile::tempdir().unwrap();
    let shortened = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&shortened);
    let config = config(folder.path()).with_shorten_from(8 * 1024).with_faults(move |step| {
        counted.fetch_add(u64::from(step == WriteStep::Replaced), Ordering::SeqCst);
        Ok(())
    });
    let (log, _) = EmbeddedCommandLog::open(config, now).await.unwrap();
    let ttl = Duration::from_mins(1);
    let lease = log.acquire(&[user(1)], &holder("a"), ttl).await.unwrap().remove(0);
    // Commands keep coming while leases are renewed and the journal is replaced.
    let sender = async {
        for number in 1..=20 {
            log.submit(user(1), &submission(number, &PAUSE)).await.unwrap();
        }
    };
    let runner = async {
        for _ in 0..300 {
            log.renew(std::slice::from_ref(&lease), ttl).await.unwrap();
        }
    };
    let decider = async {
        let mut decided = 0;
        while decided < 20 {
            if let Some(next) = log.next(&lease).await.unwrap() {
                log.decide(&lease, next.record.seq, decision(&next)).await.unwrap();
                decided += 1;
            }
        }
    };
    tokio::join!(sender, runner, decider);
    let seen = (log.history(user(1), CommandQuery::newest(100)).await.unwrap(), log.states(&lease).await.unwrap());
    assert_eq!(seen.0.len(), 20);
    CommandBus::close(&log).await;
    let times = shortened.load(Ordering::SeqCst);
    assert!(times >= 3, "shortened {times} times");
    let bytes = std::fs::metadata(folder.path().join("commands.jsonl")).unwrap().len();
    assert!(bytes < 40 * 1024, "{bytes} bytes");
    let (log, report) = open(folder.path()).await;
    assert_eq!(report.warnings, []);
    let found = (log.history(user(1), CommandQuery::newest(100)).await.unwrap(), log.states(&lease).await.unwrap());
    assert_eq!(found, seen);
}
