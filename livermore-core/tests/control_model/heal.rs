//! What becomes of a world when nothing goes wrong any more.

use livermore_core::control::{Effect, Holder, Step};

use crate::{
    model::{ControlModel, at},
    world::{World, decided, report},
};

/// A new runner takes over, decides everything and brings the data plane where it belongs; then every sender is told a
/// final outcome, and nothing is lost.
pub(crate) fn ends_well(model: &ControlModel, world: &World) -> bool {
    let mut world = world.clone();
    let now = at(world.tick + 1_000);
    let mut entries = Vec::new();
    let healer = Holder::new("healer").unwrap();
    let Some(lease) = world.log.acquire(now, &healer, crate::model::TTL, &mut entries) else { return false };
    for _ in 0..=world.audit.commands.len() {
        let Ok(next) = world.log.next(now, &lease, &mut entries) else { return false };
        let Some(next) = next else { break };
        let mut step = decided(&next, None);
        if let Step::AskSettings { only_if_made, .. } = step {
            let answer = world.settings.ask(&next, only_if_made, model.settings_forget);
            step = decided(&next, Some(&answer));
        }
        let Step::Decided(decision) = step else { return false };
        if world.log.decide(now, &lease, next.record.seq, decision, &mut entries).is_err() {
            return false;
        }
    }
    let Ok((desired, _)) = world.log.states(&lease) else { return false };
    if world.log.observe(&lease, report(&lease, desired.generation), &mut entries).is_err() {
        return false;
    }
    let told = world.log.history(now, None, usize::MAX, &mut entries);
    let settled = |effect: &Effect| matches!(effect, Effect::None | Effect::Effective);
    !world.log.is_waiting()
        && told.len() == world.audit.commands.len()
        && told.iter().all(|status| status.record.outcome.is_some() && settled(&status.effect))
        && world.audit.commands.iter().all(|(id, known)| {
            // What was final before is the same afterwards.
            let after = told.iter().find(|status| status.record.id == *id);
            known.outcome.is_none() || after.is_some_and(|after| after.record.outcome == known.outcome)
        })
}
