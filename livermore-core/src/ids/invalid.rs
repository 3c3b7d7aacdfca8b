use std::fmt;

use crate::ErrorKind;

/// A name or number that is not valid for its type.
///
/// The message names the type, the input (cut to 64 characters), the reason, and a suggestion where one is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    what: &'static str,
    input: String,
    reason: String,
    suggestion: Option<String>,
}

impl InvalidId {
    pub(crate) fn new(what: &'static str, input: &str, reason: impl Into<String>) -> Self {
        let input = input.chars().take(MAX_SHOWN_CHARS).collect();
        Self { what, input, reason: reason.into(), suggestion: None }
    }

    pub(crate) fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// What kind of value was expected, for example `symbol`.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Why the input was refused.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The valid value that was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// Always [`ErrorKind::InvalidInput`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.what, self.input, self.reason)?;
        match &self.suggestion {
            Some(meant) => write!(f, " (did you mean {meant:?}?)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for InvalidId {}

/// Long enough to recognise any valid value, short enough that a pasted file does not flood a terminal.
const MAX_SHOWN_CHARS: usize = 64;

/// The candidate closest to `input`, if one is close enough to be worth suggesting.
///
/// Closeness is the Damerau-Levenshtein distance, ignoring case; up to a third of the candidate's length, at least one edit.
///
/// ```
/// use livermore_core::ids::did_you_mean;
/// assert_eq!(did_you_mean("colse", ["open", "close"]), Some("close"));
/// assert_eq!(did_you_mean("zzz", ["open", "close"]), None);
/// ```
pub fn did_you_mean<'a>(input: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let input: String = input.trim().chars().take(MAX_SHOWN_CHARS).collect::<String>().to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&input, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
