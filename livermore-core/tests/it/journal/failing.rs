//! Writes that fail: on a full disk, and where what was begun cannot be taken back.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use livermore_core::control::{
    Command, CommandBus, CommandInbox, CommandQuery, ControlError, EmbeddedCommandLog, FileLogConfig, PauseLevel,
    WriteStep,
};

use super::support::{config, holder, id, now, open, submission, user};

const PAUSE: Command = Command::Pause { level: PauseLevel::Stop };

/// The steps that fail now.
type Failing = Arc<Mutex<Vec<WriteStep>>>;

fn failing(folder: &Path) -> (FileLogConfig, Failing) {
    let failing = Failing::default();
    let steps = Arc::clone(&failing);
    let config = config(folder).with_faults(move |step| {
        if steps.lock().unwrap().contains(&step) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    (config, failing)
}

/// How many commands user 1 has, and whether their numbers have no gap.
async fn count(log: &EmbeddedCommandLog) -> u64 {
    let history = log.history(user(1), CommandQuery::newest(1_000)).await.unwrap();
    let seqs: Vec<u64> = history.iter().rev().map(|status| status.record.seq.get()).collect();
    assert_eq!(seqs, (1..=history.len() as u64).collect::<Vec<_>>());
    seqs.len() as u64
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_acknowledged_and_nothing_is_lost() {
    let steps = [WriteStep::Begin, WriteStep::AppendHalfWritten, WriteStep::AppendWritten, WriteStep::AppendSynced];
    for step in steps {
        let folder = tempfile::tempdir().unwrap();
        let (config, failing) = failing(folder.path());
        let (log, _) = EmbeddedCommandLog::open(config, now).await.unwrap();
        log.submit(user(1), &submission(1, &PAUSE)).await.unwrap();
        failing.lock().unwrap().push(step);
        for number in [2, 3] {
            let error = log.submit(user(1), &submission(number, &PAUSE)).await.unwrap_err();
            assert!(matches!(error, ControlError::Unavailable { .. }), "{step:?}: {error}");
            assert!(error.to_string().contains("commands.jsonl"), "{error}");
            // What was recorded before can be read all the same.
            assert_eq!(log.record(user(1), id(number)).await.unwrap(), None, "{step:?}");
            assert_eq!(count(&log).await, 1, "{step:?}");
        }
        failing.lock().unwrap().clear();
        for number in [2, 3] {
            assert_eq!(log.submit(user(1), &submission(number, &PAUSE)).await.unwrap().seq.get(), number, "{step:?}");
        }
        CommandBus::close(&log).await;
        let (log, report) = open(folder.path()).await;
        assert_eq!((count(&log).await, report.warnings), (3, vec![]), "{step:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_not_known() {
    for (step, is_there) in [
        (WriteStep::Begin, false),
        (WriteStep::AppendHalfWritten, false),
        (WriteStep::AppendWritten, true),
        (WriteStep::AppendSynced, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (config, failing) = failing(folder.path());
        let (log, _) = EmbeddedCommandLog::open(config, now).await.unwrap();
        log.submit(user(1), &submission(1, &PAUSE)).await.unwrap();
        failing.lock().unwrap().extend([step, WriteStep::Undo]);
        let error = log.submit(user(1), &submission(2, &PAUSE)).await.unwrap_err();
        assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{step:?}: {error}");
        assert_eq!(log.record(user(1), id(2)).await.unwrap().is_some(), is_there, "{step:?}");
        failing.lock().unwrap().clear();
        // Sent again, it is there once.
        assert_eq!(log.submit(user(1), &submission(2, &PAUSE)).await.unwrap().seq.get(), 2, "{step:?}");
        assert_eq!(log.submit(user(1), &submission(3, &PAUSE)).await.unwrap().seq.get(), 3, "{step:?}");
        CommandBus::close(&log).await;
        let (log, report) = open(folder.path()).await;
        assert_eq!((count(&log).await, report.warnings), (3, vec![]), "{step:?}");
    }
}

#[tokio::test]
async fn a_journal_that_cannot_be_shortened_is_used_as_it_is() {
    for step in [
        WriteStep::ReplacementHalfWritten,
        WriteStep::ReplacementWritten,
        WriteStep::ReplacementSynced,
        WriteStep::Replaced,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (config, failing) = failing(folder.path());
        let (log, _) = EmbeddedCommandLog::open(config.with_shorten_from(1_000), now).await.unwrap();
        failing.lock().unwrap().push(step);
        for number in 1..=20 {
            log.submit(user(1), &submission(number, &PAUSE)).await.unwrap();
        }
        assert_eq!(count(&log).await, 20, "{step:?}");
        failing.lock().unwrap().clear();
        let ttl = Duration::from_mins(1);
        for _ in 0..200 {
            log.acquire(&[user(1)], &holder("a"), ttl).await.unwrap();
        }
        assert_eq!(count(&log).await, 20, "{step:?}");
        CommandBus::close(&log).await;
        let bytes = std::fs::metadata(folder.path().join("commands.jsonl")).unwrap().len();
        assert!(bytes < 40_000, "{step:?}: it was never shortened: {bytes} bytes");
        let (log, report) = open(folder.path()).await;
        assert_eq!((count(&log).await, report.warnings), (20, vec![]), "{step:?}");
    }
}

#[tokio::test]
async fn a_journal_that_is_damaged_while_in_use_is_refused_at_the_next_read() {
    let folder = tempfile::tempdir().unwrap();
    let (config, failing) = failing(folder.path());
    let (log, _) = EmbeddedCommandLog::open(config, now).await.unwrap();
    for number in 1..=3 {
        log.submit(user(1), &submission(number, &PAUSE)).await.unwrap();
    }
    let path = folder.path().join("commands.jsonl");
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    failing.lock().unwrap().push(WriteStep::Begin);
    log.submit(user(1), &submission(4, &PAUSE)).await.unwrap_err();
    failing.lock().unwrap().clear();
    for _ in 0..2 {
        let error = log.submit(user(1), &submission(4, &PAUSE)).await.unwrap_err();
        assert!(matches!(error, ControlError::Setup { .. }), "{error}");
    }
    // Once an operator has restored it, it is used again.
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(log.submit(user(1), &submission(4, &PAUSE)).await.unwrap().seq.get(), 4);
}
