use std::{fmt, marker::PhantomData, sync::Arc};

use super::{
    Actor, Cause, Change, Document, Expect, HistoryEntry, HistoryQuery, Loaded, Save, Settings, SettingsError,
    SettingsStore, Status, Stored, diff, load, store::reason_and_cause,
};
use crate::ids::{Revision, Timestamp, UserId};

/// Settings of the type `S` in any store: read, checked, and changed without losing what others change meanwhile.
///
/// - A change is made on the raw document, so that what this program does not know survives.
/// - Nothing is saved that [`load`](super::load) would refuse, and a document newer than this program is never
///   replaced: every writing call answers [`Newer`](SettingsError::Newer).
/// - A change that changes nothing is not saved; the answer is what is stored.
///
/// ```
/// use std::sync::Arc;
/// use livermore_core::ids::{Timestamp, UserId};
/// use livermore_core::settings::{Actor, Attribution, MemorySettingsStore, SettingsService, UserSettings};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = SettingsService::<UserSettings>::new(Arc::new(MemorySettingsStore::new()));
/// let user = UserId::new(7)?;
/// let by = Attribution::new(Actor::new("docs:example")?, Timestamp::EPOCH).with_reason("to show how");
///
/// // As code sees it, as a merge patch, and by path.
/// service.change(user, &by, |settings| settings.alerts.levels = vec![150.0, 300.0]).await?;
/// service.patch(user, &by, &json!({ "symbols": { "monitored": ["BTC-USD"] }, "notes": "kept" })).await?;
/// service.set(user, &by, &"alerts.enabled".parse()?, json!(false)).await?;
/// service.remove(user, &by, &"/symbols/monitored".parse()?).await?;
/// let now = service.load(user).await?;
/// assert_eq!((now.revision.get(), now.loaded.settings.alerts.levels.len()), (4, 2));
///
/// // The defaults, except for what is not this program's.
/// let fresh = service.reset(user, &by).await?;
/// assert_eq!(fresh.loaded.settings, UserSettings::default());
/// assert_eq!(fresh.loaded.document.as_map()["notes"], "kept");
/// # Ok(())
/// # }
/// ```
pub struct SettingsService<S> {
    store: Arc<dyn SettingsStore>,
    settings: PhantomData<fn() -> S>,
}

/// Who makes a change, why, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// Who.
    pub actor: Actor,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// What made them: with a cause, the same change made twice is saved once.
    pub cause: Option<Cause>,
    /// When, by the actor's clock.
    pub at: Timestamp,
}

/// Settings with the revision they are stored under.
#[derive(Clone)]
pub struct Versioned<S> {
    /// Zero where nothing is stored.
    pub revision: Revision,
    /// The document, read.
    pub loaded: Loaded<S>,
}

impl<S: Settings> SettingsService<S> {
    /// How often [`update`](Self::update) begins anew. Each time somebody else has saved, so that only a crowd of
    /// writers on one user comes near.
    pub const MAX_TRIES: usize = 32;

