//! Laws of a user's log, over random histories.

use std::{collections::BTreeMap, time::Duration};

use livermore_core::{
    control::{
        Body, Case, Command, ControlError, ControlPolicy, Desired, Entry, Expiry, Holder, PauseLevel, Phase,
        SettingsAnswer, Step, Submission, UserLog, Verdict, decide,
    },
    ids::{CommandId, Revision, Timestamp, UserId},
};
use proptest::prelude::*;
use serde_json::Value;

use super::parsing::{actor, id, symbol};

#[derive(Debug, Clone, Copy)]
enum Op {
    Submit {
        number: u8,
        kind: Kind,
        ttl: Option<u8>,
    },
    Cancel(u8),
    Look(u8),
    Pass(u8),
    /// A runner begins the oldest command and gets so far.
    Work(Progress),
    /// Another runner takes over.
    TakeOver,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Mute,
    Stop,
    Resume,
    Add,
    Clear,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Progress {
    Dies,
    DiesAfterSaving,
    PutsOff,
    Decides,
}

const POLICY_MAX_ATTEMPTS: u32 = 2;
const MAX_OPEN: usize = 4;

fn policy() -> ControlPolicy {
    ControlPolicy { max_open: 4, max_attempts: POLICY_MAX_ATTEMPTS, ..ControlPolicy::default() }
}

fn submission(number: u8, kind: Kind, ttl: Option<u8>) -> Submission {
    let command = match kind {
        Kind::Mute => Command::Pause { level: PauseLevel::Mute },
        Kind::Stop => Command::Pause { level: PauseLevel::Stop },
        Kind::Resume => Command::Resume,
        Kind::Add => Command::AddSymbol { symbol: symbol("BTC-USD") },
        Kind::Clear => Command::ClearCache { scope: livermore_core::control::CacheScope::All },
    };
    let expiry = ttl.map_or(Expiry::Never, |ttl| Expiry::After(Duration::from_millis(ttl.into())));
    Submission::new(id(number), &command, actor()).unwrap().with_expiry(expiry)
}

/// What the product does.
struct Real {
    log: UserLog,
    journal: Vec<Entry>,
    now: i64,
    runner: u32,
    saved: BTreeMap<CommandId, Revision>,
}

impl Real {
    fn new() -> Self {
        let log = UserLog::new(UserId::new(1).unwrap());
        Self { log, journal: Vec::new(), now: 0, runner: 0, saved: BTreeMap::new() }
    }

    fn run(&mut self, op: Op) {
        let (now, journal) = (Timestamp::from_millis(self.now).unwrap(), &mut self.journal);
        match op {
            Op::Submit { number, kind, ttl } => {
                // Every command is sent twice, as after a lost answer.
                let sent = submission(number, kind, ttl);
                let first = self.log.submit(now, &sent, &policy(), journal);
                match (first, self.log.submit(now, &sent, &policy(), journal)) {
                    (Ok(first), Ok(again)) => assert_eq!(first, again),
                    (Err(ControlError::Busy { .. }), Err(ControlError::Busy { .. }))
                    | (Err(ControlError::IdReused { .. }), Err(ControlError::IdReused { .. })) => {}
                    answers => panic!("the same command twice was answered {answers:?}"),
                }
            }
            Op::Cancel(number) => drop(self.log.cancel(now, id(number), journal)),
            Op::Look(number) => drop(self.log.status(now, id(number), journal)),
            Op::Pass(time) => self.now += i64::from(time),
            Op::TakeOver => {
                self.runner += 1;
                self.now += 100;
            }
            Op::Work(progress) => self.work(now, progress),
        }
    }

    fn work(&mut self, now: Timestamp, progress: Progress) {
        let journal = &mut self.journal;
        let holder = Holder::new(&format!("runner-{}", self.runner)).unwrap();
        let Some(lease) = self.log.acquire(now, &holder, Duration::from_millis(50), journal) else { return };
        let Some(next) = self.log.next(now, &lease, journal).unwrap() else { return };
        if progress == Progress::Dies {
            return;
        }
        if progress == Progress::PutsOff {
            return self.log.postpone(&lease, next.record.seq, journal).unwrap();
        }
        let max_attempts = POLICY_MAX_ATTEMPTS;
        let case = Case { record: &next.record, desired: &next.desired, observed: None, now: next.now, max_attempts };
        let mut step = decide(case, None);
        if let Step::AskSettings { only_if_made, .. } = step {
            let made = self.saved.get(&next.record.id).copied();
            let newest = Revision::new(self.saved.len() as u64 + 1).unwrap();
            let revision = made.or((!only_if_made).then_some(newest));
            revision.map(|revision| self.saved.insert(next.record.id, revision));
            let answer = revision.map(|revision| SettingsAnswer::At { revision, changed: true });
            step = decide(case, Some(&answer.unwrap_or(SettingsAnswer::NotMade)));
        }
        let Step::Decided(decision) = step else { panic!("undecided: {step:?}") };
        if progress == Progress::Decides {
            self.log.decide(now, &lease, next.record.seq, decision, journal).unwrap();
        }
    }

