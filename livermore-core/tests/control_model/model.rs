//! What can happen next, and what must hold.

use std::time::Duration;

use livermore_core::{
    control::{Command, ControlPolicy, Expiry, PauseLevel, Submission},
    ids::{CommandId, Symbol, Timestamp, UserId},
    settings::Actor,
};
use stateright::{Model, Property};

use crate::{
    audit::{self, Audit},
    heal,
    world::{Action, World},
};

/// Two senders with a command each, two runners, and how much may go wrong.
pub(crate) struct ControlModel {
    pub(crate) commands: [Submission; 2],
    /// The sender that may take its command back.
    pub(crate) cancels: Option<usize>,
    /// Whether the settings keep their word that a change will not be made.
    pub(crate) settings_forget: bool,
    pub(crate) policy: ControlPolicy,
    /// Whether the first runner has begun to decide the first command before anything else.
    begun: bool,
}

/// The clock stops here.
pub(crate) const LAST_TICK: i64 = 2;
/// A lease lasts one tick.
pub(crate) const TTL: Duration = Duration::from_millis(1);
/// Runners die so often, together.
pub(crate) const CRASHES: u8 = 1;
/// Each sender sends so often: the first one once more, as if the answer was lost.
pub(crate) const SENDS: [u8; 2] = [2, 1];
/// A runner gives an attempt back so often, together.
pub(crate) const POSTPONES: u8 = 1;
/// Deciding is begun so often, together.
pub(crate) const BEGINS: u8 = 3;
/// Deciding one command may be begun so often before it is given up.
pub(crate) const MAX_ATTEMPTS: u32 = 2;

impl ControlModel {
    pub(crate) fn new(commands: [Submission; 2]) -> Self {
        let policy = ControlPolicy { max_attempts: MAX_ATTEMPTS, ..ControlPolicy::default() };
        Self { commands, cancels: None, settings_forget: false, policy, begun: false }
    }

    pub(crate) fn with_cancel(mut self, sender: usize) -> Self {
        self.cancels = Some(sender);
        self
    }

    pub(crate) fn already_begun(mut self) -> Self {
        self.begun = true;
        self
    }

    pub(crate) fn with_forgetful_settings(mut self) -> Self {
        self.settings_forget = true;
        self
    }
}

impl Model for ControlModel {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut world = World::new(user());
        if self.begun {
            let steps = [Action::Submit(0), Action::Acquire(0), Action::Begin(0)];
            steps.into_iter().for_each(|step| world.step(self, step));
        }
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(self, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.step(self, action);
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(audit::ONE_OUTCOME, |_, world: &World| world.audit.holds(audit::ONE_OUTCOME)),
            Property::always(audit::SAME_ANSWER, |_, world: &World| world.audit.holds(audit::SAME_ANSWER)),
            Property::always(audit::STEPS, |_, world: &World| world.audit.holds(audit::STEPS)),
            Property::always(audit::EFFECTIVE, |_, world: &World| world.audit.holds(audit::EFFECTIVE)),
            Property::always(audit::FENCED, |_, world: &World| world.audit.holds(audit::FENCED)),
            Property::always(audit::IN_ORDER, |_, world: &World| world.audit.holds(audit::IN_ORDER)),
            Property::always(audit::IN_TIME, |_, world: &World| world.audit.holds(audit::IN_TIME)),
            Property::always(audit::SAVED_IS_APPLIED, |_, world: &World| audit::saved_is_applied(world)),
            Property::always(audit::HEALS, |model, world: &World| heal::ends_well(model, world)),
            Property::sometimes("a command is applied", |_, world: &World| world.audit.has(Audit::is_applied)),
            Property::sometimes("a command expires", |_, world: &World| world.audit.has(Audit::is_expired)),
            Property::sometimes("a runner takes over", |_, world: &World| world.audit.epoch.get() > 1),
            Property::sometimes("a sender is told of the effect", |_, world: &World| world.audit.was_told_effective),
            Property::sometimes("a runner is refused", |_, world: &World| world.audit.was_refused),
        ]
    }
}

pub(crate) fn user() -> UserId {
    UserId::new(7).unwrap()
}

pub(crate) fn at(tick: i64) -> Timestamp {
    Timestamp::from_millis(tick).unwrap()
}

fn submission(number: u8, command: &Command) -> Submission {
    let id = CommandId::from_parts(Timestamp::EPOCH, [number; 10]);
    // Without an end: the model's time is too short for the policy's.
    Submission::new(id, command, Actor::new("model").unwrap()).unwrap().with_expiry(Expiry::Never)
}

pub(crate) fn pause(number: u8) -> Submission {
    submission(number, &Command::Pause { level: PauseLevel::Stop })
}

pub(crate) fn resume(number: u8) -> Submission {
    submission(number, &Command::Resume)
}

pub(crate) fn add(number: u8) -> Submission {
    submission(number, &Command::AddSymbol { symbol: Symbol::new("BTC-USD").unwrap() })
}

/// The same, overdue after a tick.
pub(crate) fn expiring(submission: &Submission) -> Submission {
    submission.clone().with_expiry(Expiry::After(Duration::from_millis(1)))
}
