//! Processes that end in the middle of a write: nothing acknowledged is lost, and nothing is there by half.

use std::{
    env,
    path::Path,
    process::{Command as Process, abort},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use livermore_core::control::{
    Command, CommandBus, CommandInbox, CommandQuery, EmbeddedCommandLog, PauseLevel, Phase, WriteStep,
};

use super::support::{config, decision, holder, id, now, open, submission, user};

const FOLDER: &str = "LIVERMORE_TEST_JOURNAL";
const CRASH_AT: &str = "LIVERMORE_JOURNAL_CRASH_AT";
const CHILD: &str = "journal::killed::child_that_is_killed";

const STEPS: [WriteStep; 4] =
    [WriteStep::Begin, WriteStep::AppendHalfWritten, WriteStep::AppendWritten, WriteStep::AppendSynced];
const SHORTENING: [WriteStep; 4] = [
    WriteStep::ReplacementHalfWritten,
    WriteStep::ReplacementWritten,
    WriteStep::ReplacementSynced,
    WriteStep::Replaced,
];

/// The writes of the child: a lease, and then three for each command.
const WRITES: u64 = 1 + 3 * 3;

/// Sends and decides until it ends at a step of a write, printing what was acknowledged. Not a test by itself.
#[tokio::test]
async fn child_that_is_killed() {
    let (Ok(folder), Ok(crash_at)) = (env::var(FOLDER), env::var(CRASH_AT)) else { return };
    let (step, during) = crash_at.split_once(':').unwrap();
    let step = STEPS.into_iter().chain(SHORTENING).find(|candidate| format!("{candidate:?}") == step).unwrap();
    let during: u64 = during.parse().unwrap();
    let seen = AtomicU64::new(0);
    let shorten = if SHORTENING.contains(&step) { 1 } else { 1 << 20 };
    let config = config(Path::new(&folder)).with_shorten_from(shorten).with_faults(move |at| {
        if at == step && seen.fetch_add(1, Ordering::SeqCst) + 1 == during {
            abort();
        }
        Ok(())
    });
    let (log, _) = EmbeddedCommandLog::open(config, now).await.unwrap();
    let lease = log.acquire(&[user(1)], &holder("child"), Duration::from_mins(1)).await.unwrap().remove(0);
    for number in 1.. {
        let level = if number % 2 == 0 { PauseLevel::Hold } else { PauseLevel::Stop };
        log.submit(user(1), &submission(number, &Command::Pause { level })).await.unwrap();
        println!("\nacknowledged submitted {number}");
        let next = log.next(&lease).await.unwrap().unwrap();
        log.decide(&lease, next.record.seq, decision(&next)).await.unwrap();
        println!("\nacknowledged decided {number}");
    }
}

/// Runs the child; returns how many submissions and how many decisions it acknowledged.
fn run_child(folder: &Path, step: WriteStep, during: u64) -> (u64, u64) {
    let output = Process::new(env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(CRASH_AT, format!("{step:?}:{during}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), None, "{step:?}: the child was not killed: {text}");
    let told = |what: &str| {
        let line = text.lines().filter_map(|line| line.strip_prefix(what)).next_back();
        line.map_or(0, |number| number.trim().parse().unwrap())
    };
    (told("acknowledged submitted "), told("acknowledged decided "))
}

/// Opens the folder of a child that was killed and holds it against what was acknowledged.
async fn check(folder: &Path, (submitted, decided): (u64, u64), told: &str) -> (u64, u64) {
    let (log, _) = open(folder).await;
    let mut history = log.history(user(1), CommandQuery::newest(100)).await.unwrap();
    history.reverse();
    let records: Vec<_> = history.into_iter().map(|status| status.record).collect();
    for (number, record) in (1..).zip(&records) {
        assert_eq!((record.seq.get(), record.id), (number, id(number)), "{told}");
    }
    let found = records.len() as u64;
    let ended = records.iter().filter(|record| record.outcome.is_some()).count() as u64;
    assert!((submitted..=submitted + 1).contains(&found), "{told}: {submitted} acknowledged, {found} found");
    assert!((decided..=decided + 1).contains(&ended), "{told}: {decided} decisions acknowledged, {ended} found");
    // A decision and the state it makes are there together.
    let generation = records.iter().filter_map(|record| Some(record.outcome.as_ref()?.generation)).max();
    CommandBus::close(&log).await;
    let (log, report) = open(folder).await;
    assert_eq!(report.warnings, [], "{told}, opened again");
    let later = || livermore_core::ids::Timestamp::from_secs(4_000_000_000).unwrap();
    CommandBus::close(&log).await;
    let (log, _) = EmbeddedCommandLog::open(config(folder), later).await.unwrap();
    let lease = log.acquire(&[user(1)], &holder("next"), Duration::from_mins(1)).await.unwrap().remove(0);
    let (desired, _) = log.states(&lease).await.unwrap();
    assert_eq!(desired.generation, generation.unwrap_or_default(), "{told}");
    let phase = if ended == 0 { Phase::Running } else { Phase::Stopped };
    assert_eq!(desired.phase, phase, "{told}");
    // What the dead process had begun is decided by the next.
    while let Some(next) = log.next(&lease).await.unwrap() {
        log.decide(&lease, next.record.seq, decision(&next)).await.unwrap();
    }
    // The sender that was not answered asks again, and it is there once.
    let again = submission(found, &Command::Pause { level: PauseLevel::Stop });
    if found % 2 == 1 {
        assert_eq!(log.submit(user(1), &again).await.unwrap().seq.get(), found, "{told}");
    }
    CommandBus::close(&log).await;
    (found, ended)
}

#[tokio::test]
async fn case_13_killed_at_every_step_nothing_acknowledged_is_lost() {
    for step in STEPS {
        for during in 1..=WRITES {
            let folder = tempfile::tempdir().unwrap();
            let acknowledged = run_child(folder.path(), step, during);
            let told = format!("{step:?} of write {during}");
            let found = check(folder.path(), acknowledged, &told).await;
            // Whole lines count; others do not.
            let counts = matches!(step, WriteStep::AppendWritten | WriteStep::AppendSynced);
            let writes = during - u64::from(!counts);
            let expected = (writes.saturating_sub(1).div_ceil(3), writes.saturating_sub(1) / 3);
            assert_eq!(found, expected, "{told}");
        }
    }
}

#[tokio::test]
async fn killed_while_the_journal_is_shortened_nothing_acknowledged_is_lost() {
    for step in SHORTENING {
        for during in [2, 4] {
            let folder = tempfile::tempdir().unwrap();
            let acknowledged = run_child(folder.path(), step, during);
            check(folder.path(), acknowledged, &format!("{step:?} number {during}")).await;
            let left: Vec<_> =
                std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left.len(), 2, "{step:?}: {left:?}");
        }
    }
}