    fn seen(&mut self) -> Seen {
        let now = Timestamp::from_millis(self.now).unwrap();
        let records = self.log.history(now, None, usize::MAX, &mut self.journal);
        let mut outcomes: Vec<_> = records
            .into_iter()
            .map(|status| (status.record.id, status.record.outcome.map(|outcome| outcome.verdict)))
            .collect();
        outcomes.reverse();
        let lease = {
            let holder = Holder::new("looks").unwrap();
            let after = Timestamp::from_millis(self.now + 1_000).unwrap();
            self.log.clone().acquire(after, &holder, Duration::ZERO, &mut Vec::new()).unwrap()
        };
        // A copy, so that looking changes nothing.
        let mut copy = self.log.clone();
        let after = Timestamp::from_millis(self.now + 1_000).unwrap();
        copy.acquire(after, &lease.holder, Duration::ZERO, &mut Vec::new()).unwrap();
        let Desired { generation, phase, settings_revision, jobs, .. } = copy.states(&lease).unwrap().0;
        let jobs = jobs.iter().map(|job| job.id).collect();
        Seen { outcomes, generation: generation.get(), phase, revision: settings_revision.get(), jobs }
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    outcomes: Vec<(CommandId, Option<Verdict>)>,
    generation: u64,
    phase: Phase,
    revision: u64,
    jobs: Vec<CommandId>,
}

/// What is promised, in few words and without the product's code: a queue, a clock and a few registers.
#[derive(Default)]
struct Promised {
    queue: Vec<Waiting>,
    now: i64,
    generation: u64,
    phase: Phase,
    revision: u64,
    jobs: Vec<CommandId>,
    saved: u64,
    runner: u32,
    /// Which runner decides, and until when it may.
    lease: Option<(u32, i64)>,
}

struct Waiting {
    number: u8,
    kind: Kind,
    until: Option<i64>,
    attempts: u32,
    saved: Option<u64>,
    verdict: Option<Verdict>,
}

impl Promised {
    fn run(&mut self, op: Op) {
        if !matches!(op, Op::Pass(_) | Op::TakeOver | Op::Work(_)) {
            self.expire();
        }
        match op {
            Op::Submit { number, kind, ttl } => {
                let open = self.queue.iter().filter(|waiting| waiting.verdict.is_none()).count();
                if open < MAX_OPEN && self.queue.iter().all(|waiting| waiting.number != number) {
                    let until = ttl.map(|ttl| self.now + i64::from(ttl));
                    self.queue.push(Waiting { number, kind, until, attempts: 0, saved: None, verdict: None });
                }
            }
            Op::Cancel(number) => {
                let found = self.queue.iter_mut().find(|waiting| waiting.number == number && waiting.verdict.is_none());
                if let Some(waiting) = found.filter(|waiting| waiting.kind != Kind::Add || waiting.attempts == 0) {
                    waiting.verdict = Some(Verdict::Cancelled);
                }
            }
            Op::Look(_) => {}
            Op::Pass(time) => self.now += i64::from(time),
            Op::TakeOver => {
                self.runner += 1;
                self.now += 100;
            }
            Op::Work(progress) => self.work(progress),
        }
    }

    fn expire(&mut self) {
        for waiting in self.queue.iter_mut().filter(|waiting| waiting.verdict.is_none()) {
            let begun = waiting.kind == Kind::Add && waiting.attempts > 0;
            if waiting.until.is_some_and(|until| self.now > until) && !begun {
                waiting.verdict = Some(Verdict::Expired);
            }
        }
    }

    fn work(&mut self, progress: Progress) {
        if self.lease.is_some_and(|(runner, until)| runner != self.runner && until > self.now) {
            return;
        }
        self.lease = Some((self.runner, self.now + 50));
        self.expire();
        let Some(waiting) = self.queue.iter_mut().find(|waiting| waiting.verdict.is_none()) else { return };
        waiting.attempts += 1;
        let poison = waiting.attempts > POLICY_MAX_ATTEMPTS;
        let hopeless = waiting.attempts > 2 * POLICY_MAX_ATTEMPTS;
        let late = waiting.until.is_some_and(|until| self.now > until);
        match progress {
            Progress::Dies => return,
            Progress::PutsOff if waiting.kind == Kind::Add => return waiting.attempts = (waiting.attempts - 1).max(1),
            Progress::PutsOff => return waiting.attempts -= 1,
            Progress::DiesAfterSaving | Progress::Decides => {}
        }
        if waiting.kind == Kind::Add && waiting.saved.is_none() && !poison && !late {
            self.saved += 1;
            waiting.saved = Some(self.saved);
        }
        if progress == Progress::DiesAfterSaving {
            return;
        }
        let (phase, revision, jobs) = (self.phase, self.revision, self.jobs.len());
        let verdict = match waiting.kind {
            Kind::Add if hopeless => Verdict::Failed,
            Kind::Add if waiting.saved.is_some() => Verdict::Applied,
            _ if poison => Verdict::Failed,
            Kind::Add => Verdict::Expired,
            Kind::Clear if jobs >= Desired::MAX_JOBS => Verdict::Rejected,
            _ => Verdict::Applied,
        };
        waiting.verdict = Some(verdict);
        if verdict == Verdict::Applied {
            match waiting.kind {
                Kind::Mute => self.phase = phase.max(Phase::Muted),
                Kind::Stop => self.phase = Phase::Stopped,
                Kind::Resume => self.phase = Phase::Running,
                Kind::Add => self.revision = revision.max(waiting.saved.unwrap_or_default()),
                Kind::Clear => self.jobs.push(id(waiting.number)),
            }
        }
        let changed = phase != self.phase || revision != self.revision || jobs != self.jobs.len();
        self.generation += u64::from(changed);
    }

