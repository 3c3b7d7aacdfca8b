//! For every clause of the log's contract a log that breaks it.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use livermore_core::{
    control::ControlPolicy,
    testkit::{CommandLogFixture, command_log as clauses},
};

use super::broken_log::{Flaw, broken};

/// The wrapper itself breaks nothing.
mod flawless {
    use super::*;

    #[allow(clippy::unused_async, reason = "the suite awaits it")]
    async fn fresh(policy: ControlPolicy) -> CommandLogFixture {
        broken(Flaw::None, policy)
    }

    livermore_core::command_log_contract!(fresh);
}

#[tokio::test(start_paused = true)]
async fn every_clause_can_fail() {
    macro_rules! expect_failures {
        ($policy:ident, $($flaw:ident: $clause:ident,)+) => {$(
            let fixture = broken(Flaw::$flaw, CommandLogFixture::$policy());
            let outcome = AssertUnwindSafe(async { clauses::$clause(fixture).await }).catch_unwind().await;
            assert!(outcome.is_err(), "{} did not notice {:?}", stringify!($clause), Flaw::$flaw);
        )+};
    }
    expect_failures! {
        small_policy,
        CapabilityChanges: the_capability_is_constant,
        MixesUsers: nothing_of_another_user_is_read_or_written,
        NeverExpires: a_submitted_command_is_recorded,
        RefusalsUseNumbers: sequence_numbers_have_no_gap,
        AnswersAnew: the_same_command_again_is_answered_with_its_record,
        IgnoresBodies: case_2_another_command_under_a_known_id_is_refused,
        Renames: case_1_many_submissions_of_one_id_are_one_command,
        NeverBusy: case_17_too_many_undecided_commands_are_refused,
        NeverExpires: time_is_counted_by_the_stores_clock,
        ShowsOverdue: an_overdue_command_is_never_shown_as_waiting,
        AppliesLate: case_10_an_overdue_command_is_never_applied,
        ExpiresWhatIsSaved: a_change_of_the_settings_that_was_saved_in_time_is_applied,
        AppliesLate: a_change_of_the_settings_that_was_not_saved_in_time_expires,
        InventsRecords: an_id_that_was_never_used_has_no_record,
        CancelRewrites: a_final_outcome_never_changes,
        HistoryAscends: history_comes_newest_first_in_pages,
        HistoryIgnoresBefore: history_comes_newest_first_in_pages,
        ShowsOldRunners: an_overview_tells_what_is_wanted_what_is_and_who_runs_it,
        DoesNotCancel: cancel_ends_an_undecided_command,
        CancelRewrites: cancel_leaves_what_was_decided_or_begun,
        NothingToCancelIsClosed: cancel_of_an_unknown_command_is_refused,
        DecideRewrites: of_a_cancellation_and_a_decision_one_wins,
        WaitsToTheEnd: wait_returns_what_is_reached_already,
        NeverSignals: wait_returns_as_soon_as_the_stage_is_reached,
        NeverSignals: submit_and_wait_returns_as_soon_as_the_stage_is_reached,
        HidesWhatIsSent: submit_and_wait_says_what_is_recorded_and_what_came_of_it,
        FalseOk: wait_is_pending_at_the_deadline,
        WaitsForTheUnknown: wait_for_an_unknown_command_is_refused,
        WaitsForTheRefused: a_refused_command_is_waited_for_in_vain_by_nobody,
        EffectiveTooSoon: effective_is_told_only_of_what_the_current_runner_has_seen,
        EffectiveTooSoon: a_job_is_effective_when_it_is_done,
        NeverSignals: signals_tell_that_a_command_was_decided,
        NeverSignals: signals_tell_that_the_runner_has_reported,
        SignalsOfEverybody: signals_tell_of_their_user_only,
        NeverRings: bells_ring_for_a_recorded_command,
        RingsForEverybody: bells_ring_for_a_recorded_command,
        RefusesTheTenthStream: dropping_a_stream_ends_it,
        LeasesToEverybody: a_user_has_one_holder_at_a_time,
        LeasesToEverybody: of_many_holders_at_once_one_gets_the_lease,
        EpochsRepeat: each_take_has_a_higher_epoch,
        LeasesLast: a_lease_ends_after_its_time,
        RenewsWhatIsLost: renew_prolongs_what_is_still_held,
        DoesNotRelease: release_ends_a_lease,
        NotFenced: an_old_epoch_is_refused_and_changes_nothing,
        EverybodyWaits: waiting_tells_who_has_an_undecided_command,
        NextOnlyOnce: next_is_the_oldest_undecided_command,
        CountsLate: next_counts_the_attempt_before_it_returns,
        DoesNotPostpone: postpone_gives_the_attempt_back,
        PostponeUnclaims: a_postponed_change_of_the_settings_stays_claimed,
        DesiredLags: outcome_and_desired_state_are_written_together,
        DecideRewrites: a_command_is_decided_once,
        HidesOldDecisions: a_decision_on_an_old_desired_state_is_refused,
        GenerationsSkip: commands_of_many_senders_are_decided_in_order,
        KeepsTheFirstReport: what_is_observed_is_replaced,
        DropsJobs: a_finished_job_is_kept_with_its_command,
        HidesTheRegress: a_log_that_has_forgotten_takes_no_commands_until_rebased,
        ForgetsTooMuch: forget_keeps_what_is_young_or_undecided,
        Renames: a_dropped_submission_has_recorded_or_not,
        BusyAfterADroppedCall: a_dropped_call_of_a_runner_has_happened_or_not,
        DoesNotClose: after_close_every_call_fails,
        DoesNotClose: close_ends_every_stream,
        SecondCloseHangs: closing_twice_is_harmless,
        OthersSeeNothing: every_process_sees_the_same,
        Forgets: a_durable_log_remembers,
    }
    expect_failures! { payload_forgetting_policy, NeverForgets: forget_drops_old_payloads, }
    expect_failures! { outcome_forgetting_policy, NeverForgets: forget_drops_old_outcomes, }
}
