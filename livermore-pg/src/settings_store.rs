use std::{fmt, future::Future, sync::Arc};

use async_trait::async_trait;
use futures_util::stream;
use livermore_core::{
    ids::{Revision, Timestamp, UserId},
    settings::{
        Actor, Cause, Document, Expect, HistoryEntry, HistoryQuery, Problem, Save, SettingsError, SettingsStore,
        StoreCapability, Stored, WatchEvents,
    },
};
use tokio::time::timeout;

use crate::{PgConfig, PgError, connect::Connections, role_check, watch::Watches};

/// Settings in PostgreSQL: one row per user, and a history row per save.
///
/// Cheap to clone; all clones are one store. Every call is one statement in one transaction of its own, which names its
/// user to row-level security. A call that takes too long is given up: waiting for a connection after 2 s
/// ([`Busy`](SettingsError::Busy)), waiting for an answer after the statement timeout and a second
/// ([`Unavailable`](SettingsError::Unavailable)). Reads are tried a second time on a new connection when the first was
/// dead. A save is tried again only if it has a [cause](Save::cause), since without one nobody can tell whether it has
/// happened.
#[derive(Clone)]
pub struct PgSettingsStore {
    connections: Arc<Connections>,
    watches: Arc<Watches>,
}

impl PgSettingsStore {
    /// Connects as the program's role, and refuses a server, a schema or a role that must not be used.
    ///
    /// It never changes the schema; see [`migrate`](crate::migrate).
    pub async fn connect(config: &PgConfig) -> Result<Self, PgError> {
        let connections = Connections::new(config)?;
        role_check::check(&connections).await?;
        let watches = Watches::new(config, &connections)?;
        Ok(Self { connections, watches })
    }

    /// For what lives in the same database.
    pub(crate) fn connections(&self) -> Arc<Connections> {
        Arc::clone(&self.connections)
    }

    /// The user's document in one round trip.
    async fn load_once(&self, user: UserId) -> Result<Option<(i64, String)>, PgError> {
        const STEP: &str = "loading settings";
        let mut held = self.connections.acquire(STEP).await?;
        let limit = held.limit();
        let asked = sqlx::query_as("SELECT revision, document FROM livermore.settings_load($1)").bind(sql_id(user));
        let answer = timeout(limit, asked.fetch_one(&mut held.connection)).await;
        let (revision, document): (Option<i64>, Option<String>) = held.settle(STEP, answer)?;
        Ok(revision.zip(document))
    }

    async fn save_once(&self, user: UserId, save: &Save, document: &str) -> Result<Saved, PgError> {
        const STEP: &str = "saving settings";
        let expect = match save.expect {
            Expect::Any => None,
            Expect::Absent => Some(-1),
            Expect::Revision(revision) => Some(revision.get().cast_signed()),
        };
        let mut held = self.connections.acquire(STEP).await?;
        let limit = held.limit();
        let asked = sqlx::query_as(
            "SELECT outcome, revision, document FROM livermore.settings_save($1, $2, $3::text::jsonb, $4, $5, $6, $7)",
        )
        .bind(sql_id(user))
        .bind(expect)
        .bind(document)
        .bind(save.actor.as_str())
        .bind(save.reason.as_deref())
        .bind(save.cause.as_ref().map(Cause::as_str))
        .bind(save.at.as_millis());
        let answer = timeout(limit, asked.fetch_one(&mut held.connection)).await;
        held.settle(STEP, answer)
    }

    async fn history_once(&self, user: UserId, query: HistoryQuery) -> Result<Vec<HistoryRow>, PgError> {
        const STEP: &str = "reading the history of settings";
        let mut held = self.connections.acquire(STEP).await?;
        let limit = held.limit();
        let asked = sqlx::query_as(
            "SELECT revision, document, actor, reason, cause, at_ms FROM livermore.settings_history_page($1, $2, $3)",
        )
        .bind(sql_id(user))
        .bind(query.before.map(|revision| revision.get().cast_signed()))
        .bind(sql_limit(query.limit));
        let answer = timeout(limit, asked.fetch_all(&mut held.connection)).await;
        held.settle(STEP, answer)
    }

    async fn users_once(&self, after: Option<UserId>, limit: usize) -> Result<Vec<(i64,)>, PgError> {
        const STEP: &str = "listing users";
        let mut held = self.connections.acquire(STEP).await?;
        let asked = sqlx::query_as("SELECT id FROM livermore.settings_users($1, $2) AS id")
            .bind(after.map(sql_id))
            .bind(sql_limit(limit));
        let answer = timeout(held.limit(), asked.fetch_all(&mut held.connection)).await;
        held.settle(STEP, answer)
    }
}

/// `saved`, `known` or `conflict`; then what was made or what is there.
type Saved = (String, Option<i64>, Option<String>);
type HistoryRow = (i64, String, String, Option<String>, Option<String>, i64);

#[async_trait]
impl SettingsStore for PgSettingsStore {
    fn capability(&self) -> StoreCapability {
        StoreCapability { durable: true, shared: true }
    }

