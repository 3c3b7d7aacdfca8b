//! The processes around a command log, and what each may do next. What the log does is the product's.

use std::collections::{BTreeMap, BTreeSet};

use livermore_core::{
    control::{
        Case, ControlError, Entry, Health, Holder, Lease, Next, Observed, SettingsAnswer, Step, UserLog, decide,
    },
    ids::{CommandId, Generation, Revision, UserId},
};

use crate::{
    audit::{self, Audit},
    model::{BEGINS, CRASHES, ControlModel, LAST_TICK, POSTPONES, SENDS, TTL, at},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) tick: i64,
    pub(crate) log: UserLog,
    pub(crate) settings: Settings,
    pub(crate) audit: Audit,
    senders: [Sender; 2],
    runners: [Runner; 2],
    crashes: u8,
    begins: u8,
    postpones: u8,
}

/// One step of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    /// A sender sends its command, for the first time or because it got no answer.
    Submit(usize),
    Ask(usize),
    Cancel(usize),
    Acquire(usize),
    Begin(usize),
    AskSettings(usize),
    Decide(usize),
    /// The answer to the decision is lost, and the runner does not know.
    DecideUnheard(usize),
    /// The runner could not reach the settings, or the log: then they may have saved.
    Postpone(usize),
    /// The data plane is brought where the desired state wants it.
    Converge(usize),
    Report(usize),
    Crash(usize),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Sender {
    sends: u8,
    cancelled: bool,
}

/// What a runner believes. A crash takes it away, and the next start has another name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Runner {
    starts: u8,
    lease: Option<Lease>,
    hand: Option<Hand>,
    plane: Option<Generation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Hand {
    next: Next,
    answer: Option<SettingsAnswer>,
}

/// The settings: each change is saved once per cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    /// The revision each command made, and whether it was begun in time.
    pub(crate) made: BTreeMap<CommandId, (Revision, bool)>,
    /// What they have said will not be made.
    given_up: BTreeSet<CommandId>,
    newest: Revision,
}

impl World {
    pub(crate) fn new(user: UserId) -> Self {
        Self {
            tick: 0,
            log: UserLog::new(user),
            settings: Settings::default(),
            audit: Audit::default(),
            senders: Default::default(),
            runners: Default::default(),
            crashes: 0,
            begins: 0,
            postpones: 0,
        }
    }

    pub(crate) fn actions(&self, model: &ControlModel, actions: &mut Vec<Action>) {
        if self.tick < LAST_TICK {
            actions.push(Action::Tick);
        }
        for (number, sender) in self.senders.iter().enumerate() {
            if sender.sends < SENDS[number] {
                actions.push(Action::Submit(number));
            }
            if sender.sends > 0 {
                actions.push(Action::Ask(number));
                if model.cancels == Some(number) && !sender.cancelled {
                    actions.push(Action::Cancel(number));
                }
            }
        }
        for (number, runner) in self.runners.iter().enumerate() {
            let Some(_) = &runner.lease else {
                actions.push(Action::Acquire(number));
                continue;
            };
            match &runner.hand {
                None if self.begins < BEGINS => actions.push(Action::Begin(number)),
                None => {}
                Some(hand) => {
                    if matches!(hand.step(), Step::AskSettings { .. }) {
                        actions.push(Action::AskSettings(number));
                    } else {
                        actions.extend([Action::Decide(number), Action::DecideUnheard(number)]);
                    }
                    if self.postpones < POSTPONES {
                        actions.push(Action::Postpone(number));
                    }
                }
            }
            actions.extend([Action::Converge(number), Action::Report(number)]);
            if self.crashes < CRASHES {
                actions.push(Action::Crash(number));
            }
        }
    }

