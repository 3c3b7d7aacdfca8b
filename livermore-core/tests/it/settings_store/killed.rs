//! Processes that end in the middle of a save: nothing acknowledged is lost, document and history agree.
//!
//! The test binary runs itself as the process that ends; one variable names the folder, another the step.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio, abort},
    sync::atomic::{AtomicU64, Ordering},
};

use livermore_core::settings::{FileSettingsStore, FileStoreConfig, HistoryQuery, SettingsStore, WriteStep};

use super::file::{numbered, open, user};

const FOLDER: &str = "LIVERMORE_TEST_FOLDER";
const CRASH_AT: &str = "LIVERMORE_CRASH_AT";
const CHILD: &str = "settings_store::killed::child_that_is_killed";
const WRITER: &str = "settings_store::killed::child_that_saves_for_ever";

/// Saves until it is killed, printing what was acknowledged. Not a test by itself.
#[tokio::test]
async fn child_that_saves_for_ever() {
    let (Ok(folder), Err(_)) = (env::var(FOLDER), env::var(CRASH_AT)) else { return };
    let (store, _) = open(Path::new(&folder)).await;
    let begin = store.load(user(1)).await.unwrap().map_or(0, |stored| stored.revision.get());
    for number in begin + 1.. {
        let revision = store.save(user(1), numbered(number)).await.unwrap();
        println!("\nacknowledged {revision}");
    }
}

/// Saves until it ends at `step` of save number `during`, printing what was acknowledged. Not a test by itself.
#[tokio::test]
async fn child_that_is_killed() {
    let (Ok(folder), Ok(crash_at)) = (env::var(FOLDER), env::var(CRASH_AT)) else { return };
    let (step, during) = crash_at.split_once(':').unwrap();
    let step = WriteStep::ALL.into_iter().find(|candidate| format!("{candidate:?}") == step).unwrap();
    let during: u64 = during.parse().unwrap();
    let seen = AtomicU64::new(0);
    let config = FileStoreConfig::new(folder).with_faults(move |at| {
        if at == step && seen.fetch_add(1, Ordering::SeqCst) + 1 == during {
            abort();
        }
        Ok(())
    });
    let (store, _) = FileSettingsStore::open(config).await.unwrap();
    for number in 1..=during {
        let revision = store.save(user(1), numbered(number)).await.unwrap();
        println!("\nacknowledged {revision}");
    }
    panic!("was not killed");
}

/// Runs the child and returns the last revision it acknowledged.
fn run_child(folder: &Path, step: WriteStep, during: u64) -> u64 {
    let output = Command::new(env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(CRASH_AT, format!("{step:?}:{during}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), None, "{step:?}: the child was not killed: {text}");
    text.lines().filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()).next_back().unwrap_or(0)
}

#[tokio::test]
async fn killed_at_every_step_nothing_acknowledged_is_lost() {
    for step in WriteStep::ALL {
        for during in [1, 3] {
            let folder = tempfile::tempdir().unwrap();
            let acknowledged = run_child(folder.path(), step, during);
            assert_eq!(acknowledged, during - 1, "{step:?}");
            let (store, report) = open(folder.path()).await;
            let counted = !matches!(step, WriteStep::Begin | WriteStep::AppendHalfWritten);
            let expected = acknowledged + u64::from(counted);
            let stored = store.load(user(1)).await.unwrap();
            let found = stored.as_ref().map_or(0, |stored| stored.revision.get());
            assert_eq!(found, expected, "{step:?} of save {during}: {:?}", report.warnings);
            let history = store.history(user(1), HistoryQuery::newest(10)).await.unwrap();
            let revisions: Vec<u64> = history.iter().map(|entry| entry.revision.get()).collect();
            assert_eq!(revisions, (1..=expected).rev().collect::<Vec<_>>(), "{step:?} of save {during}");
            if let Some(stored) = stored {
                assert_eq!(stored.document, numbered(expected).document, "{step:?} of save {during}");
                assert_eq!(history[0].stored(), stored, "{step:?} of save {during}");
            }
            // The one who was not answered asks again, and it is there once.
            let again = store.save(user(1), numbered(during)).await.unwrap();
            assert_eq!(again.get(), during, "{step:?} of save {during}");
            store.close().await;
            let (_, report) = open(folder.path()).await;
            assert_eq!(report.warnings, [], "{step:?} of save {during}, opened again");
        }
    }
}

#[tokio::test]
async fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..10 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([WRITER, "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .env_remove(CRASH_AT)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged = |line: &str| line.strip_prefix("acknowledged ")?.parse::<u64>().ok();
        let mut told = lines.by_ref().map_while(Result::ok).filter_map(|line| acknowledged(&line)).take(round + 1);
        let enough = told.by_ref().last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // More may have been acknowledged between the last line that was waited for and the end.
        let newest = lines.map_while(Result::ok).filter_map(|line| acknowledged(&line)).last().unwrap_or(enough);
        let (store, report) = open(folder.path()).await;
        let stored = store.load(user(1)).await.unwrap().unwrap();
        let found = stored.revision.get();
        assert!(found == newest || found == newest + 1, "round {round}: {newest} acknowledged, {found} found");
        assert_eq!(stored.document, numbered(found).document, "round {round}");
        let history = store.history(user(1), HistoryQuery::newest(usize::MAX)).await.unwrap();
        let revisions: Vec<u64> = history.iter().map(|entry| entry.revision.get()).collect();
        assert_eq!(revisions, (1..=found).rev().collect::<Vec<_>>(), "round {round}: {:?}", report.warnings);
        assert!(found > last, "round {round} has saved nothing");
        last = found;
        store.close().await;
    }
}