    /// A service on a store.
    pub fn new(store: Arc<dyn SettingsStore>) -> Self {
        Self { store, settings: PhantomData }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn SettingsStore> {
        &self.store
    }

    /// The user's settings; the defaults where nothing is stored.
    pub async fn load(&self, user: UserId) -> Result<Versioned<S>, SettingsError> {
        read(self.store.load(user).await?.as_ref())
    }

    /// Changes the user's settings: `change` makes the new document of the current one
    /// ([`Loaded::document`], up to date), and is called again with the newer one when somebody else saves meanwhile.
    ///
    /// After [`MAX_TRIES`](Self::MAX_TRIES) the answer is the last [`Conflict`](SettingsError::Conflict).
    pub async fn update(
        &self,
        user: UserId,
        by: &Attribution,
        mut change: impl FnMut(&Loaded<S>) -> Result<Document, SettingsError> + Send,
    ) -> Result<Versioned<S>, SettingsError> {
        self.retrying(user, by, |stored| {
            let current = read::<S>(stored)?;
            refuse_newer::<S>(stored)?;
            change(&current.loaded)
        })
        .await
    }

    /// Puts `document` in the place of the user's settings, whatever they are now, brought up to date and checked.
    pub async fn import(
        &self,
        user: UserId,
        by: &Attribution,
        document: &Document,
    ) -> Result<Versioned<S>, SettingsError> {
        self.retrying(user, by, |stored| {
            refuse_newer::<S>(stored)?;
            Ok(document.clone())
        })
        .await
    }

    /// Saves `document` if `expect` holds: for an editor that shows its user the conflict instead of retrying.
    pub async fn save(
        &self,
        user: UserId,
        by: &Attribution,
        expect: Expect,
        document: &Document,
    ) -> Result<Versioned<S>, SettingsError> {
        let stored = self.store.load(user).await?;
        refuse_newer::<S>(stored.as_ref())?;
        let found = stored.as_ref().map(|stored| stored.revision);
        let expect = match expect {
            // What was looked at is what is replaced: a newer document that comes in between stays.
            Expect::Any => found.map_or(Expect::Absent, Expect::Revision),
            other => other,
        };
        self.write(user, by, expect, document).await
    }

    /// Makes an old revision the current one, as a new revision. An old document is brought up to date first.
    pub async fn rollback(&self, user: UserId, by: &Attribution, to: Revision) -> Result<Versioned<S>, SettingsError> {
        let entry = self.revision(user, to).await?;
        self.import(user, by, &entry.document).await
    }

    /// One revision of the history.
    pub async fn revision(&self, user: UserId, revision: Revision) -> Result<HistoryEntry, SettingsError> {
        let query = HistoryQuery { before: revision.next(), limit: 1 };
        let found = self.store.history(user, query).await?.into_iter().next();
        found.filter(|entry| entry.revision == revision).ok_or(SettingsError::NoSuchRevision { revision })
    }

    /// What changed from one revision to another, or to what is stored now; the documents as they were saved.
    pub async fn diff(&self, user: UserId, from: Revision, to: Option<Revision>) -> Result<Vec<Change>, SettingsError> {
        let before = self.revision(user, from).await?.document;
        let after = match to {
            Some(revision) => self.revision(user, revision).await?.document,
            None => self.store.load(user).await?.map(|stored| stored.document).unwrap_or_default(),
        };
        Ok(diff(&before, &after))
    }

    pub(super) async fn retrying(
        &self,
        user: UserId,
        by: &Attribution,
        mut make: impl FnMut(Option<&Stored>) -> Result<Document, SettingsError> + Send,
    ) -> Result<Versioned<S>, SettingsError> {
        let mut stored = self.store.load(user).await?;
        let mut tries = 1;
        loop {
            let document = make(stored.as_ref())?;
            if let Some(stored) = &stored
                && stored.document == document
            {
                return read(Some(stored));
            }
            let expect = stored.as_ref().map_or(Expect::Absent, |stored| Expect::Revision(stored.revision));
            match self.write(user, by, expect, &document).await {
                Err(SettingsError::Conflict { current }) if tries < Self::MAX_TRIES => {
                    stored = current.map(|current| *current);
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn write(
        &self,
        user: UserId,
        by: &Attribution,
        expect: Expect,
        document: &Document,
    ) -> Result<Versioned<S>, SettingsError> {
        let mut loaded = load::<S>(Some(document))?;
        if loaded.status == Status::Newer {
            return Err(SettingsError::Newer { found: loaded.from, max: S::migrations().current() });
        }
        let Attribution { actor, reason, cause, at } = by.clone();
        let save = Save { expect, document: loaded.document.clone(), actor, reason, cause, at };
        let revision = self.store.save(user, save).await?;
        let next = match expect {
            Expect::Revision(before) => before.next(),
            Expect::Absent | Expect::Any => Revision::ZERO.next(),
        };
        if next != Some(revision) {
            // The cause has been there before: the answer is what it made then.
            let entry = self.revision(user, revision).await?;
            loaded = load(Some(&entry.document))?;
        }
        Ok(Versioned { revision, loaded })
    }
}

/// What is stored, as settings.
pub(super) fn read<S: Settings>(stored: Option<&Stored>) -> Result<Versioned<S>, SettingsError> {
    let revision = stored.map_or(Revision::ZERO, |stored| stored.revision);
    Ok(Versioned { revision, loaded: load(stored.map(|stored| &stored.document))? })
}

/// Asked of what is stored before it is replaced. It need not be valid: replacing is how that is mended.
pub(super) fn refuse_newer<S: Settings>(stored: Option<&Stored>) -> Result<(), SettingsError> {
    let max = S::migrations().current();
    match stored.map(|stored| stored.document.version()) {
        Some(Ok(found)) if found > max => Err(SettingsError::Newer { found, max }),
        _ => Ok(()),
    }
}

impl Attribution {
    /// Neither reason nor cause.
    pub const fn new(actor: Actor, at: Timestamp) -> Self {
        Self { actor, reason: None, cause: None, at }
    }
}

reason_and_cause!(Attribution);

impl<S> Clone for SettingsService<S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), settings: PhantomData }
    }
}

impl<S> fmt::Debug for SettingsService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsService").field("store", &self.store).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Versioned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned")
            .field("revision", &self.revision)
            .field("status", &self.loaded.status)
            .finish_non_exhaustive()
    }
}
