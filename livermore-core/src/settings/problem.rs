use std::fmt;

use serde::{Deserialize, Serialize};

/// Something wrong in a document. All of them are reported at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// What kind, stable for programs.
    pub code: ProblemCode,
    /// What is wrong, for people. Never holds a secret.
    pub message: String,
    /// What to write instead, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The kinds of problems; their names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemCode {
    /// The text is not JSON.
    NotJson,
    /// The document is not an object.
    NotAnObject,
    /// More bytes than a document may have.
    TooLarge,
    /// Nested deeper than a document may be.
    TooDeep,
    /// A NUL character, which databases cannot keep.
    Nul,
    /// A number that does not survive being stored.
    Number,
    /// No version.
    VersionMissing,
    /// A version that is not a whole number from 1.
    VersionInvalid,
    /// A value of the wrong type.
    Type,
    /// A value that must be there is not.
    Missing,
    /// A value outside its range.
    Range,
    /// A text that does not have the form it must have.
    Format,
    /// A name that is not among the known ones.
    Unknown,
    /// The same thing twice.
    Duplicate,
    /// More entries than allowed.
    TooMany,
    /// The name of an environment variable outside the user's allowed prefix.
    EnvForbidden,
    /// An environment variable that is not set.
    EnvMissing,
    /// A patch that is malformed or does not fit the document.
    Patch,
    /// Known, but not there yet.
    NotImplemented,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(pointer: impl Into<String>, code: ProblemCode, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, message: message.into(), hint: None }
    }

    /// The same problem with a hint.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the document" } else { &self.pointer };
        write!(f, "{place}: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
