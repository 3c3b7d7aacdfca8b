use serde_json::Value;

use super::{
    Attribution, Document, NotADocument, Path, Settings, SettingsError, SettingsService, Versioned, change, reset,
    service::{read, refuse_newer},
};
use crate::ids::UserId;

/// The usual changes, each an [`update`](SettingsService::update).
impl<S: Settings> SettingsService<S> {
    /// Applies a merge patch (RFC 7396); see [`Document::merge_patch`].
    pub async fn patch(&self, user: UserId, by: &Attribution, patch: &Value) -> Result<Versioned<S>, SettingsError> {
        self.edit(user, by, |document| document.merge_patch(patch)).await
    }

    /// Puts `value` at `path`, making the parents that are missing; see [`Document::set`].
    pub async fn set(
        &self,
        user: UserId,
        by: &Attribution,
        path: &Path,
        value: Value,
    ) -> Result<Versioned<S>, SettingsError> {
        self.edit(user, by, |document| document.set(path, value.clone())).await
    }

    /// Takes away what `path` names, so that it has its default; see [`Document::remove`].
    pub async fn remove(&self, user: UserId, by: &Attribution, path: &Path) -> Result<Versioned<S>, SettingsError> {
        self.edit(user, by, |document| document.remove(path).map(drop)).await
    }

    /// Changes the typed settings; only what differs afterwards is written to the document, see [`change`](super::change).
    /// `edit` is called again with newer settings when somebody else saves meanwhile.
    pub async fn change(
        &self,
        user: UserId,
        by: &Attribution,
        mut edit: impl FnMut(&mut S) + Send,
    ) -> Result<Versioned<S>, SettingsError> {
        self.update(user, by, |current| {
            let mut wanted = current.settings.clone();
            edit(&mut wanted);
            change(&current.document, &current.settings, &wanted)
        })
        .await
    }

    /// Puts the defaults in the place of the user's settings, keeping what is not this program's; see
    /// [`reset`](super::reset). Settings that cannot be read any more are reset all the same.
    pub async fn reset(&self, user: UserId, by: &Attribution) -> Result<Versioned<S>, SettingsError> {
        self.retrying(user, by, |stored| {
            refuse_newer::<S>(stored)?;
            match (read::<S>(stored), stored) {
                // Up to date first, so that old names of known members do not stay behind as if they were unknown.
                (Ok(current), _) => reset::<S>(&current.loaded.document),
                (Err(_), Some(stored)) => reset::<S>(&stored.document),
                (Err(error), None) => Err(error),
            }
        })
        .await
    }

    /// A change made on the document.
    async fn edit(
        &self,
        user: UserId,
        by: &Attribution,
        edit: impl Fn(&mut Document) -> Result<(), NotADocument> + Send + Sync,
    ) -> Result<Versioned<S>, SettingsError> {
        self.update(user, by, |current| {
            let mut document = current.document.clone();
            edit(&mut document)?;
            Ok(document)
        })
        .await
    }
}
