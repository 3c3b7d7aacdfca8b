use std::collections::BTreeMap;

use super::super::{Desired, PauseLevel, Phase};
use crate::ids::{CommandId, Generation, UserId};

/// Pauses that hold in this process although its desired states do not show them. Pure.
///
/// Each is lifted once the desired state shows what became of it, and not before: between a decision and the desired
/// state that holds it, the data plane must not start for a moment.
#[derive(Debug, Default)]
pub(super) struct VolatilePauses(BTreeMap<UserId, Vec<Laid>>);

#[derive(Debug)]
struct Laid {
    id: CommandId,
    phase: Phase,
    /// The desired state that shows what became of it; none while the log has not decided it.
    shown_by: Option<Generation>,
}

/// What a data plane converges on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Goal {
    /// The desired state, with the phase that stops more.
    pub(super) desired: Desired,
    /// That phase is not the desired one.
    pub(super) held_back: bool,
}

impl VolatilePauses {
    /// Most pauses of one user that are not decided.
    pub(super) const MOST: usize = 16;

    /// Lays one over the user's desired state; false if there are too many.
    pub(super) fn lay(&mut self, user: UserId, id: CommandId, level: PauseLevel) -> bool {
        let laid = self.0.entry(user).or_default();
        if laid.iter().filter(|laid| laid.shown_by.is_none()).count() >= Self::MOST {
            return false;
        }
        laid.push(Laid { id, phase: level.into(), shown_by: None });
        true
    }

    /// The log has decided one: every desired state from this generation on shows it.
    pub(super) fn decided(&mut self, user: UserId, id: CommandId, generation: Generation) {
        let Some(all) = self.0.get_mut(&user) else { return };
        let Some(laid) = all.iter_mut().find(|laid| laid.id == id) else { return };
        let (phase, shown_by) = (laid.phase, Some(generation));
        laid.shown_by = shown_by;
        // It stands for those of its kind that were decided before: where nothing is worked from, they are not lifted.
        all.retain(|laid| laid.id == id || laid.phase != phase || laid.shown_by.is_none() || laid.shown_by > shown_by);
    }

    /// Lifts what the desired state of this generation shows.
    pub(super) fn lift(&mut self, user: UserId, known: Generation) {
        let Some(laid) = self.0.get_mut(&user) else { return };
        laid.retain(|laid| laid.shown_by.is_none_or(|shown_by| known < shown_by));
        if laid.is_empty() {
            self.0.remove(&user);
        }
    }

    /// The deepest one of a user.
    pub(super) fn deepest(&self, user: UserId) -> Option<Phase> {
        self.0.get(&user)?.iter().map(|laid| laid.phase).max()
    }

    /// What the user's data plane is to converge on.
    pub(super) fn over(&self, user: UserId, desired: &Desired) -> Goal {
        let phase = self.deepest(user).map_or(desired.phase, |phase| phase.max(desired.phase));
        Goal { held_back: phase != desired.phase, desired: Desired { phase, ..desired.clone() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Timestamp;

    fn user(number: u64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn id(number: u8) -> CommandId {
        CommandId::from_parts(Timestamp::EPOCH, [number; 10])
    }

    fn generation(number: u64) -> Generation {
        Generation::new(number).unwrap()
    }

    fn desired(number: u64, phase: Phase) -> Desired {
        Desired { generation: generation(number), phase, ..Desired::default() }
    }

    #[test]
    fn of_all_pauses_the_one_holds_that_stops_more() {
        let mut pauses = VolatilePauses::default();
        let phases = |pauses: &VolatilePauses| {
            [Phase::Running, Phase::Muted, Phase::Stopped].map(|phase| {
                let goal = pauses.over(user(7), &desired(3, phase));
                assert_eq!(goal.held_back, goal.desired.phase != phase);
                assert_eq!(goal.desired.generation.get(), 3);
                goal.desired.phase
            })
        };
        assert_eq!(phases(&pauses), [Phase::Running, Phase::Muted, Phase::Stopped]);
        assert!(pauses.lay(user(7), id(1), PauseLevel::Hold) && pauses.lay(user(7), id(2), PauseLevel::Mute));
        assert_eq!(phases(&pauses), [Phase::Held, Phase::Held, Phase::Stopped]);
        assert_eq!((pauses.deepest(user(7)), pauses.deepest(user(8))), (Some(Phase::Held), None));
    }

    #[test]
    fn a_pause_is_lifted_by_the_desired_state_that_shows_it() {
        let mut pauses = VolatilePauses::default();
        pauses.lay(user(7), id(1), PauseLevel::Stop);
        // Undecided: no desired state lifts it.
        pauses.lift(user(7), generation(99));
        assert_eq!(pauses.deepest(user(7)), Some(Phase::Stopped));
        // Decided, but what is worked from is older.
        pauses.decided(user(7), id(1), generation(4));
        pauses.lift(user(7), generation(3));
        assert_eq!(pauses.deepest(user(7)), Some(Phase::Stopped));
        pauses.lift(user(7), generation(4));
        assert_eq!(pauses.deepest(user(7)), None);
        // The others stay.
        pauses.lay(user(7), id(2), PauseLevel::Mute);
        pauses.lay(user(7), id(3), PauseLevel::Stop);
        pauses.decided(user(7), id(3), generation(9));
        pauses.lift(user(7), generation(9));
        assert_eq!(pauses.deepest(user(7)), Some(Phase::Muted));
    }

    #[test]
    fn pauses_are_bounded() {
        let mut pauses = VolatilePauses::default();
        for number in 0..16 {
            assert!(pauses.lay(user(7), id(number), PauseLevel::Mute));
        }
        assert!(!pauses.lay(user(7), id(16), PauseLevel::Stop) && pauses.lay(user(8), id(17), PauseLevel::Stop));
        // One that is decided makes room, also where no desired state is worked from; of those the last one is kept.
        for number in 16..200 {
            pauses.decided(user(7), id(number - 16), generation(number.into()));
            assert!(pauses.lay(user(7), id(number), PauseLevel::Mute), "{number}");
        }
        assert_eq!(pauses.0[&user(7)].len(), 17);
    }
}
