#![doc = include_str!("../README.md")]

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use livermore_core::{
    ids::{Revision, UserId},
    settings::{
        HistoryEntry, HistoryQuery, Save, SettingsError, SettingsStore, StoreCapability, Stored, Verdict, WatchEvents,
    },
};
use tokio::sync::watch;

/// A store that writes every save of every user to the end of one journal, and finds the rest by reading it.
///
/// Slow and forgetful, but right: everything it answers follows from one list.
#[derive(Clone)]
pub struct JournalStore {
    journal: Arc<Mutex<Journal>>,
}

struct Journal {
    saves: Vec<(UserId, HistoryEntry)>,
    /// Tells that there is something new, to everybody who watches; gone once the store is closed.
    news: Option<watch::Sender<()>>,
}

impl JournalStore {
    /// An empty store. Clones are handles of the same store.
    pub fn new() -> Self {
        let journal = Journal { saves: Vec::new(), news: Some(watch::Sender::new(())) };
        Self { journal: Arc::new(Mutex::new(journal)) }
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The journal, unless the store is closed.
    fn open(&self) -> Result<MutexGuard<'_, Journal>, SettingsError> {
        let journal = self.lock();
        if journal.news.is_some() { Ok(journal) } else { Err(SettingsError::Closed) }
    }
}

impl Journal {
    /// What a user has saved, newest first.
    fn of(&self, user: UserId) -> impl Iterator<Item = &HistoryEntry> {
        self.saves.iter().rev().filter(move |(owner, _)| *owner == user).map(|(_, entry)| entry)
    }

    fn newest(&self, user: UserId) -> Revision {
        self.of(user).next().map_or(Revision::ZERO, |entry| entry.revision)
    }
}

#[async_trait]
impl SettingsStore for JournalStore {
    fn capability(&self) -> StoreCapability {
        StoreCapability { durable: false, shared: false }
    }

    async fn load(&self, user: UserId) -> Result<Option<Stored>, SettingsError> {
        Ok(self.open()?.of(user).next().map(HistoryEntry::stored))
    }

    async fn save(&self, user: UserId, save: Save) -> Result<Revision, SettingsError> {
        let mut journal = self.open()?;
        let stored = journal.of(user).next().map(HistoryEntry::stored);
        let made = |cause| journal.of(user).find(|entry| entry.cause.as_ref() == Some(cause));
        let known = save.cause.as_ref().and_then(made).map(|entry| entry.revision);
        match save.decide(stored, known)? {
            Verdict::Known(revision) => Ok(revision),
            Verdict::Write(entry) => {
                let revision = entry.revision;
                journal.saves.push((user, entry));
                if let Some(news) = &journal.news {
                    news.send_replace(());
                }
                Ok(revision)
            }
        }
    }

    async fn history(&self, user: UserId, query: HistoryQuery) -> Result<Vec<HistoryEntry>, SettingsError> {
        let journal = self.open()?;
        Ok(journal.of(user).filter(|entry| query.includes(entry.revision)).take(query.limit).cloned().collect())
    }

    async fn watch(&self, user: UserId) -> Result<WatchEvents, SettingsError> {
        let journal = self.open()?;
        let Some(news) = journal.news.as_ref().map(watch::Sender::subscribe) else {
            return Err(SettingsError::Closed);
        };
        let begin = (self.journal.clone(), news, journal.newest(user));
        let events = stream::unfold(begin, move |(journal, mut news, told)| async move {
            loop {
                news.changed().await.ok()?;
                let newest = journal.lock().unwrap_or_else(PoisonError::into_inner).newest(user);
                if newest > told {
                    return Some((newest, (journal, news, newest)));
                }
            }
        });
        Ok(events.boxed())
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, SettingsError> {
        let users: BTreeSet<UserId> = self.open()?.saves.iter().map(|(user, _)| *user).collect();
        Ok(users.into_iter().filter(|user| after.is_none_or(|after| *user > after)).take(limit).collect())
    }

    async fn close(&self) {
        self.lock().news = None;
    }
}

impl Default for JournalStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for JournalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let journal = self.lock();
        f.debug_struct("JournalStore").field("saves", &journal.saves.len()).finish_non_exhaustive()
    }
}
