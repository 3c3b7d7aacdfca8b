//! The invariants, kept by reading along what the log writes down.

use std::collections::{BTreeMap, BTreeSet};

use livermore_core::{
    control::{CommandRecord, CommandStatus, Effect, Entry, Holder, Outcome, Verdict},
    ids::{CommandId, Epoch, Generation, Seq},
};

use crate::world::{Settings, World};

pub(crate) const ONE_OUTCOME: &str = "I1: a command has one final outcome, and it never changes";
pub(crate) const SAME_ANSWER: &str = "I2: the same command is answered with the same record";
pub(crate) const STEPS: &str = "I3: the desired state changes only with an applied command, by one generation";
pub(crate) const EFFECTIVE: &str = "I4: effective is told only of what the current runner has reached";
pub(crate) const FENCED: &str = "I6: epochs rise, and nothing is written under an older one";
pub(crate) const IN_ORDER: &str = "I7: numbers have no gap, and decisions follow them";
pub(crate) const IN_TIME: &str = "I8: nothing is applied after its time, unless it was saved in time";
pub(crate) const SAVED_IS_APPLIED: &str = "a change of the settings is applied if and only if it is saved";
pub(crate) const HEALS: &str = "I5, I11, I12: once the faults end, everything is decided and reached";

/// What has happened so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Audit {
    pub(crate) commands: BTreeMap<CommandId, Known>,
    pub(crate) epoch: Epoch,
    pub(crate) was_told_effective: bool,
    pub(crate) was_refused: bool,
    holder: Option<Holder>,
    generation: Generation,
    observed: Option<(Epoch, Generation)>,
    reached: BTreeMap<Epoch, Generation>,
    last: Seq,
    broken: BTreeSet<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Known {
    pub(crate) outcome: Option<Outcome>,
    record: CommandRecord,
}

impl Audit {
    pub(crate) fn holds(&self, invariant: &'static str) -> bool {
        !self.broken.contains(invariant)
    }

    pub(crate) fn breaks(&mut self, invariant: &'static str) {
        self.broken.insert(invariant);
    }

    fn check(&mut self, invariant: &'static str, holds: bool) {
        if !holds {
            self.breaks(invariant);
        }
    }

    pub(crate) fn take(&mut self, entries: &[Entry], settings: &Settings) {
        for entry in entries {
            match entry {
                Entry::Submitted(record) => {
                    self.check(IN_ORDER, Some(record.seq) == self.last.next());
                    self.last = record.seq;
                    let known = Known { outcome: None, record: (**record).clone() };
                    let before = self.commands.insert(record.id, known);
                    self.check(SAME_ANSWER, before.is_none());
                }
                Entry::Decided { id, outcome, desired, .. } => {
                    self.check_outcome(*id, outcome, settings);
                    let next = desired.as_ref().map(|desired| desired.generation);
                    self.check(STEPS, next.is_none() || outcome.verdict == Verdict::Applied);
                    self.check(STEPS, next.is_none() || next == self.generation.next());
                    self.generation = next.unwrap_or(self.generation);
                    self.check(STEPS, outcome.generation == self.generation);
                    self.check(FENCED, outcome.epoch.is_none_or(|epoch| epoch == self.epoch));
                }
                Entry::Leased { epoch, holder, .. } => {
                    let kept = *epoch == self.epoch && self.holder.as_ref() == Some(holder);
                    self.check(FENCED, kept || *epoch > self.epoch);
                    self.epoch = *epoch;
                    self.holder = Some(holder.clone());
                }
                Entry::Observed(observed) => {
                    self.check(FENCED, observed.epoch == self.epoch);
                    self.check(STEPS, observed.generation <= self.generation);
                    self.observed = Some((observed.epoch, observed.generation));
                }
                _ => {}
            }
        }
    }

    fn check_outcome(&mut self, id: CommandId, outcome: &Outcome, settings: &Settings) {
        let Some(known) = self.commands.get(&id).cloned() else { return self.breaks(ONE_OUTCOME) };
        self.check(ONE_OUTCOME, known.outcome.is_none());
        // Whoever looks ends what is overdue, or the sender what it has sent: only runners go by the order.
        let older = self.commands.values().any(|other| other.outcome.is_none() && other.record.seq < known.record.seq);
        self.check(IN_ORDER, outcome.epoch.is_none() || !older);
        let late = known.record.not_after.is_some_and(|not_after| outcome.decided_at > not_after);
        let saved_in_time = settings.made.get(&id).is_some_and(|(_, in_time)| *in_time);
        self.check(IN_TIME, outcome.verdict != Verdict::Applied || !late || saved_in_time);
        self.commands.insert(id, Known { outcome: Some(outcome.clone()), ..known });
    }

    /// A sender has this from `submit` or `cancel`.
    pub(crate) fn was_answered(&mut self, record: &CommandRecord) {
        let known = self.commands.get(&record.id);
        let same = known.is_some_and(|known| known.record.seq == record.seq && known.outcome == record.outcome);
        self.check(SAME_ANSWER, same);
    }

    /// A sender has this from `record`.
    pub(crate) fn was_told(&mut self, status: &CommandStatus) {
        self.was_answered(&status.record);
        if status.effect == Effect::Effective {
            self.was_told_effective = true;
            let wanted = status.record.outcome.as_ref().map(|outcome| outcome.generation);
            let reached = self.reached.get(&self.epoch).copied();
            self.check(EFFECTIVE, wanted.is_some() && reached >= wanted);
            self.check(EFFECTIVE, self.observed.is_some_and(|(epoch, _)| epoch == self.epoch));
        }
    }

    /// A runner's data plane is there.
    pub(crate) fn is_reached(&mut self, epoch: Epoch, generation: Generation) {
        self.reached.insert(epoch, generation);
    }

    pub(crate) fn has(&self, is: fn(&Outcome) -> bool) -> bool {
        self.commands.values().filter_map(|known| known.outcome.as_ref()).any(is)
    }

    pub(crate) fn is_applied(outcome: &Outcome) -> bool {
        outcome.verdict == Verdict::Applied
    }

    pub(crate) fn is_expired(outcome: &Outcome) -> bool {
        outcome.verdict == Verdict::Expired
    }
}

/// What is saved is undecided or applied, and what is applied is saved.
pub(crate) fn saved_is_applied(world: &World) -> bool {
    world.audit.commands.iter().all(|(id, known)| {
        let saved = world.settings.made.contains_key(id);
        match &known.outcome {
            None => true,
            Some(outcome) if outcome.verdict == Verdict::Applied => saved || !known.record.changes_settings(),
            Some(_) => !saved,
        }
    })
}
