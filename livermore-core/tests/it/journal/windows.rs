//! A runner that ends at each moment in the life of a command. After the restart each command has one outcome, a change
//! of the settings was made once, nothing was told that has not happened, and the data plane gets where it should be.

use std::{
    env,
    path::Path,
    process::Command as Process,
    sync::{Arc, Mutex},
    time::Duration,
};

use livermore_core::{
    control::{
        Command, CommandBus, CommandInbox, CommandQuery, CommandRecord, CommandStatus, ControlError,
        EmbeddedCommandLog, OutcomeCode, PauseLevel, Signal, Stage, Submission, Verdict, Waited, WriteStep,
    },
    ids::Symbol,
    settings::{Actor, HistoryQuery},
};

use crate::control::misheard_log::Misheard;

use super::{
    runner::{Crash, reached, start},
    support::{config, decision, holder, id, now, open, submission, user},
};

const FOLDER: &str = "LIVERMORE_TEST_RUNNER_FOLDER";
const CRASH_AT: &str = "LIVERMORE_RUNNER_CRASH_AT";
const CHILD: &str = "journal::windows::child_that_runs_and_is_killed";
const PATIENCE: Duration = Duration::from_mins(1);

/// The second changes the settings; it is the one everything happens to.
fn commands() -> [(u64, Command); 3] {
    [
        (1, Command::Pause { level: PauseLevel::Hold }),
        (2, Command::AddSymbol { symbol: Symbol::new("SOL-USD").unwrap() }),
        (3, Command::Resume),
    ]
}

async fn until(log: &impl CommandBus, number: u64, stage: Stage) -> CommandStatus {
    match log.wait(user(1), id(number), stage, PATIENCE).await.unwrap() {
        Waited::Reached(status) => status,
        Waited::Pending { last, .. } => panic!("command {number} did not get there: {last:?}"),
    }
}

/// Runs until it ends, printing what its sender was told. Not a test by itself.
#[tokio::test]
async fn child_that_runs_and_is_killed() {
    let (Ok(folder), Ok(moment)) = (env::var(FOLDER), env::var(CRASH_AT)) else { return };
    let crash = Crash::at(Some(moment));
    let runner = start(Path::new(&folder), &[user(1)], &crash).await;
    for (number, command) in commands() {
        crash.sending(number, runner.log.submit(user(1), &submission(number, &command))).await.unwrap();
        println!("\ntold accepted {number}");
        until(&runner.log, number, Stage::Decided).await;
        println!("\ntold decided {number}");
        until(&runner.log, number, Stage::Effective).await;
        println!("\ntold effective {number}");
    }
}

/// What was on the disk when the runner had ended: of the second command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Recorded { attempts: u32, saved: bool },
    Decided,
}

/// Lets a runner end at this moment, says what it left, starts another and checks everything.
async fn killed(moment: &str) -> Left {
    let folder = tempfile::tempdir().unwrap();
    let output = Process::new(env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .env(CRASH_AT, moment)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), None, "{moment}: the runner was not killed: {text} {errors}");
    let told: Vec<(&str, u64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("told ")?.split_once(' '))
        .map(|(what, number)| (what, number.parse().unwrap()))
        .collect();
    assert!(told.contains(&("effective", 1)), "{moment}: it ended too early: {text}");
    let reached_before = reached(folder.path(), user(1));

    let runner = start(folder.path(), &[], &Crash::at(None)).await;
    let left = left(&runner.log, &runner.settings).await;
    for (what, number) in told {
        let status = runner.log.record(user(1), id(number)).await.unwrap();
        let record = status.unwrap_or_else(|| panic!("{moment}: {number} was {what}, and is not there")).record;
        if what != "accepted" {
            let outcome = record.outcome.unwrap_or_else(|| panic!("{moment}: {number} was {what}, and is not decided"));
            let is_there = reached_before.iter().any(|(generation, _)| *generation >= outcome.generation);
            assert!(what != "effective" || is_there, "{moment}: {number} was told effective; {reached_before:?}");
        }
    }
    runner.executor.stop().await;
    runner.settings.store().close().await;
    CommandBus::close(&runner.log).await;
    succeed(folder.path(), moment).await;
    left
}