    fn seen(&mut self) -> Seen {
        self.expire();
        let outcomes = self.queue.iter().map(|waiting| (id(waiting.number), waiting.verdict)).collect();
        let (generation, phase, revision, jobs) = (self.generation, self.phase, self.revision, self.jobs.clone());
        Seen { outcomes, generation, phase, revision, jobs }
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let kind = proptest::sample::select(vec![Kind::Mute, Kind::Stop, Kind::Resume, Kind::Add, Kind::Clear]);
    let submit = (0..30_u8, kind, proptest::option::of(0..20_u8));
    let progress = proptest::sample::select(vec![
        Progress::Dies,
        Progress::DiesAfterSaving,
        Progress::PutsOff,
        Progress::Decides,
        Progress::Decides,
        Progress::Decides,
    ]);
    let op = prop_oneof![
        5 => submit.prop_map(|(number, kind, ttl)| Op::Submit { number, kind, ttl }),
        1 => (0..30_u8).prop_map(Op::Cancel),
        1 => (0..30_u8).prop_map(Op::Look),
        2 => (0..30_u8).prop_map(Op::Pass),
        6 => progress.prop_map(Op::Work),
        1 => Just(Op::TakeOver),
    ];
    proptest::collection::vec(op, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn case_14_any_history_ends_as_promised(ops in ops()) {
        let (mut real, mut promised) = (Real::new(), Promised::default());
        for op in ops {
            real.run(op);
            promised.run(op);
            prop_assert_eq!(real.seen(), promised.seen(), "after {:?}", op);
        }
    }

    #[test]
    fn case_10_a_command_that_expires_leaves_no_trace(ops in ops(), at in 0..60_usize, kind in 0..4_usize) {
        let kind = [Kind::Mute, Kind::Stop, Kind::Resume, Kind::Add][kind];
        let (mut with, mut without) = (Real::new(), Real::new());
        for (number, op) in ops.iter().enumerate() {
            if number == at {
                // It comes when nobody works, and its time is over before anybody does.
                with.run(Op::Submit { number: 99, kind, ttl: Some(0) });
                with.run(Op::Pass(1));
                without.run(Op::Pass(1));
            }
            with.run(*op);
            without.run(*op);
        }
        let (mut with, without) = (with.seen(), without.seen());
        with.outcomes.retain(|(of, verdict)| *of != id(99) || *verdict == Some(Verdict::Applied));
        prop_assert_eq!(with, without);
    }

    #[test]
    fn a_journal_replayed_through_json_is_the_same_log(ops in ops()) {
        let mut real = Real::new();
        ops.into_iter().for_each(|op| real.run(op));
        let mut replayed = UserLog::new(UserId::new(1).unwrap());
        for entry in &real.journal {
            let line = serde_json::to_string(entry).unwrap();
            let read: Entry = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(&read, entry);
            replayed.apply(read);
        }
        prop_assert_eq!(replayed, real.log);
    }

    #[test]
    fn the_order_of_members_is_no_part_of_a_command(
        members in proptest::collection::btree_map("[a-z]{1,6}", any::<i32>(), 1..6),
        turn in 0..6_usize,
    ) {
        let text = |names: &mut dyn Iterator<Item = (&String, &i32)>| {
            let members: Vec<_> = names.map(|(name, value)| format!("\"{name}\":{{\"b\":{value},\"a\":0}}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let forwards = text(&mut members.iter());
        let turned = text(&mut members.iter().cycle().skip(turn).take(members.len()));
        let backwards = text(&mut members.iter().rev()).replace("\"b\"", "\"c\"");
        let body = |text: &str| Body::new(&serde_json::from_str::<Value>(text).unwrap());
        prop_assert_eq!(body(&forwards), body(&turned));
        prop_assert_eq!(body(&forwards).hash("pause"), body(&turned).hash("pause"));
        prop_assert_ne!(body(&forwards).hash("pause"), body(&turned).hash("resume"));
        prop_assert_ne!(body(&forwards).hash("pause"), body(&backwards).hash("pause"));
    }
}
