//! For every clause of the store's contract a store that breaks it.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, future::pending, stream};
use livermore_core::{
    ids::{Revision, UserId},
    settings::{
        Document, Expect, HistoryEntry, HistoryQuery, MemorySettingsStore, Save, SettingsError, SettingsStore,
        StoreCapability, Stored, WatchEvents,
    },
    testkit::{SettingsFixture, settings_store as clauses},
};
use tokio::task::yield_now;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    CapabilityChanges,
    MixesUsers,
    UsersDescend,
    UsersIgnoreAfter,
    LoadsTheFirst,
    InventsDefaults,
    OtherHandlesLag,
    DropsNulls,
    HalfTheSize,
    Merges,
    SkipsRevisions,
    IgnoresExpectations,
    IgnoresAbsent,
    AnyNeedsNothing,
    ConflictWithoutCurrent,
    ChecksThenWrites,
    ForgetsCauses,
    HistoryLags,
    TakesAnyVersion,
    TakesAnyReason,
    HistoryAscends,
    HistoryIgnoresBefore,
    TellsOnlyTheFirst,
    WatchEndsByItself,
    TellsOfEverybody,
    RefusesTheTenthWatch,
    BusyAfterADroppedCall,
    DoesNotClose,
    SecondCloseHangs,
    Forgets,
}

#[derive(Debug)]
struct Broken {
    flaw: Flaw,
    memory: MemorySettingsStore,
    calls: AtomicUsize,
    closed: AtomicBool,
    busy: AtomicBool,
}

fn store(flaw: Flaw) -> Broken {
    let memory = MemorySettingsStore::new();
    let (calls, closed, busy) = Default::default();
    Broken { flaw, memory, calls, closed, busy }
}

async fn broken(flaw: Flaw) -> SettingsFixture {
    let fixture = SettingsFixture::new(Arc::new(store(flaw)));
    match flaw {
        // What is reopened is empty, as if nothing had been written.
        Flaw::Forgets | Flaw::OtherHandlesLag => {
            fixture.with_reopen(|| async { Arc::new(store(Flaw::None)) as Arc<dyn SettingsStore> })
        }
        _ => fixture,
    }
}

impl Broken {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn user(&self, user: UserId) -> UserId {
        if self.has(Flaw::MixesUsers) { UserId::new(1).unwrap() } else { user }
    }

    async fn stored(&self, user: UserId) -> Option<Stored> {
        self.memory.load(user).await.ok().flatten()
    }
}

#[async_trait]
impl SettingsStore for Broken {
    fn capability(&self) -> StoreCapability {
        let durable = self.has(Flaw::Forgets)
            || self.has(Flaw::CapabilityChanges) && self.calls.fetch_add(1, Ordering::SeqCst) > 0;
        StoreCapability { durable, shared: self.has(Flaw::OtherHandlesLag) }
    }

    async fn load(&self, user: UserId) -> Result<Option<Stored>, SettingsError> {
        if self.has(Flaw::BusyAfterADroppedCall) {
            if self.busy.swap(true, Ordering::SeqCst) {
                return Err(SettingsError::Busy { step: "a call that was dropped".to_owned() });
            }
            yield_now().await;
            self.busy.store(false, Ordering::SeqCst);
        }
        let user = self.user(user);
        let stored = self.memory.load(user).await?;
        if self.has(Flaw::LoadsTheFirst) {
            let history = self.memory.history(user, HistoryQuery::newest(100)).await?;
            return Ok(history.last().map(HistoryEntry::stored));
        }
        if self.has(Flaw::InventsDefaults) {
            let invented = Stored { revision: Revision::ZERO, document: Document::default() };
            return Ok(Some(stored.unwrap_or(invented)));
        }
        Ok(stored)
    }

    async fn save(&self, user: UserId, mut save: Save) -> Result<Revision, SettingsError> {
        let user = self.user(user);
        let stored = self.stored(user).await;
        match self.flaw {
            Flaw::DropsNulls => {
                let mut map = save.document.as_map().clone();
                map.values_mut().filter_map(|value| value.as_array_mut()).for_each(|items| {
                    items.retain(|item| !item.is_null());
                });
                save.document = Document::new(map.into()).unwrap();
            }
            Flaw::HalfTheSize if save.document.to_json().len() > Document::MAX_BYTES / 2 => {
                return Err(SettingsError::Setup { reason: "too long for a column".to_owned() });
            }
            Flaw::Merges => {
                let mut map = stored.map(|stored| stored.document.as_map().clone()).unwrap_or_default();
                map.extend(save.document.as_map().clone());
                save.document = Document::new(map.into()).unwrap();
            }
            Flaw::SkipsRevisions => {
                self.memory.save(user, Save { cause: None, ..save.clone() }).await?;
                save.expect = Expect::Any;
            }
            Flaw::IgnoresExpectations => save.expect = Expect::Any,
            Flaw::IgnoresAbsent if save.expect == Expect::Absent => save.expect = Expect::Any,
            Flaw::AnyNeedsNothing if save.expect == Expect::Any => save.expect = Expect::Absent,
            Flaw::ConflictWithoutCurrent => {
                return self.memory.save(user, save).await.map_err(|error| match error {
                    SettingsError::Conflict { .. } => SettingsError::Conflict { current: None },
                    other => other,
                });
            }
            Flaw::ChecksThenWrites => {
                save.clone().decide(stored, None)?;
                yield_now().await;
                save.expect = Expect::Any;
            }
            Flaw::ForgetsCauses => {
                return self.memory.save(user, Save { cause: None, ..save }).await;
            }
            Flaw::TakesAnyVersion if save.document.version().is_err() => {
                let mut map = save.document.as_map().clone();
                map.insert("version".to_owned(), 1.into());
                save.document = Document::new(map.into()).unwrap();
            }
            Flaw::TakesAnyReason => save.reason = None,
            _ => {}
        }
        self.memory.save(user, save).await
    }