    async fn load(&self, user: UserId) -> Result<Option<Stored>, SettingsError> {
        let row = twice(true, || self.load_once(user)).await?;
        row.map(|(revision, document)| stored(user, revision, &document)).transpose()
    }

    async fn save(&self, user: UserId, save: Save) -> Result<Revision, SettingsError> {
        save.check()?;
        let document = save.document.to_json();
        // With a cause the second try finds what the first one did.
        let (outcome, revision, current) =
            twice(save.cause.is_some(), || self.save_once(user, &save, &document)).await?;
        let Some(revision) = revision else {
            return Err(SettingsError::Conflict { current: None });
        };
        if outcome == "conflict" {
            let current = stored(user, revision, &current.unwrap_or_default())?;
            return Err(SettingsError::Conflict { current: Some(Box::new(current)) });
        }
        let revision = read_revision(revision)?;
        self.watches.tell(user, revision);
        Ok(revision)
    }

    async fn history(&self, user: UserId, query: HistoryQuery) -> Result<Vec<HistoryEntry>, SettingsError> {
        let rows = twice(true, || self.history_once(user, query)).await?;
        rows.into_iter().map(|row| entry(user, row)).collect()
    }

    async fn watch(&self, user: UserId) -> Result<WatchEvents, SettingsError> {
        let receiver = self.watches.register(user)?;
        // Asked after the registration: a save from here on is told, one from before is not.
        let seen = twice(true, || self.load_once(user)).await?;
        let seen = seen.map_or(Ok(Revision::ZERO), |(revision, _)| read_revision(revision))?;
        Ok(Box::pin(stream::unfold((receiver, seen), |(mut receiver, seen)| async move {
            loop {
                let told = *receiver.borrow_and_update();
                if told > seen {
                    return Some((told, (receiver, told)));
                }
                receiver.changed().await.ok()?;
            }
        })))
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, SettingsError> {
        let rows = twice(true, || self.users_once(after, limit)).await?;
        let ids = rows.into_iter().map(|(id,)| u64::try_from(id).ok().and_then(|id| UserId::new(id).ok()));
        ids.map(|id| id.ok_or_else(|| unreadable("a user id is out of range"))).collect()
    }

    async fn close(&self) {
        self.watches.close();
        self.connections.close().await;
    }
}

impl fmt::Debug for PgSettingsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgSettingsStore")
            .field("target", &self.connections.target())
            .field("closed", &self.connections.is_closed())
            .finish_non_exhaustive()
    }
}

/// Tries again once, where that is safe and the connection was the trouble: it may have died while it rested.
async fn twice<T, F>(safe: bool, mut call: impl FnMut() -> F) -> Result<T, PgError>
where
    F: Future<Output = Result<T, PgError>>,
{
    match call().await {
        Err(PgError::Unreachable { .. }) if safe => call().await,
        answer => answer,
    }
}

fn stored(user: UserId, revision: i64, document: &str) -> Result<Stored, SettingsError> {
    let document = read(user, revision, document)?;
    Ok(Stored { revision: read_revision(revision)?, document })
}

fn entry(user: UserId, row: HistoryRow) -> Result<HistoryEntry, SettingsError> {
    let (revision, document, actor, reason, cause, at) = row;
    let broken = |what: &str| unreadable(&format!("revision {revision} of user {user} has {what} that is not valid"));
    Ok(HistoryEntry {
        revision: read_revision(revision)?,
        document: read(user, revision, &document)?,
        actor: Actor::new(&actor).map_err(|_| broken("an actor"))?,
        reason,
        cause: cause.map(|cause| Cause::new(&cause)).transpose().map_err(|_| broken("a cause"))?,
        at: Timestamp::from_millis(at).map_err(|_| broken("a time"))?,
    })
}

/// A document as it is in the database. Others may have written it, and jsonb takes what a [`Document`] does not.
fn read(user: UserId, revision: i64, text: &str) -> Result<Document, SettingsError> {
    Document::parse(text.as_bytes()).map_err(|refused| {
        // Places and kinds only: a message may quote a value.
        let what = |Problem { pointer, code, .. }: &Problem| {
            let code = serde_json::to_string(code).unwrap_or_default();
            let place = if pointer.is_empty() { "the document" } else { pointer };
            format!("{place}: {}", code.trim_matches('"'))
        };
        let problems: Vec<String> = refused.0.iter().take(5).map(what).collect();
        unreadable(&format!(
            "revision {revision} of user {user} in livermore.users is not a document ({}); correct it in the database, or \
             save another one",
            problems.join("; ")
        ))
    })
}

fn unreadable(reason: &str) -> SettingsError {
    SettingsError::Unreadable { reason: reason.to_owned() }
}

fn read_revision(revision: i64) -> Result<Revision, SettingsError> {
    let revision = u64::try_from(revision).ok().and_then(|revision| Revision::new(revision).ok());
    revision.ok_or_else(|| unreadable("a revision is out of range"))
}

fn sql_id(user: UserId) -> i64 {
    user.get().cast_signed()
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
