use serde::Serialize;
use serde_json::{Map, Value};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Check {
    /// What, stable for programs.
    #[serde(rename = "check")]
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    /// What was found, for people.
    pub(crate) found: String,
    /// What to do about it; where possible, what to type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// Whether it may be well later without anybody doing anything.
    pub(crate) retryable: bool,
    /// The same for programs.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) facts: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Status {
    Ok,
    /// Works, and is worth a look.
    Warn,
    /// Something has to be corrected, or is out of reach.
    Fail,
    /// Not looked at, because of another row.
    Skip,
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Skip => "skip",
        }
    }
}

impl Check {
    pub(crate) fn new(name: &'static str, status: Status, found: impl Into<String>) -> Self {
        Self { name, status, found: found.into(), next: None, retryable: false, facts: Map::new() }
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    pub(crate) fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    pub(crate) fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}