    async fn history(&self, user: UserId, mut query: HistoryQuery) -> Result<Vec<HistoryEntry>, SettingsError> {
        if self.has(Flaw::HistoryIgnoresBefore) {
            query.before = None;
        }
        let mut entries = self.memory.history(self.user(user), query).await?;
        match self.flaw {
            Flaw::HistoryAscends => entries.reverse(),
            Flaw::HistoryLags if !entries.is_empty() => drop(entries.remove(0)),
            _ => {}
        }
        Ok(entries)
    }

    async fn watch(&self, user: UserId) -> Result<WatchEvents, SettingsError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.has(Flaw::RefusesTheTenthWatch) && number > 8 {
            return Err(SettingsError::Busy { step: "too many watches".to_owned() });
        }
        let events = self.memory.watch(self.user(user)).await?;
        Ok(match self.flaw {
            Flaw::TellsOnlyTheFirst => events.take(1).chain(stream::pending()).boxed(),
            Flaw::WatchEndsByItself => events.take(1).boxed(),
            Flaw::TellsOfEverybody => {
                let other = self.memory.watch(UserId::new(8).unwrap()).await?;
                stream::select(events, other).boxed()
            }
            _ => events,
        })
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, SettingsError> {
        let after = if self.has(Flaw::UsersIgnoreAfter) { None } else { after };
        let mut users = self.memory.users(after, limit).await?;
        if self.has(Flaw::UsersDescend) {
            users.reverse();
        }
        Ok(users)
    }

    async fn close(&self) {
        if self.has(Flaw::DoesNotClose) {
            return;
        }
        if self.has(Flaw::SecondCloseHangs) && self.closed.swap(true, Ordering::SeqCst) {
            pending::<()>().await;
        }
        self.memory.close().await;
    }
}

/// The wrapper itself breaks nothing.
mod flawless {
    use super::*;

    async fn fresh() -> SettingsFixture {
        broken(Flaw::None).await
    }

    livermore_core::settings_store_contract!(fresh);
}

#[tokio::test(start_paused = true)]
async fn every_clause_can_fail() {
    macro_rules! expect_failures {
        ($($flaw:ident: $clause:ident,)+) => {$(
            let clause = async { clauses::$clause(broken(Flaw::$flaw).await).await };
            let outcome = AssertUnwindSafe(clause).catch_unwind().await;
            assert!(outcome.is_err(), "{} did not notice {:?}", stringify!($clause), Flaw::$flaw);
        )+};
    }
    expect_failures! {
        CapabilityChanges: the_capability_is_constant,
        MixesUsers: nothing_of_another_user_is_read_or_written,
        UsersDescend: users_are_listed_ascending_in_pages,
        UsersIgnoreAfter: users_are_listed_ascending_in_pages,
        LoadsTheFirst: a_load_returns_the_last_saved_document,
        InventsDefaults: a_user_who_never_saved_has_nothing,
        OtherHandlesLag: a_save_that_returned_is_seen_by_every_handle,
        DropsNulls: a_document_is_returned_as_it_was_saved,
        HalfTheSize: a_document_at_the_limits_is_kept,
        Merges: a_save_replaces_the_whole_document,
        SkipsRevisions: revisions_rise_by_one_from_one,
        IgnoresExpectations: an_expected_revision_must_be_the_stored_one,
        IgnoresAbsent: absent_saves_only_where_nothing_is_stored,
        AnyNeedsNothing: any_saves_always,
        ConflictWithoutCurrent: a_conflict_changes_nothing,
        IgnoresExpectations: a_conflict_changes_nothing,
        ChecksThenWrites: of_many_saves_on_one_revision_one_wins,
        ConflictWithoutCurrent: of_many_saves_on_one_revision_one_wins,
        ChecksThenWrites: of_many_first_saves_one_wins,
        ForgetsCauses: a_known_cause_changes_nothing_and_returns_its_revision,
        ForgetsCauses: many_saves_of_one_cause_save_once,
        HistoryLags: document_and_history_are_written_together,
        TakesAnyVersion: a_document_without_a_version_is_refused,
        TakesAnyReason: a_reason_out_of_bounds_is_refused,
        HistoryAscends: history_is_newest_first_and_complete,
        HistoryIgnoresBefore: history_comes_in_pages,
        TellsOnlyTheFirst: a_watch_tells_each_save_that_follows,
        TellsOnlyTheFirst: a_watch_never_misses_the_newest_revision,
        WatchEndsByItself: a_watch_never_misses_the_newest_revision,
        TellsOfEverybody: a_watch_tells_of_its_user_only,
        RefusesTheTenthWatch: dropping_a_watch_ends_it,
        ForgetsCauses: a_dropped_save_has_saved_or_not,
        BusyAfterADroppedCall: a_dropped_call_leaves_nothing_half_done,
        DoesNotClose: after_close_every_call_fails,
        DoesNotClose: close_ends_every_watch,
        SecondCloseHangs: closing_twice_is_harmless,
        Forgets: a_durable_store_remembers,
        ChecksThenWrites: writers_who_decide_again_all_land,
        IgnoresExpectations: writers_who_decide_again_all_land,
        LoadsTheFirst: a_newer_document_is_shown_and_never_written,
    }
}
