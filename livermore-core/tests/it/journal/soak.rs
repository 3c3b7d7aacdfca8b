//! A thousand commands for a runner that is killed again and again.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command as Process, Stdio},
    time::Duration,
};

use futures_util::future::join_all;
use livermore_core::{
    control::{
        Case, Command, CommandBus, CommandInbox, CommandQuery, CommandStatus, Desired, EmbeddedCommandLog, PauseLevel,
        SettingsAnswer, Stage, Step, Verdict, Waited, decide,
    },
    exchange::SplitMix64,
    ids::{Symbol, UserId},
    settings::{HistoryQuery, Mode, SettingsService, UserSettings},
};

use super::{
    runner::{Crash, Runner, reached, start},
    support::{holder, id, open, submission, user},
};

const FOLDER: &str = "LIVERMORE_TEST_SOAK_FOLDER";
const CHILD: &str = "journal::soak::child_that_runs_and_sends";
const USERS: [u64; 3] = [1, 2, 3];
const COMMANDS: u64 = 1_000;
/// So many of a user are sent together.
const TOGETHER: usize = 20;
const PATIENCE: Duration = Duration::from_mins(2);

/// Command `number`, and whose it is.
fn command(number: u64) -> (UserId, Command) {
    let mut random = SplitMix64::new(number);
    let symbol = Symbol::new(&format!("S{}-USD", random.below(6))).unwrap();
    let command = match random.below(10) {
        0 => Command::Pause { level: PauseLevel::Mute },
        1 => Command::Pause { level: PauseLevel::Stop },
        2..=4 => Command::Resume,
        5 | 6 => Command::AddSymbol { symbol },
        7 => Command::RemoveSymbol { symbol },
        8 => Command::SwitchMode { mode: Mode::ALL[usize::try_from(random.below(Mode::ALL.len() as u64)).unwrap()] },
        _ => Command::ReloadSettings { revision: None },
    };
    (user(USERS[usize::try_from(number % 3).unwrap()]), command)
}

/// Sends one user's commands in order, some at a time, and says what it was told.
async fn send(runner: &Runner, of: UserId) {
    let mine: Vec<u64> = (0..COMMANDS).filter(|number| command(*number).0 == of).collect();
    for some in mine.chunks(TOGETHER) {
        join_all(some.iter().map(|number| async move {
            runner.log.submit(of, &submission(*number, &command(*number).1)).await.unwrap();
            println!("\ntold accepted {number} -");
        }))
        .await;
        for number in some {
            match runner.log.wait(of, id(*number), Stage::Decided, PATIENCE).await.unwrap() {
                Waited::Reached(status) => println!("\ntold {} {number} -", status.record.outcome.unwrap().verdict),
                Waited::Pending { last, .. } => panic!("{number} is not decided: {last:?}"),
            }
        }
    }
}

/// Runs and sends until it is killed or all is sent. Not a test by itself.
#[tokio::test]
async fn child_that_runs_and_sends() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let runner = start(Path::new(&folder), &USERS.map(user), &Crash::at(None)).await;
    join_all(USERS.map(|of| send(&runner, user(of)))).await;
    println!("\neverything sent");
    runner.executor.stop().await;
}

/// Runs a child until it has told `more` outcomes that are not in `told`, and kills it; whether it has sent everything
/// before.
fn run_child(folder: &Path, told: &mut HashMap<(u64, bool), String>, more: u64, seed: u64) -> bool {
    let mut child = Process::new(env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut new, mut finished) = (0, false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        finished |= line == "everything sent";
        // A line of a process that was killed may have no end.
        let words = line.strip_prefix("told ").and_then(|line| line.strip_suffix(" -")?.split_once(' '));
        let Some((what, number)) = words else { continue };
        let of = (number.parse().unwrap(), what == "accepted");
        match told.insert(of, what.to_owned()) {
            Some(before) => assert_eq!(before, what, "seed {seed}: {number} was told otherwise before"),
            None => new += u64::from(what != "accepted"),
        }
        if new == more {
            // It may have ended by itself. What it has told meanwhile is read to its end.
            drop(child.kill());
        }
    }
    child.wait().unwrap();
    finished
}