async fn left(
    log: &EmbeddedCommandLog,
    settings: &livermore_core::settings::SettingsService<livermore_core::settings::UserSettings>,
) -> Left {
    let saved = !settings.store().history(user(1), HistoryQuery::newest(10)).await.unwrap().is_empty();
    match log.record(user(1), id(2)).await.unwrap().map(|status| status.record) {
        None => Left::Nothing,
        Some(CommandRecord { outcome: None, attempts, .. }) => Left::Recorded { attempts, saved },
        Some(_) => Left::Decided,
    }
}

/// The next runner, and the sender that asks again: everything gets done, once.
async fn succeed(folder: &Path, moment: &str) {
    let runner = start(folder, &[user(1)], &Crash::at(None)).await;
    for (number, command) in commands() {
        let record = runner.log.submit(user(1), &submission(number, &command)).await.unwrap();
        assert_eq!(record.seq.get(), number, "{moment}");
    }
    for number in 1..=3 {
        let outcome = until(&runner.log, number, Stage::Effective).await.record.outcome.unwrap();
        assert_eq!((outcome.verdict, outcome.code), (Verdict::Applied, OutcomeCode::CHANGED), "{moment}: {number}");
        assert_eq!(outcome.generation.get(), number, "{moment}");
    }
    let all = runner.log.history(user(1), CommandQuery::newest(10)).await.unwrap();
    assert_eq!(all.iter().map(|status| status.record.seq.get()).collect::<Vec<_>>(), [3, 2, 1], "{moment}");
    let history = runner.settings.store().history(user(1), HistoryQuery::newest(10)).await.unwrap();
    let causes: Vec<_> = history.iter().map(|entry| entry.cause.as_ref().unwrap().as_str().to_owned()).collect();
    assert_eq!(causes, [id(2).to_string()], "{moment}");
    let monitored = runner.settings.load(user(1)).await.unwrap().loaded.settings.symbols.monitored;
    assert_eq!(monitored.iter().filter(|symbol| symbol.as_str() == "SOL-USD").count(), 1, "{moment}");
    runner.executor.stop().await;
    let lease = runner.log.acquire(&[user(1)], &holder("after"), PATIENCE).await.unwrap().remove(0);
    let (desired, observed) = runner.log.states(&lease).await.unwrap();
    let observed = observed.unwrap();
    assert_eq!((desired.generation, desired.phase), (observed.generation, observed.phase), "{moment}");
    assert_eq!(desired.settings_revision, observed.settings_revision, "{moment}");
    let last = reached(folder, user(1)).pop().unwrap();
    assert_eq!(last, (desired.generation, desired.phase.to_string()), "{moment}");
}

#[tokio::test]
async fn w01_the_sender_ends_before_the_command_is_recorded() {
    assert_eq!(killed("before submit 2").await, Left::Nothing);
    assert_eq!(killed("Begin of submit 2").await, Left::Nothing);
}

#[tokio::test]
async fn w02_the_process_ends_while_the_command_is_being_recorded() {
    assert_eq!(killed("AppendHalfWritten of submit 2").await, Left::Nothing);
    assert_eq!(killed("AppendWritten of submit 2").await, Left::Recorded { attempts: 0, saved: false });
}

#[tokio::test]
async fn w03_the_process_ends_between_the_record_and_the_bell() {
    assert_eq!(killed("AppendSynced of submit 2").await, Left::Recorded { attempts: 0, saved: false });
}

#[tokio::test]
async fn w05_the_runner_ends_before_it_decides() {
    assert_eq!(killed("before next 2").await, Left::Recorded { attempts: 0, saved: false });
    assert_eq!(killed("AppendHalfWritten of next 2").await, Left::Recorded { attempts: 0, saved: false });
    assert_eq!(killed("after next 2").await, Left::Recorded { attempts: 1, saved: false });
    assert_eq!(killed("Begin of settings 2").await, Left::Recorded { attempts: 1, saved: false });
}

