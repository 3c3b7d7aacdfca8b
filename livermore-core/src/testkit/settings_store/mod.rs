//! The contract of [`SettingsStore`](crate::settings::SettingsStore), a function per sentence.

mod fixture;
mod history;
mod lifecycle;
mod reading;
mod saving;
mod service;
mod watching;

pub use fixture::{Reopen, SettingsFixture};
pub use history::*;
pub use lifecycle::*;
pub use reading::*;
pub use saving::*;
pub use service::*;
pub use watching::*;

/// Tests a [`SettingsStore`](crate::settings::SettingsStore) against its contract, a test per sentence.
///
/// `fresh` is an `async fn() -> SettingsFixture` that makes a new, empty store for each test; see
/// [`SettingsFixture`](crate::testkit::SettingsFixture). Put each use in a module of its own. The crate that uses it
/// needs tokio with the features `macros`, `rt` and `test-util`.
///
/// Time is paused: a store that waits on tokio's clock does not really wait. Where waiting is real (files, sockets),
/// name the test attribute: `settings_store_contract!(fresh, #[tokio::test])`.
///
/// ```
/// mod memory {
///     use std::sync::Arc;
///     use livermore_core::{settings::MemorySettingsStore, testkit::SettingsFixture};
///
///     async fn fresh() -> SettingsFixture {
///         SettingsFixture::new(Arc::new(MemorySettingsStore::new()))
///     }
///
///     livermore_core::settings_store_contract!(fresh);
/// }
/// ```
#[macro_export]
macro_rules! settings_store_contract {
    ($fresh:expr) => {
        $crate::settings_store_contract!($fresh, #[tokio::test(start_paused = true)]);
    };
    ($fresh:expr, #[$test:meta]) => {
        $crate::settings_store_contract! {
            @clauses $fresh, #[$test],
            the_capability_is_constant
            nothing_of_another_user_is_read_or_written
            users_are_listed_ascending_in_pages
            a_load_returns_the_last_saved_document
            a_user_who_never_saved_has_nothing
            a_save_that_returned_is_seen_by_every_handle
            a_document_is_returned_as_it_was_saved
            a_document_at_the_limits_is_kept
            a_save_replaces_the_whole_document
            revisions_rise_by_one_from_one
            an_expected_revision_must_be_the_stored_one
            absent_saves_only_where_nothing_is_stored
            any_saves_always
            a_conflict_changes_nothing
            of_many_saves_on_one_revision_one_wins
            of_many_first_saves_one_wins
            a_known_cause_changes_nothing_and_returns_its_revision
            many_saves_of_one_cause_save_once
            document_and_history_are_written_together
            a_document_without_a_version_is_refused
            a_reason_out_of_bounds_is_refused
            history_is_newest_first_and_complete
            history_comes_in_pages
            a_watch_tells_each_save_that_follows
            a_watch_never_misses_the_newest_revision
            a_watch_tells_of_its_user_only
            dropping_a_watch_ends_it
            a_dropped_save_has_saved_or_not
            a_dropped_call_leaves_nothing_half_done
            after_close_every_call_fails
            close_ends_every_watch
            closing_twice_is_harmless
            a_durable_store_remembers
            writers_who_decide_again_all_land
            a_newer_document_is_shown_and_never_written
        }
    };
    (@clauses $fresh:expr, #[$test:meta], $($clause:ident)+) => {$(
        #[$test]
        async fn $clause() {
            $crate::testkit::settings_store::$clause($fresh().await).await;
        }
    )+};
}