#[tokio::test]
async fn case_107_a_thousand_commands_and_a_runner_that_is_killed() {
    let seed = env::var("LIVERMORE_SOAK_SEED").map_or(107, |seed| seed.parse().unwrap());
    let mut random = SplitMix64::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut told = HashMap::new();
    let mut kills = 0;
    while !run_child(folder.path(), &mut told, 50 + random.below(100), seed) {
        kills += 1;
        assert!(kills <= COMMANDS, "seed {seed}: no end after {kills} kills; {} answers", told.len());
    }
    println!("seed {seed}: {kills} kills, {} answers", told.len());
    assert!(kills >= 5, "seed {seed}: only {kills} kills");

    let runner = start(folder.path(), &USERS.map(user), &Crash::at(None)).await;
    for of in USERS.map(user) {
        // Of a command that was not applied, everything has happened as soon as it is decided.
        let all = runner.log.history(of, CommandQuery::newest(2_000)).await.unwrap();
        let is_applied = |status: &&CommandStatus| status.record.outcome.as_ref().unwrap().verdict == Verdict::Applied;
        let last = all.iter().find(is_applied).unwrap().record.id;
        let status = runner.log.wait(of, last, Stage::Effective, PATIENCE).await.unwrap();
        assert!(matches!(status, Waited::Reached(_)), "seed {seed}: {status:?}");
    }
    runner.executor.stop().await;
    for of in USERS.map(user) {
        check((&runner.log, &runner.settings), folder.path(), of, &told, seed).await;
    }
    CommandBus::close(&runner.log).await;
    let (_, report) = open(folder.path()).await;
    assert_eq!((report.users, report.waiting, report.warnings), (3, 0, vec![]), "seed {seed}");
}

/// Holds one user's log against what its sender was told, and the states against the applied commands in order.
async fn check(
    (log, settings): (&EmbeddedCommandLog, &SettingsService<UserSettings>),
    folder: &Path,
    of: UserId,
    told: &HashMap<(u64, bool), String>,
    seed: u64,
) {
    let mut all = log.history(of, CommandQuery::newest(2_000)).await.unwrap();
    all.reverse();
    let mine: Vec<u64> = (0..COMMANDS).filter(|number| command(*number).0 == of).collect();
    assert_eq!(all.len(), mine.len(), "seed {seed}: every command of user {of} is there once");
    let history = settings.store().history(of, HistoryQuery::newest(2_000)).await.unwrap();
    let mut made: HashMap<String, _> = HashMap::new();
    for entry in &history {
        let before = made.insert(entry.cause.as_ref().unwrap().as_str().to_owned(), entry.revision);
        assert_eq!(before, None, "seed {seed}: a change was made twice");
    }
    let numbers: HashMap<_, u64> = mine.iter().map(|number| (id(*number), *number)).collect();
    let mut desired = Desired::default();
    for (seq, status) in (1..).zip(&all) {
        let record = &status.record;
        assert_eq!(record.seq.get(), seq, "seed {seed}");
        let outcome = record.outcome.as_ref().unwrap();
        let verdict = outcome.verdict.to_string();
        assert!(told.contains_key(&(numbers[&record.id], true)), "seed {seed}: {record:?} was not acknowledged");
        if let Some(told) = told.get(&(numbers[&record.id], false)) {
            assert_eq!(told, &verdict, "seed {seed}: {record:?}");
        }
        let revision = made.remove(&record.id.to_string());
        if outcome.verdict != Verdict::Applied {
            assert_eq!(revision, None, "seed {seed}: {record:?} has changed the settings");
            continue;
        }
        let mut fresh = record.clone();
        (fresh.outcome, fresh.attempts) = (None, 1);
        let case = Case { record: &fresh, desired: &desired, observed: None, now: outcome.decided_at, max_attempts: 3 };
        let answer =
            SettingsAnswer::At { revision: revision.unwrap_or(desired.settings_revision), changed: revision.is_some() };
        let ((Step::Decided(decision), _) | (_, Step::Decided(decision))) =
            (decide(case, None), decide(case, Some(&answer)))
        else {
            panic!("seed {seed}: {record:?} is not decided")
        };
        assert_eq!((decision.verdict, &decision.code), (outcome.verdict, &outcome.code), "seed {seed}: {record:?}");
        desired = decision.desired.unwrap_or(desired);
        assert_eq!(desired.generation, outcome.generation, "seed {seed}: {record:?}");
    }
    assert!(made.is_empty(), "seed {seed}: revisions of no command: {made:?}");
    let lease = log.acquire(&[of], &holder("check"), PATIENCE).await.unwrap().remove(0);
    let (found, observed) = log.states(&lease).await.unwrap();
    let observed = observed.unwrap();
    assert_eq!(found, desired, "seed {seed}");
    assert_eq!((observed.generation, observed.phase), (found.generation, found.phase), "seed {seed}");
    let last = reached(folder, of).pop().unwrap();
    assert_eq!(last, (found.generation, found.phase.to_string()), "seed {seed}");
}
