//! Every run of a small control plane, one by one. README.md beside this file says what that covers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod audit;
mod heal;
mod model;
mod world;

use model::{ControlModel, add, expiring, pause, resume};
use stateright::{Checker, HasDiscoveries, Model};

/// So many steps of all processes together.
const DEPTH: usize = 10;

/// No run of this model breaks an invariant, and everything it is there for does happen.
fn holds(model: ControlModel) -> usize {
    let checker = model.checker().target_max_depth(DEPTH).threads(2).spawn_bfs().join();
    checker.assert_properties();
    println!("{} states, {} steps deep", checker.unique_state_count(), checker.max_depth());
    checker.unique_state_count()
}

/// A pause, which has no end, and a resume, which has.
#[test]
fn registers_are_set_once_in_order_and_in_time() {
    let explored = holds(ControlModel::new([pause(1), expiring(&resume(2))]).with_cancel(1));
    assert!(explored > 1_000, "only {explored} states");
}

/// A change of the settings that may be saved in time and decided too late.
#[test]
fn a_change_of_the_settings_is_applied_if_and_only_if_it_is_saved() {
    let explored = holds(ControlModel::new([expiring(&add(1)), pause(2)]).with_cancel(0));
    assert!(explored > 1_000, "only {explored} states");
}

/// Both senders change the settings.
#[test]
fn two_changes_of_the_settings_are_saved_once_each() {
    let explored = holds(ControlModel::new([add(1), expiring(&add(2))]));
    assert!(explored > 1_000, "only {explored} states");
}

/// The same from where a runner has begun to change the settings, so that more can follow.
#[test]
fn a_change_of_the_settings_that_was_begun_is_not_lost() {
    let explored = holds(ControlModel::new([expiring(&add(1)), pause(2)]).with_cancel(0).already_begun());
    assert!(explored > 1_000, "only {explored} states");
}

/// The answer that a change was not made has to hold: otherwise a runner that was frozen before it saved saves after its
/// successor has told the sender that the command has expired.
#[test]
fn a_change_that_was_not_made_must_never_be_made() {
    let model = ControlModel::new([expiring(&add(1)), pause(2)]).already_begun().with_forgetful_settings();
    let checker = model.checker().target_max_depth(DEPTH).finish_when(HasDiscoveries::AnyFailures);
    let found = checker.spawn_bfs().join().discovery(audit::SAVED_IS_APPLIED);
    assert!(found.is_some(), "the model does not see a change that is saved after it was given up");
}
