use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{AppliedStep, Document, Migrations, Path, Problem, ProblemCode, SettingsError, typed::typed};

/// An app's own settings: the typed view of a document.
///
/// Every field should have a default (`#[serde(default)]`): a member that is missing or null gets it. The member
/// `version` belongs to the document; the type neither sees nor writes it.
pub trait Settings: Serialize + DeserializeOwned + Default + Clone + Send + Sync + 'static {
    /// Top-level members that [`reset`](super::reset) keeps although the type knows them.
    const KEPT_ON_RESET: &'static [&'static str] = &["extensions"];

    /// How older documents become current ones; its last version is the version of this type.
    fn migrations() -> &'static Migrations;

    /// Everything wrong with the values, beyond what their types say.
    fn validate(&self) -> Vec<Problem>;

    /// A better account of a value that does not fit its type than the general one, where the app has one.
    ///
    /// The message must not hold the value: it may be a secret in the wrong place.
    fn explain(_path: &Path, _value: &Value) -> Option<Problem> {
        None
    }
}

/// A document, read.
///
/// Its `Debug` shows no settings.
#[derive(Clone)]
pub struct Loaded<S> {
    /// The typed view.
    pub settings: S,
    /// The version the stored document had.
    pub from: u32,
    /// The steps that were applied, oldest first.
    pub applied: Vec<AppliedStep>,
    /// The document as stored.
    pub original: Document,
    /// The document brought up to date: what a change is made on.
    pub document: Document,
    /// How the two relate.
    pub status: Status,
}

/// How a stored document relates to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It has the version of this program.
    Current,
    /// It was older and has been brought up to date in memory; the stored one is as it was until the next save.
    Migrated,
    /// It is newer than this program: shown as far as it is understood, never written.
    Newer,
}

/// Reads a document: brings it up to date and checks it. `None` and an empty document give the defaults.
///
/// - An older document is migrated in memory. A step that fails is named, with the place it could not deal with; then
///   nothing is read.
/// - A document newer than the program is read as [`Newer`](Status::Newer), unchecked; when it does not even fit the
///   type, the error is [`SettingsError::Newer`].
/// - Every problem of a document is reported at once: values that do not fit their type, and values that
///   [`validate`](Settings::validate) refuses.
pub fn load<S: Settings>(stored: Option<&Document>) -> Result<Loaded<S>, SettingsError> {
    let max = S::migrations().current();
    let Some(original) = stored.filter(|document| !document.is_empty()) else {
        let settings = S::default();
        let document = to_document(&settings, max)?;
        let original = stored.cloned().unwrap_or_default();
        return Ok(Loaded { settings, from: max, applied: Vec::new(), original, document, status: Status::Current });
    };
    let Brought { settings, from, applied, document, status } = bring(original.clone())?;
    Ok(Loaded { settings, from, applied, original: original.clone(), document, status })
}

/// A document that is not empty, brought up to date.
pub(super) struct Brought<S> {
    pub(super) settings: S,
    pub(super) from: u32,
    pub(super) applied: Vec<AppliedStep>,
    pub(super) document: Document,
    pub(super) status: Status,
}

pub(super) fn bring<S: Settings>(document: Document) -> Result<Brought<S>, SettingsError> {
    let max = S::migrations().current();
    let from = document.version().map_err(|problem| SettingsError::Invalid { problems: vec![problem] })?;
    if from > max {
        let settings = typed::<S>(&document, false).map_err(|_| SettingsError::Newer { found: from, max })?;
        return Ok(Brought { settings, from, applied: Vec::new(), document, status: Status::Newer });
    }
    let (document, applied) = S::migrations().upgrade(document, from)?;
    let settings = typed::<S>(&document, true).map_err(|problems| SettingsError::Invalid { problems })?;
    let status = if applied.is_empty() { Status::Current } else { Status::Migrated };
    Ok(Brought { settings, from, applied, document, status })
}

/// The document of a typed value.
pub(super) fn to_document<S: Settings>(settings: &S, version: u32) -> Result<Document, SettingsError> {
    let mut value = serde_json::to_value(settings).map_err(|_| {
        let message = "the settings cannot be written as JSON";
        SettingsError::Invalid { problems: vec![Problem::new("", ProblemCode::Type, message)] }
    })?;
    if let Some(map) = value.as_object_mut() {
        map.insert("version".to_owned(), version.into());
    }
    Ok(Document::new(value)?)
}

impl<S> fmt::Debug for Loaded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("from", &self.from)
            .field("status", &self.status)
            .field("document", &self.document)
            .finish_non_exhaustive()
    }
}