#[tokio::test]
async fn w06_the_runner_ends_while_it_decides() {
    let saved = Left::Recorded { attempts: 1, saved: true };
    assert_eq!(killed("AppendHalfWritten of settings 2").await, Left::Recorded { attempts: 1, saved: false });
    assert_eq!(killed("AppendSynced of settings 2").await, saved);
    assert_eq!(killed("ReplacementWritten of settings 2").await, saved);
    assert_eq!(killed("End of settings 2").await, saved);
    assert_eq!(killed("before decide 2").await, saved);
    assert_eq!(killed("AppendHalfWritten of decide 2").await, saved);
    assert_eq!(killed("AppendWritten of decide 2").await, Left::Decided);
}

#[tokio::test]
async fn w07_the_runner_ends_between_the_decision_and_its_acknowledgement() {
    assert_eq!(killed("AppendSynced of decide 2").await, Left::Decided);
    assert_eq!(killed("after decide 2").await, Left::Decided);
}

#[tokio::test]
async fn w08_the_runner_ends_before_the_data_plane_has_changed() {
    assert_eq!(killed("before converge 2").await, Left::Decided);
}

#[tokio::test]
async fn w09_the_runner_ends_before_it_reports_what_is() {
    assert_eq!(killed("after converge 2").await, Left::Decided);
    assert_eq!(killed("before observe 2").await, Left::Decided);
    assert_eq!(killed("AppendHalfWritten of observe 2").await, Left::Decided);
    assert_eq!(killed("AppendSynced of observe 2").await, Left::Decided);
}

#[tokio::test]
async fn w10_an_acknowledgement_is_believed_only_with_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(folder.path()).await;
    // False, and repeated.
    let heard = (0..100).map(|number| Signal::Decided(id(number % 4))).collect();
    let bus = Misheard { log: log.clone(), heard };
    bus.submit(user(1), &submission(1, &Command::Resume)).await.unwrap();
    let early = bus.wait(user(1), id(1), Stage::Decided, Duration::from_millis(100)).await.unwrap();
    assert!(matches!(&early, Waited::Pending { last: Some(status), .. } if status.record.is_open()), "{early:?}");
    let lease = log.acquire(&[user(1)], &holder("a"), PATIENCE).await.unwrap().remove(0);
    let next = log.next(&lease).await.unwrap().unwrap();
    let decided = log.decide(&lease, next.record.seq, decision(&next)).await.unwrap();
    assert_eq!(until(&bus, 1, Stage::Decided).await.record, decided);
}

#[tokio::test]
async fn w04_a_bell_nobody_hears_costs_one_poll() {
    let folder = tempfile::tempdir().unwrap();
    // What was recorded before a runner listened has rung for nobody.
    let (log, _) = open(folder.path()).await;
    log.submit(user(1), &submission(1, &Command::Resume)).await.unwrap();
    CommandBus::close(&log).await;
    let runner = start(folder.path(), &[user(1)], &Crash::at(None)).await;
    until(&runner.log, 1, Stage::Effective).await;
    runner.executor.stop().await;
}

