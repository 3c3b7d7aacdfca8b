//! The contract of [`CommandBus`](crate::control::CommandBus) and [`CommandInbox`](crate::control::CommandInbox), a
//! function per sentence.

mod asking;
mod deciding;
mod expiry;
mod fixture;
mod leases;
mod lifecycle;
mod material;
mod reporting;
mod submitting;
mod telling;
mod waiting;

pub use asking::*;
pub use deciding::*;
pub use expiry::*;
pub use fixture::{CommandLogFixture, LogEnds, PassTime, ReopenLog};
pub use leases::*;
pub use lifecycle::*;
pub use reporting::*;
pub use submitting::*;
pub use telling::*;
pub use waiting::*;

/// Tests both ends of a command log against their contract, a test per sentence.
///
/// `fresh` is an `async fn(ControlPolicy) -> CommandLogFixture` that makes a new, empty log with that policy for each
/// test; see [`CommandLogFixture`](crate::testkit::CommandLogFixture). Put each use in a module of its own. The crate
/// that uses it needs tokio with the features `macros`, `rt` and `test-util`.
///
/// Time is paused: a log whose clock is tied to tokio's does not really wait. Where waiting is real (files, sockets),
/// name the test attribute: `command_log_contract!(fresh, #[tokio::test])`. The clauses read the time off the log, and
/// wait about two seconds in the worst case.
///
/// ```
/// mod in_memory {
///     use std::sync::Arc;
///     use livermore_core::{
///         control::{ControlPolicy, EmbeddedCommandLog},
///         ids::Timestamp,
///         testkit::CommandLogFixture,
///     };
///     use tokio::time::Instant;
///
///     async fn fresh(policy: ControlPolicy) -> CommandLogFixture {
///         let began = Instant::now();
///         let clock = move || Timestamp::from_millis(began.elapsed().as_millis() as i64).unwrap();
///         let log = EmbeddedCommandLog::in_memory(policy.clone(), clock);
///         CommandLogFixture::new(Arc::new(log.clone()), Arc::new(log), policy)
///     }
///
///     livermore_core::command_log_contract!(fresh);
/// }
/// ```
#[macro_export]
macro_rules! command_log_contract {
    ($fresh:expr) => {
        $crate::command_log_contract!($fresh, #[tokio::test(start_paused = true)]);
    };
    ($fresh:expr, #[$test:meta]) => {
        $crate::command_log_contract! {
            @clauses $fresh, #[$test], small_policy,
            the_capability_is_constant
            nothing_of_another_user_is_read_or_written
            a_submitted_command_is_recorded
            sequence_numbers_have_no_gap
            the_same_command_again_is_answered_with_its_record
            case_2_another_command_under_a_known_id_is_refused
            case_1_many_submissions_of_one_id_are_one_command
            case_17_too_many_undecided_commands_are_refused
            time_is_counted_by_the_stores_clock
            an_overdue_command_is_never_shown_as_waiting
            case_10_an_overdue_command_is_never_applied
            a_change_of_the_settings_that_was_saved_in_time_is_applied
            a_change_of_the_settings_that_was_not_saved_in_time_expires
            an_id_that_was_never_used_has_no_record
            a_final_outcome_never_changes
            history_comes_newest_first_in_pages
            an_overview_tells_what_is_wanted_what_is_and_who_runs_it
            cancel_ends_an_undecided_command
            cancel_leaves_what_was_decided_or_begun
            cancel_of_an_unknown_command_is_refused
            of_a_cancellation_and_a_decision_one_wins
            wait_returns_what_is_reached_already
            wait_returns_as_soon_as_the_stage_is_reached
            submit_and_wait_returns_as_soon_as_the_stage_is_reached
            submit_and_wait_says_what_is_recorded_and_what_came_of_it
            wait_is_pending_at_the_deadline
            wait_for_an_unknown_command_is_refused
            a_refused_command_is_waited_for_in_vain_by_nobody
            effective_is_told_only_of_what_the_current_runner_has_seen
            a_job_is_effective_when_it_is_done
            signals_tell_that_a_command_was_decided
            signals_tell_that_the_runner_has_reported
            signals_tell_of_their_user_only
            bells_ring_for_a_recorded_command
            dropping_a_stream_ends_it
            a_user_has_one_holder_at_a_time
            of_many_holders_at_once_one_gets_the_lease
            each_take_has_a_higher_epoch
            a_lease_ends_after_its_time
            renew_prolongs_what_is_still_held
            release_ends_a_lease
            an_old_epoch_is_refused_and_changes_nothing
            waiting_tells_who_has_an_undecided_command
            next_is_the_oldest_undecided_command
            next_counts_the_attempt_before_it_returns
            postpone_gives_the_attempt_back
            a_postponed_change_of_the_settings_stays_claimed
            outcome_and_desired_state_are_written_together
            a_command_is_decided_once
            a_decision_on_an_old_desired_state_is_refused
            commands_of_many_senders_are_decided_in_order
            what_is_observed_is_replaced
            a_finished_job_is_kept_with_its_command
            a_log_that_has_forgotten_takes_no_commands_until_rebased
            forget_keeps_what_is_young_or_undecided
            a_dropped_submission_has_recorded_or_not
            a_dropped_call_of_a_runner_has_happened_or_not
            after_close_every_call_fails
            close_ends_every_stream
            closing_twice_is_harmless
            every_process_sees_the_same
            a_durable_log_remembers
        }
        $crate::command_log_contract! {
            @clauses $fresh, #[$test], payload_forgetting_policy,
            forget_drops_old_payloads
        }
        $crate::command_log_contract! {
            @clauses $fresh, #[$test], outcome_forgetting_policy,
            forget_drops_old_outcomes
        }
    };
    (@clauses $fresh:expr, #[$test:meta], $policy:ident, $($clause:ident)+) => {$(
        #[$test]
        async fn $clause() {
            let policy = $crate::testkit::CommandLogFixture::$policy();
            $crate::testkit::command_log::$clause($fresh(policy).await).await;
        }
    )+};
}
