use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{
    HistoryEntry, HistoryQuery, Save, SettingsError, SettingsStore, StoreCapability, Stored, WatchEvents,
    store::Verdict, watchers::Watchers,
};
use crate::ids::{Revision, UserId};

/// A store that forgets everything when it is dropped: for tests, and for programs that need no memory.
///
/// It keeps the newest [`HISTORY`](Self::HISTORY) revisions of each user; a cause is known as long as its revision is.
#[derive(Default)]
pub struct MemorySettingsStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// Oldest first; a user who is here has saved, so that the last entry is what is stored.
    users: BTreeMap<UserId, VecDeque<HistoryEntry>>,
    watchers: Watchers,
}

impl MemorySettingsStore {
    /// Most revisions kept of one user.
    pub const HISTORY: usize = 1_000;

    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, SettingsError> {
        let state = self.lock();
        if state.closed { Err(SettingsError::Closed) } else { Ok(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SettingsStore for MemorySettingsStore {
    fn capability(&self) -> StoreCapability {
        StoreCapability { durable: false, shared: false }
    }

    async fn load(&self, user: UserId) -> Result<Option<Stored>, SettingsError> {
        Ok(self.open()?.users.get(&user).and_then(|entries| entries.back()).map(HistoryEntry::stored))
    }

    async fn save(&self, user: UserId, save: Save) -> Result<Revision, SettingsError> {
        let mut state = self.open()?;
        let entries = state.users.get(&user);
        let known = |cause| {
            let same = |entry: &&HistoryEntry| entry.cause.as_ref() == Some(cause);
            entries.and_then(|entries| entries.iter().find(same)).map(|entry| entry.revision)
        };
        let known = save.cause.as_ref().and_then(known);
        let stored = entries.and_then(|entries| entries.back()).map(HistoryEntry::stored);
        let entry = match save.decide(stored, known)? {
            Verdict::Known(revision) => return Ok(revision),
            Verdict::Write(entry) => entry,
        };
        let revision = entry.revision;
        let entries = state.users.entry(user).or_default();
        if entries.len() == Self::HISTORY {
            entries.pop_front();
        }
        entries.push_back(entry);
        state.watchers.tell(user, revision);
        Ok(revision)
    }

    async fn history(&self, user: UserId, query: HistoryQuery) -> Result<Vec<HistoryEntry>, SettingsError> {
        let state = self.open()?;
        let entries = state.users.get(&user).into_iter().flat_map(|entries| entries.iter().rev());
        Ok(entries.filter(|entry| query.includes(entry.revision)).take(query.limit).cloned().collect())
    }

    async fn watch(&self, user: UserId) -> Result<WatchEvents, SettingsError> {
        Ok(self.open()?.watchers.watch(user))
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, SettingsError> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.open()?.users.range((after, Bound::Unbounded)).take(limit).map(|(user, _)| *user).collect())
    }

    async fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.watchers.end();
    }
}

impl fmt::Debug for MemorySettingsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("MemorySettingsStore")
            .field("users", &state.users.len())
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}
