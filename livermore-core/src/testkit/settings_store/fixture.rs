use std::{any::Any, fmt, future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use futures_util::{StreamExt, future::BoxFuture};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    ids::{Revision, Timestamp, UserId},
    settings::{
        Actor, Cause, Document, Expect, HistoryEntry, HistoryQuery, Save, SettingsError, SettingsStore, Stored,
        WatchEvents,
    },
};

/// Opens the store under test once more.
pub type Reopen = Box<dyn Fn() -> BoxFuture<'static, Arc<dyn SettingsStore>> + Send + Sync>;

/// A store under test, and what a clause must know of it.
#[non_exhaustive]
pub struct SettingsFixture {
    /// The store, newly made and empty.
    pub store: Arc<dyn SettingsStore>,
    /// Opens the same store again, as another process would. A durable store must have it. While `store` is open it is
    /// called only if the store says it is shared.
    pub reopen: Option<Reopen>,
    /// Longest wait for one answer or event.
    pub patience: Duration,
    /// What must live as long as the store, for example the server behind it.
    pub guard: Option<Box<dyn Any + Send>>,
}

impl SettingsFixture {
    /// A fixture that waits 60 seconds at most.
    pub fn new(store: Arc<dyn SettingsStore>) -> Self {
        Self { store, reopen: None, patience: Duration::from_mins(1), guard: None }
    }

    /// The same fixture with a way to open the store again.
    pub fn with_reopen<F>(mut self, reopen: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Arc<dyn SettingsStore>> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || Box::pin(reopen())));
        self
    }

    /// The same fixture with another longest wait.
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same fixture, holding on to `guard`.
    pub fn with_guard(mut self, guard: impl Any + Send) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// Bounds a wait; `what` says for what.
    pub(super) async fn within<T>(&self, what: &str, wait: impl Future<Output = T>) -> T {
        let patience = self.patience;
        timeout(patience, wait).await.unwrap_or_else(|_| panic!("{what} took over {patience:?}"))
    }

    pub(super) async fn try_save(&self, user: u64, save: Save) -> Result<Revision, SettingsError> {
        self.within("save", self.store.save(id(user), save)).await
    }

    pub(super) async fn save(&self, user: u64, save: Save) -> Revision {
        let expect = save.expect;
        let answer = self.try_save(user, save).await;
        answer.unwrap_or_else(|error| panic!("a save of user {user} expecting {expect:?} was refused: {error}"))
    }

    pub(super) async fn load(&self, user: u64) -> Option<Stored> {
        let answer = self.within("load", self.store.load(id(user))).await;
        answer.unwrap_or_else(|error| panic!("load of user {user} failed: {error}"))
    }

    /// What is stored for a user who has saved.
    pub(super) async fn stored(&self, user: u64) -> Stored {
        self.load(user).await.unwrap_or_else(|| panic!("user {user} saved, and nothing is stored"))
    }

    pub(super) async fn history(&self, user: u64, query: HistoryQuery) -> Vec<HistoryEntry> {
        let answer = self.within("history", self.store.history(id(user), query)).await;
        answer.unwrap_or_else(|error| panic!("history of user {user} failed: {error}"))
    }

    pub(super) async fn users(&self, after: Option<u64>, limit: usize) -> Vec<u64> {
        let answer = self.within("users", self.store.users(after.map(id), limit)).await;
        answer.unwrap_or_else(|error| panic!("users failed: {error}")).into_iter().map(UserId::get).collect()
    }

    pub(super) async fn watch(&self, user: u64) -> WatchEvents {
        let answer = self.within("watch", self.store.watch(id(user))).await;
        answer.unwrap_or_else(|error| panic!("watch of user {user} was refused: {error}"))
    }

    /// The next revision a watch tells; `None` at its end.
    pub(super) async fn next(&self, watch: &mut WatchEvents) -> Option<Revision> {
        self.within("the next revision of a watch", watch.next()).await
    }

    /// The store opened again, or `None` where that is not part of its promise.
    pub(super) async fn reopened(&self) -> Option<Arc<dyn SettingsStore>> {
        let durable = self.store.capability().durable;
        assert!(!durable || self.reopen.is_some(), "the store says it is durable: give the fixture a way to reopen it");
        match &self.reopen {
            Some(reopen) => Some(self.within("reopen", reopen()).await),
            None => None,
        }
    }
}

impl fmt::Debug for SettingsFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsFixture").field("store", &self.store).finish_non_exhaustive()
    }
}

pub(super) fn id(user: u64) -> UserId {
    UserId::new(user).expect("users of the suite are valid")
}

pub(super) fn revision(number: u64) -> Revision {
    Revision::new(number).expect("revisions of the suite are valid")
}

pub(super) fn cause(text: &str) -> Cause {
    Cause::new(text).expect("causes of the suite are valid")
}

pub(super) fn document(value: Value) -> Document {
    Document::new(value).expect("documents of the suite are valid")
}

/// A document that differs for each `number`.
pub(super) fn numbered(number: u64) -> Document {
    document(json!({ "version": 1, "number": number }))
}

/// A save of [`numbered`], at a time that fits.
pub(super) fn save(number: u64, expect: Expect) -> Save {
    let at = Timestamp::from_secs(1_522_800_000 + number.cast_signed()).expect("times of the suite are valid");
    let actor = Actor::new("suite:writer").expect("actors of the suite are valid");
    Save::new(expect, numbered(number), actor, at)
}

/// One poll of a future, whether or not that finishes it.
pub(super) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