#[tokio::test]
async fn w11_a_runner_that_was_frozen_too_long_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let time = Arc::new(Mutex::new(now()));
    let clock = {
        let time = Arc::clone(&time);
        move || *time.lock().unwrap()
    };
    let (log, _) = EmbeddedCommandLog::open(config(folder.path()), clock.clone()).await.unwrap();
    let ttl = Duration::from_secs(10);
    let frozen = log.acquire(&[user(1)], &holder("frozen"), ttl).await.unwrap().remove(0);
    log.submit(user(1), &submission(1, &Command::Pause { level: PauseLevel::Stop })).await.unwrap();
    let begun = log.next(&frozen).await.unwrap().unwrap();
    let later = time.lock().unwrap().checked_add_millis(10_001).unwrap();
    *time.lock().unwrap() = later;
    let lease = log.acquire(&[user(1)], &holder("next"), ttl).await.unwrap().remove(0);
    assert!(lease.epoch > frozen.epoch);
    let mut log = log;
    for opened in ["first", "again"] {
        let refused = |answer: Result<(), ControlError>| {
            assert!(matches!(answer, Err(ControlError::StaleEpoch { .. })), "{opened}: {answer:?}");
        };
        refused(log.next(&frozen).await.map(drop));
        refused(log.decide(&frozen, begun.record.seq, decision(&begun)).await.map(drop));
        refused(log.postpone(&frozen, begun.record.seq).await);
        refused(log.states(&frozen).await.map(drop));
        assert_eq!(log.renew(std::slice::from_ref(&frozen), ttl).await.unwrap(), []);
        CommandBus::close(&log).await;
        log = EmbeddedCommandLog::open(config(folder.path()), clock.clone()).await.unwrap().0;
    }
    let next = log.next(&lease).await.unwrap().unwrap();
    assert_eq!((next.record.seq, next.record.attempts), (begun.record.seq, 2));
    log.decide(&lease, next.record.seq, decision(&next)).await.unwrap();
}

/// The disk takes its time over a decision: whoever comes meanwhile waits, and is answered with what holds then.
#[tokio::test]
async fn w12_a_write_that_hangs_holds_others_up_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (hang, hung) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel();
    let gate = Mutex::new(Some((hang, released)));
    let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_armed = Arc::clone(&armed);
    let config = config(folder.path()).with_faults(move |step| {
        if step == WriteStep::AppendWritten
            && is_armed.load(std::sync::atomic::Ordering::SeqCst)
            && let Some((hang, released)) = gate.lock().unwrap().take()
        {
            hang.send(()).unwrap();
            released.recv().unwrap();
        }
        Ok(())
    });
    let (log, _) = EmbeddedCommandLog::open(config, now).await.unwrap();
    let lease = log.acquire(&[user(1)], &holder("a"), PATIENCE).await.unwrap().remove(0);
    log.submit(user(1), &submission(1, &Command::Resume)).await.unwrap();
    let next = log.next(&lease).await.unwrap().unwrap();
    armed.store(true, std::sync::atomic::Ordering::SeqCst);
    let deciding = tokio::spawn({
        let (log, lease, decision) = (log.clone(), lease.clone(), decision(&next));
        async move { log.decide(&lease, next.record.seq, decision).await }
    });
    tokio::task::spawn_blocking(move || hung.recv().unwrap()).await.unwrap();
    // Nobody is told what is not on the disk yet.
    let waited = tokio::time::timeout(Duration::from_millis(100), log.record(user(1), id(1))).await;
    assert!(waited.is_err(), "{waited:?}");
    let closing = tokio::spawn({
        let log = log.clone();
        async move { CommandBus::close(&log).await }
    });
    release.send(()).unwrap();
    let decided = deciding.await.unwrap().unwrap();
    closing.await.unwrap();
    let (log, _) = open(folder.path()).await;
    assert_eq!(log.record(user(1), id(1)).await.unwrap().unwrap().record, decided);
}

#[tokio::test]
async fn w18_a_command_of_a_newer_sender_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let runner = start(folder.path(), &[user(1)], &Crash::at(None)).await;
    let sender = Actor::new("test").unwrap();
    runner.log.submit(user(1), &Submission::unchecked(id(1), "fly-to-the-moon", "{}", sender)).await.unwrap();
    runner.log.submit(user(1), &submission(2, &Command::Pause { level: PauseLevel::Hold })).await.unwrap();
    let outcome = until(&runner.log, 1, Stage::Effective).await.record.outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.code), (Verdict::Rejected, OutcomeCode::UNSUPPORTED));
    let outcome = until(&runner.log, 2, Stage::Effective).await.record.outcome.unwrap();
    assert_eq!(outcome.verdict, Verdict::Applied);
    runner.executor.stop().await;
}
