use std::{fmt, pin::Pin};

use async_trait::async_trait;
use futures_core::Stream;
use serde::{Deserialize, Serialize};

use super::{Document, Problem, ProblemCode, SettingsError};
use crate::ids::{Revision, Timestamp, UserId};

/// Where settings documents are kept.
///
/// Object-safe: hold it as `Arc<dyn SettingsStore>`. It keeps documents and their history; what a document means is not
/// its business. The contract below is tested clause by clause by
/// [`settings_store_contract!`](crate::settings_store_contract) (feature `test-util`); run it on your own store.
///
/// # Users
/// - Every call names one user, and nothing of another user is read or written by it.
/// - [`users`](Self::users) lists every user with a stored document, ascending, in pages.
///
/// # Reading
/// - [`load`](Self::load) returns the last saved document, or `None` for a user who never saved.
/// - After [`save`](Self::save) has returned, a load from any handle of the same store sees it.
/// - A document is returned as it was saved: every key, every value. One that came here by other means (written before
///   there were versions, adopted from another table) need not have a version; reading it is no error of the store.
///
/// # Saving
/// - A save replaces the whole document and raises the revision by one, from 1 on; revisions are never used again.
/// - [`Expect::Revision`] saves only over exactly that revision, [`Expect::Absent`] only where nothing is stored,
///   [`Expect::Any`] always. Otherwise the answer is [`Conflict`](SettingsError::Conflict) with what is stored, and
///   nothing has changed.
/// - Of any number of saves on one revision at once, one wins.
/// - A save whose [`cause`](Save::cause) is already in the user's history changes nothing and returns the revision that
///   cause made, whatever is expected.
/// - Document and history are written together: both or neither.
/// - Every document that is saved has a version, a whole number from 1. One without is refused as
///   [`Invalid`](SettingsError::Invalid), with the problem that [`load`](super::load) would tell, and nothing has changed.
/// - A reason longer than [`Save::MAX_REASON`] or with a NUL character is refused as
///   [`Invalid`](SettingsError::Invalid), and nothing has changed; see [`Save::check`].
///
/// # History
/// - [`history`](Self::history) returns entries newest first, each with document, actor, reason and cause; at most
///   `limit`, those before `before`. A store may forget the oldest entries; it then says how many it keeps.
///
/// # Watching
/// - [`watch`](Self::watch) yields the user's revision after each save that follows the call. Several saves may be told
///   as one, the last; the newest revision is never missed. Dropping the stream ends it.
///
/// # Below a service
/// - Of any number of [`update`](super::SettingsService::update)s at once all land, each on what the one before it made.
/// - A document newer than the program is shown by a [`SettingsService`](super::SettingsService) and not written by any
///   of its calls.
///
/// # Cancellation
/// - A dropped future may or may not have saved: load, or save again with the same cause.
///
/// # Closing
/// - After [`close`](Self::close) every call fails with [`Closed`](SettingsError::Closed) and every watch ends. Closing
///   twice is harmless.
#[cfg_attr(feature = "test-util", mockall::automock)] // before async_trait, or the mock's methods are not async
#[async_trait]
pub trait SettingsStore: fmt::Debug + Send + Sync + 'static {
    /// What this store promises beyond the contract, constant for its life.
    fn capability(&self) -> StoreCapability;

    /// The user's stored document.
    async fn load(&self, user: UserId) -> Result<Option<Stored>, SettingsError>;

    /// Replaces the user's document.
    async fn save(&self, user: UserId, save: Save) -> Result<Revision, SettingsError>;

    /// What was saved before, newest first.
    async fn history(&self, user: UserId, query: HistoryQuery) -> Result<Vec<HistoryEntry>, SettingsError>;

    /// Tells the user's new revisions.
    async fn watch(&self, user: UserId) -> Result<WatchEvents, SettingsError>;

    /// Up to `limit` users after `after`, ascending.
    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, SettingsError>;

    /// Ends every watch and refuses every later call.
    async fn close(&self);
}

/// The revisions of one user, as they are saved.
pub type WatchEvents = Pin<Box<dyn Stream<Item = Revision> + Send + 'static>>;

/// What a store promises beyond the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreCapability {
    /// Whether documents survive the end of the process.
    pub durable: bool,
    /// Whether other processes may use the same store at the same time.
    pub shared: bool,
}

/// A document as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Which save it was, from 1.
    pub revision: Revision,
    /// The document.
    pub document: Document,
}

/// A document to be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Save {
    /// What must be stored for the save to happen.
    pub expect: Expect,
    /// The document.
    pub document: Document,
    /// Who saves.
    pub actor: Actor,
    /// Why, in the actor's words; at most 500 characters.
    pub reason: Option<String>,
    /// What made them save: the same cause never saves twice.
    pub cause: Option<Cause>,
    /// When, by the saver's clock; for the history.
    pub at: Timestamp,
}

