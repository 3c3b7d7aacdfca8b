use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::{
    control::{
        CacheScope, Case, Command, ControlPolicy, Expiry, Health, Holder, JobReport, JobState, Lease, Observed,
        PauseLevel, Phase, SettingsAnswer, Step, Submission, decide, ledger::Turn,
    },
    exchange::SplitMix64,
    ids::{CommandId, Epoch, Generation, Symbol, Timestamp},
    settings::Actor,
};

const USERS: u64 = 3;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::try_from(millis).unwrap()).unwrap()
}

fn id(number: u64) -> CommandId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    CommandId::from_parts(at(0), random)
}

fn config(folder: &TempDir) -> FileLogConfig {
    let policy = ControlPolicy {
        not_after: Duration::from_millis(300),
        keep: Duration::from_secs(1),
        keep_outcome: Duration::from_secs(2),
        ..ControlPolicy::default()
    };
    FileLogConfig::new(folder.path(), policy)
}

fn open(folder: &TempDir) -> Opened {
    JournalFile::open(&config(folder)).unwrap()
}

fn command(random: &mut SplitMix64) -> Command {
    match random.next_u64() % 4 {
        0 => Command::Pause { level: PauseLevel::Hold },
        1 => Command::Resume,
        2 => Command::AddSymbol { symbol: Symbol::new(&format!("S{}-USD", random.next_u64() % 5)).unwrap() },
        _ => Command::ClearCache { scope: CacheScope::All },
    }
}

/// Any operation, of any user, whether or not it makes sense now.
fn operate(turn: &mut Turn<'_>, random: &mut SplitMix64, number: u64) {
    let user = UserId::new(1 + random.next_u64() % USERS).unwrap();
    let holder = Holder::new(["a", "b"][usize::try_from(random.next_u64() % 2).unwrap()]).unwrap();
    let lease = Lease { user, epoch: Epoch::new(random.next_u64() % 20).unwrap(), holder: holder.clone() };
    let ttl = Duration::from_millis(400);
    turn.on(user, |log, now, policy, out| {
        // The lease that is held, mostly; sometimes another one.
        let lease = log.acquire(now, &holder, ttl, out).unwrap_or(lease);
        match random.next_u64() % 12 {
            0..=3 => {
                let submission = Submission::new(id(number), &command(random), Actor::new("test").unwrap()).unwrap();
                let expiry = if random.next_u64().is_multiple_of(2) { Expiry::Never } else { Expiry::Default };
                drop(log.submit(now, &submission.with_expiry(expiry), policy, out));
            }
            4..=6 => {
                let Ok(Some(next)) = log.next(now, &lease, out) else { return };
                let (record, desired) = (&next.record, &next.desired);
                let case = Case { record, desired, observed: next.observed.as_ref(), now, max_attempts: 9 };
                let saved = SettingsAnswer::At { revision: desired.settings_revision.next().unwrap(), changed: true };
                let decision = match (decide(case, None), decide(case, Some(&saved))) {
                    (Step::Decided(decision), _) | (_, Step::Decided(decision)) => decision,
                    other => panic!("{other:?}"),
                };
                if random.next_u64().is_multiple_of(4) {
                    log.postpone(&lease, record.seq, out).unwrap();
                } else {
                    log.decide(now, &lease, record.seq, decision, out).unwrap();
                }
            }
            7 => drop(log.cancel(now, id(random.next_u64() % (number + 1)), out)),
            8 => log.release(now, &lease, out),
            9 => log.forget(now, policy, out),
            10 => drop(log.rebase(out)),
            _ => {
                let state = [JobState::Done, JobState::Running { done: 1, total: 2 }];
                let job = JobReport {
                    // Of a command that was not sent yet, too.
                    id: id(random.next_u64() % (number + 20)),
                    state: state[usize::try_from(random.next_u64() % 2).unwrap()].clone(),
                };
                let observed = Observed {
                    epoch: lease.epoch,
                    generation: Generation::new(random.next_u64() % 6).unwrap(),
                    phase: Phase::Running,
                    settings_revision: crate::ids::Revision::ZERO,
                    held_back: false,
                    health: Health::Converged,
                    jobs: vec![job],
                    at: now,
                };
                drop(log.observe(&lease, observed, out));
            }
        }
    });
}

