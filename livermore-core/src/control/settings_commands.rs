use std::fmt;

use async_trait::async_trait;
use serde_json::json;

use super::{Command, SettingsAnswer};
use crate::{
    ids::{CommandId, InvalidId, Revision, Symbol, Timestamp, UserId},
    settings::{Actor, Attribution, Cause, Document, Expect, Save, SettingsError, SettingsService, UserSettings},
};

/// Carries out the commands that change settings, and says which revision is stored.
///
/// - A change is saved with the command's id as its cause, so that a repetition changes nothing.
/// - After the answer [`NotMade`](SettingsAnswer::NotMade), and after a refusal of a command that was begun before, the change
///   is never made, not even by an earlier runner that was on its way to the store all the time.
#[cfg_attr(feature = "test-util", mockall::automock)] // before async_trait, or the mock's methods are not async
#[async_trait]
pub trait SettingsCommands: fmt::Debug + Send + Sync + 'static {
    /// Carries out one command. An error that is [retryable](SettingsError::is_retryable) leaves the command undecided.
    async fn carry_out(&self, user: UserId, request: SettingsRequest) -> Result<SettingsAnswer, SettingsError>;
}

/// A command for the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsRequest {
    /// Its id, the cause of the change.
    pub id: CommandId,
    /// The change, or `reload-settings`, which asks for the revision.
    pub command: Command,
    /// Who sent it.
    pub sender: Actor,
    /// When it is carried out.
    pub at: Timestamp,
    /// Make no change any more; only tell whether it was made before.
    pub only_if_made: bool,
    /// An earlier attempt may have made the change.
    pub again: bool,
}

/// The commands for [`UserSettings`].
#[derive(Debug, Clone)]
pub struct UserSettingsCommands {
    service: SettingsService<UserSettings>,
}

impl UserSettingsCommands {
    /// Changes settings through this service.
    pub const fn new(service: SettingsService<UserSettings>) -> Self {
        Self { service }
    }

    /// What a cause has made of the settings before, if anything.
    async fn made_by(
        &self,
        user: UserId,
        cause: &Cause,
        by: &Attribution,
    ) -> Result<Option<SettingsAnswer>, SettingsError> {
        // Nothing is ever stored under revision zero, so that this saves nothing; a known cause answers first.
        let never = Document::new(json!({ "version": UserSettings::VERSION }))?;
        let save = Save::new(Expect::Revision(Revision::ZERO), never, by.actor.clone(), by.at);
        match self.service.store().save(user, save.with_cause(cause.clone())).await {
            Ok(revision) => self.answer_of(user, revision).await.map(Some),
            Err(SettingsError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sees to it that a change that was not made is never made: its cause is used up for saving what is there. An earlier
    /// runner that was frozen on its way to the store would otherwise make the change when it wakes up.
    async fn rule_out(&self, user: UserId, cause: &Cause, by: &Attribution) -> Result<SettingsAnswer, SettingsError> {
        let store = self.service.store();
        loop {
            let (expect, document) = match store.load(user).await? {
                Some(stored) => (Expect::Revision(stored.revision), stored.document),
                None => (Expect::Absent, self.service.load(user).await?.loaded.document),
            };
            let save = Save::new(expect, document, by.actor.clone(), by.at).with_cause(cause.clone());
            match store.save(user, save.with_reason(RULED_OUT)).await {
                Ok(revision) => return self.answer_of(user, revision).await,
                // Somebody else has saved: look again.
                Err(SettingsError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What a revision made under the command's cause says.
    async fn answer_of(&self, user: UserId, revision: Revision) -> Result<SettingsAnswer, SettingsError> {
        let ruled_out = match self.service.revision(user, revision).await {
            Ok(entry) => entry.reason.as_deref() == Some(RULED_OUT),
            // So old that the history has forgotten it; nothing is ruled out that late.
            Err(SettingsError::NoSuchRevision { .. }) => false,
            Err(error) => return Err(error),
        };
        Ok(if ruled_out { SettingsAnswer::NotMade } else { SettingsAnswer::At { revision, changed: true } })
    }

    async fn change(&self, user: UserId, command: &Command, by: &Attribution) -> Result<SettingsAnswer, SettingsError> {
        let mut changed = false;
        let saved = self.service.change(user, by, |settings| {
            let before = settings.clone();
            apply(command, settings);
            changed = *settings != before;
        });
        let revision = saved.await?.revision;
        Ok(SettingsAnswer::At { revision, changed })
    }
}

/// The reason of a revision that only uses a cause up.
const RULED_OUT: &str = "the command was not carried out; its change is ruled out";

#[async_trait]
impl SettingsCommands for UserSettingsCommands {
    async fn carry_out(&self, user: UserId, request: SettingsRequest) -> Result<SettingsAnswer, SettingsError> {
        let SettingsRequest { id, command, sender, at, only_if_made, again } = request;
        if !command.kind().changes_settings() {
            let revision = self.service.load(user).await?.revision;
            return Ok(SettingsAnswer::At { revision, changed: false });
        }
        let cause = Cause::new(&id.to_string()).map_err(|error| unusable(&error))?;
        let by = Attribution::new(sender, at).with_reason(format!("command {}", command.kind()));
        let by = by.with_cause(cause.clone());
        if (only_if_made || again)
            && let Some(answer) = self.made_by(user, &cause, &by).await?
        {
            return Ok(answer);
        }
        if only_if_made {
            return self.rule_out(user, &cause, &by).await;
        }
        match self.change(user, &command, &by).await {
            // What is refused now might be taken later, from an earlier runner.
            Err(error) if again && !error.is_retryable() => match self.rule_out(user, &cause, &by).await? {
                SettingsAnswer::NotMade => Ok(SettingsAnswer::Refused { detail: error.to_string() }),
                made => Ok(made),
            },
            answer => answer,
        }
    }
}

/// Not reached: an id is a valid cause.
fn unusable(error: &InvalidId) -> SettingsError {
    SettingsError::Setup { reason: error.to_string() }
}

fn apply(command: &Command, settings: &mut UserSettings) {
    let monitored = &mut settings.symbols.monitored;
    let mut add = |symbol: &Symbol| {
        if !monitored.contains(symbol) {
            monitored.push(symbol.clone());
        }
    };
    match command {
        Command::SwitchMode { mode } => settings.mode = *mode,
        Command::AddSymbol { symbol } => add(symbol),
        Command::BulkAddSymbols { symbols } => symbols.iter().for_each(add),
        Command::RemoveSymbol { symbol } => monitored.retain(|known| known != symbol),
        // They change nothing here.
        Command::Pause { .. }
        | Command::Resume
        | Command::ReloadSettings { .. }
        | Command::ForceBackfill(_)
        | Command::ClearCache { .. } => {}
    }
}