/// What must be stored for a save to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything or nothing: the last writer wins, knowingly.
    Any,
    /// Nothing.
    Absent,
    /// Exactly this revision.
    Revision(Revision),
}

/// Who made a change: 1 to 100 visible characters, for example `cli:alice`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Actor(String);

/// What made a change, unique per change: 1 to 100 visible characters, for example a command id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cause(String);

/// A saved document of the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Which save it was.
    pub revision: Revision,
    /// The document as saved.
    pub document: Document,
    /// Who saved.
    pub actor: Actor,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// What made them save.
    pub cause: Option<Cause>,
    /// When, by the saver's clock.
    pub at: Timestamp,
}

/// Which part of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only revisions before this one.
    pub before: Option<Revision>,
    /// At most so many entries.
    pub limit: usize,
}

macro_rules! short_text {
    ($name:ident, $what:literal) => {
        impl $name {
            /// Checks `text` and makes a value of it.
            pub fn new(text: &str) -> Result<Self, crate::ids::InvalidId> {
                let visible = |c: char| !c.is_control();
                if (1..=100).contains(&text.chars().count()) && text.chars().all(visible) && text.trim() == text {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(crate::ids::InvalidId::new($what, text, "is 1 to 100 visible characters without space around"))
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::ids::InvalidId;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

short_text!(Actor, "actor");
short_text!(Cause, "cause");

impl Save {
    /// Longest reason, in characters.
    pub const MAX_REASON: usize = 500;

    /// A save without reason or cause.
    pub const fn new(expect: Expect, document: Document, actor: Actor, at: Timestamp) -> Self {
        Self { expect, document, actor, reason: None, cause: None, at }
    }

    /// Whether a store may take it at all; every store asks this first.
    pub fn check(&self) -> Result<(), SettingsError> {
        let mut problems: Vec<Problem> = self.document.version().err().into_iter().collect();
        let reason = self.reason.as_deref().unwrap_or_default();
        if reason.contains('\0') {
            problems.push(Problem::new("", ProblemCode::Nul, "the reason of the change holds a NUL character"));
        }
        let length = reason.chars().count();
        if length > Self::MAX_REASON {
            let most = Self::MAX_REASON;
            let message = format!("the reason of the change has {length} characters; at most {most} are allowed");
            problems.push(Problem::new("", ProblemCode::TooLarge, message));
        }
        if problems.is_empty() { Ok(()) } else { Err(SettingsError::Invalid { problems }) }
    }

    /// What a save means where `stored` is stored and `known` is the revision its cause has made.
    ///
    /// The rules of the contract in one place, for stores that decide in this process.
    pub fn decide(self, stored: Option<Stored>, known: Option<Revision>) -> Result<Verdict, SettingsError> {
        self.check()?;
        if let Some(revision) = known {
            return Ok(Verdict::Known(revision));
        }
        let found = stored.as_ref().map(|stored| stored.revision);
        let fits = match self.expect {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Revision(expected) => found == Some(expected),
        };
        if !fits {
            return Err(SettingsError::Conflict { current: stored.map(Box::new) });
        }
        let Some(revision) = found.unwrap_or(Revision::ZERO).next() else {
            return Err(SettingsError::Setup { reason: "the revisions of this user are used up".to_owned() });
        };
        let Self { document, actor, reason, cause, at, .. } = self;
        Ok(Verdict::Write(HistoryEntry { revision, document, actor, reason, cause, at }))
    }
}

/// What [`Save`] and `Attribution` have in common.
macro_rules! reason_and_cause {
    ($name:ty) => {
        impl $name {
            /// The same with a reason.
            pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
                self.reason = Some(reason.into());
                self
            }

            /// The same with a cause.
            pub fn with_cause(mut self, cause: Cause) -> Self {
                self.cause = Some(cause);
                self
            }
        }
    };
}
pub(super) use reason_and_cause;

reason_and_cause!(Save);

/// What a store does with a save; see [`Save::decide`].
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing: its cause has made this revision before.
    Known(Revision),
    /// Writes this entry to the history and stores its document.
    Write(HistoryEntry),
}

impl HistoryEntry {
    /// The document as it was stored.
    pub fn stored(&self) -> Stored {
        Stored { revision: self.revision, document: self.document.clone() }
    }
}

impl HistoryQuery {
    /// Whether a revision is asked for, the limit aside.
    pub fn includes(&self, revision: Revision) -> bool {
        self.before.is_none_or(|before| revision < before)
    }

    /// The newest `limit` entries.
    pub const fn newest(limit: usize) -> Self {
        Self { before: None, limit }
    }
}