/// So many groups of operations, from this seed; each is written.
fn work(opened: &mut Opened, seed: u64, groups: u64) {
    let mut random = SplitMix64::new(seed);
    let mut number = seed << 20;
    for group in 0..groups {
        let mut entries = Vec::new();
        for _ in 0..=random.next_u64() % 3 {
            number += 1;
            operate(&mut opened.ledger.turn(at(group * 20), &mut entries), &mut random, number);
        }
        if !entries.is_empty() {
            opened.journal.append(&entries).unwrap();
        }
    }
}

#[test]
fn what_is_read_is_what_was_written() {
    for seed in 1..=20 {
        let folder = tempfile::tempdir().unwrap();
        let mut opened = open(&folder);
        for _ in 0..3 {
            work(&mut opened, seed, 60);
            let again = open(&folder);
            assert_eq!(again.ledger, opened.ledger, "seed {seed}");
            assert_eq!((again.torn, again.journal.length), (None, opened.journal.length), "seed {seed}");
            opened = again;
        }
        assert!(opened.ledger.users() > 0, "seed {seed} has done nothing");
    }
}

#[test]
fn a_shortened_journal_says_the_same_and_can_be_written_on() {
    let mut shorter = 0;
    for seed in 1..=20 {
        let folder = tempfile::tempdir().unwrap();
        let mut opened = open(&folder);
        for round in 0..3 {
            work(&mut opened, seed * 10 + round, 60);
            let before = opened.journal.length;
            opened.journal.shorten(&opened.ledger).unwrap();
            shorter += u64::from(opened.journal.length < before);
            assert_eq!(open(&folder).ledger, opened.ledger, "seed {seed}, round {round}");
            work(&mut opened, seed * 10 + round + 5, 5);
            assert_eq!(open(&folder).ledger, opened.ledger, "seed {seed}, round {round}, after more");
        }
    }
    assert!(shorter > 50, "only {shorter} of 60 were shortened");
}

#[test]
fn a_last_line_that_ends_anywhere_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(&folder);
    work(&mut opened, 7, 20);
    let (whole, before) = (open(&folder).ledger, opened.journal.length);
    let mut entries = Vec::new();
    let mut random = SplitMix64::new(8);
    while entries.len() < 3 {
        operate(&mut opened.ledger.turn(at(999), &mut entries), &mut random, 1 << 40);
    }
    opened.journal.append(&entries).unwrap();
    let after = opened.journal.length;
    let path = opened.journal.path.clone();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, after);
    assert!(after > before + 200, "the last line is short");
    for end in before..after {
        fs::write(&path, &bytes[..usize::try_from(end).unwrap()]).unwrap();
        let mut torn = open(&folder);
        assert_eq!(torn.ledger, whole, "cut at {end}");
        assert_eq!(torn.torn, (end > before).then(|| end - before), "cut at {end}");
        assert_eq!(fs::metadata(&path).unwrap().len(), before, "cut at {end}");
        if end % 20 == 0 {
            torn.journal.append(&entries).unwrap();
            assert_eq!(open(&folder).ledger, opened.ledger, "cut at {end}, written again");
        }
    }
}

#[test]
fn damage_before_the_end_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(&folder);
    work(&mut opened, 3, 20);
    let path = opened.journal.path.clone();
    let bytes = fs::read(&path).unwrap();
    let lines: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    assert!(lines.len() > 10, "{lines:?}");
    for (at, line) in [(lines[2] + 3, 4), (lines[5] + 40, 7), (lines[lines.len() - 2] + 20, lines.len())] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let error = JournalFile::open(&config(&folder)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ControlError::Setup { .. }), "{text}");
        let (name, before) = (path.display().to_string(), format!("head -n {}", line - 1));
        for part in [&format!("line {line} of"), &name, &before] {
            assert!(text.contains(part), "no {part:?} in: {text}");
        }
        assert_eq!(fs::read(&path).unwrap(), damaged, "it was touched");
    }
}

#[test]
fn what_is_no_journal_or_a_newer_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let newer = encode(&Head { journal: FORMAT.to_owned(), version: VERSION + 1 }).unwrap();
    let other = encode(&Head { journal: "other".to_owned(), version: VERSION }).unwrap();
    let whole = head().unwrap();
    let cases: [(&[u8], &str); 5] = [
        (&newer, "update this program"),
        (&other, "not a journal"),
        (b"{}\n", "not a journal"),
        (b"", "not a journal"),
        (&whole[..whole.len() - 1], "not a journal"),
    ];
    for (bytes, part) in cases {
        fs::write(&path, bytes).unwrap();
        let error = JournalFile::open(&config(&folder)).unwrap_err();
        assert!(matches!(error, ControlError::Setup { .. }) && error.to_string().contains(part), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "it was touched");
    }
}