    pub(crate) fn step(&mut self, model: &ControlModel, action: Action) {
        let now = at(self.tick);
        let mut entries: Vec<Entry> = Vec::new();
        match action {
            Action::Tick => self.tick += 1,
            Action::Submit(number) => {
                self.senders[number].sends += 1;
                let record = self.log.submit(now, &model.commands[number], &model.policy, &mut entries);
                self.audit.take(&entries, &self.settings);
                entries.clear();
                self.audit.was_answered(&record.unwrap());
            }
            Action::Ask(number) => {
                let status = self.log.status(now, model.commands[number].id(), &mut entries);
                self.audit.take(&entries, &self.settings);
                entries.clear();
                self.audit.was_told(&status.unwrap());
            }
            Action::Cancel(number) => {
                self.senders[number].cancelled = true;
                let record = self.log.cancel(now, model.commands[number].id(), &mut entries);
                self.audit.take(&entries, &self.settings);
                entries.clear();
                self.audit.was_answered(&record.unwrap());
            }
            Action::Acquire(number) => {
                let runner = &mut self.runners[number];
                let holder = Holder::new(&format!("runner-{number}-{}", runner.starts)).unwrap();
                runner.lease = self.log.acquire(now, &holder, TTL, &mut entries);
            }
            Action::Begin(number) => {
                let lease = self.lease(number);
                let next = self.log.next(now, &lease, &mut entries);
                if let Some(Some(next)) = self.heard(number, next) {
                    self.begins += 1;
                    self.runners[number].hand = Some(Hand { next, answer: None });
                }
            }
            Action::AskSettings(number) => {
                let hand = self.runners[number].hand.as_mut().unwrap();
                let Step::AskSettings { only_if_made, .. } = hand.step() else { unreachable!() };
                hand.answer = Some(self.settings.ask(&hand.next, only_if_made, model.settings_forget));
            }
            Action::Decide(number) | Action::DecideUnheard(number) => {
                let lease = self.lease(number);
                let hand = self.runners[number].hand.clone().unwrap();
                let Step::Decided(decision) = hand.step() else { unreachable!() };
                let record = self.log.decide(now, &lease, hand.next.record.seq, decision, &mut entries);
                let unheard = action == Action::DecideUnheard(number);
                if !unheard && self.heard(number, record).is_some() {
                    self.runners[number].hand = None;
                }
            }
            Action::Postpone(number) => {
                self.postpones += 1;
                let lease = self.lease(number);
                let seq = self.runners[number].hand.as_ref().unwrap().next.record.seq;
                let postponed = self.log.postpone(&lease, seq, &mut entries);
                if self.heard(number, postponed).is_some() {
                    self.runners[number].hand = None;
                }
            }
            Action::Converge(number) => {
                let states = self.log.states(&self.lease(number));
                if let Some((desired, _)) = self.heard(number, states) {
                    self.runners[number].plane = Some(desired.generation);
                    self.audit.is_reached(self.lease(number).epoch, desired.generation);
                }
            }
            Action::Report(number) => {
                let (lease, plane) = (self.lease(number), self.runners[number].plane);
                if let Some(generation) = plane {
                    let reported = self.log.observe(&lease, report(&lease, generation), &mut entries);
                    self.heard(number, reported);
                }
            }
            Action::Crash(number) => {
                self.crashes += 1;
                self.runners[number] = Runner { starts: self.runners[number].starts + 1, ..Runner::default() };
            }
        }
        self.audit.take(&entries, &self.settings);
    }

    fn lease(&self, number: usize) -> Lease {
        self.runners[number].lease.clone().unwrap()
    }

    /// What a runner takes from an answer: one whose lease has moved on stops and forgets.
    fn heard<T>(&mut self, number: usize, answer: Result<T, ControlError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(ControlError::StaleEpoch { .. }) => {
                self.audit.was_refused = true;
                let runner = &mut self.runners[number];
                *runner = Runner { starts: runner.starts, ..Runner::default() };
                None
            }
            // Nothing else may happen to a runner here.
            Err(_) => {
                self.audit.breaks(audit::STEPS);
                None
            }
        }
    }
}

impl Hand {
    fn step(&self) -> Step {
        decided(&self.next, self.answer.as_ref())
    }
}

pub(crate) fn decided(next: &Next, answer: Option<&SettingsAnswer>) -> Step {
    let Next { record, desired, observed, now } = next;
    let max_attempts = crate::model::MAX_ATTEMPTS;
    decide(Case { record, desired, observed: observed.as_ref(), now: *now, max_attempts }, answer)
}

pub(crate) fn report(lease: &Lease, generation: Generation) -> Observed {
    Observed {
        epoch: lease.epoch,
        generation,
        phase: livermore_core::control::Phase::Running,
        settings_revision: Revision::ZERO,
        held_back: false,
        health: Health::Converged,
        jobs: Vec::new(),
        at: at(0),
    }
}

impl Settings {
    pub(crate) fn ask(&mut self, next: &Next, only_if_made: bool, forgets: bool) -> SettingsAnswer {
        let id = next.record.id;
        if let Some((revision, _)) = self.made.get(&id) {
            return SettingsAnswer::At { revision: *revision, changed: true };
        }
        if only_if_made {
            self.given_up.insert(id);
        }
        if only_if_made || self.given_up.contains(&id) && !forgets {
            return SettingsAnswer::NotMade;
        }
        self.newest = self.newest.next().unwrap();
        let in_time = next.record.not_after.is_none_or(|not_after| next.now <= not_after);
        self.made.insert(id, (self.newest, in_time));
        SettingsAnswer::At { revision: self.newest, changed: true }
    }
}
