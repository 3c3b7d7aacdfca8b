use std::fmt;

use crate::wire::value::{List, Text, record, short};

/// What an error answer says, in a few words that are safe to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// The venue's short name of the error, for example `INVALID_ARGUMENT`, at most 64 characters.
    pub code: Option<String>,
    /// What it says, at most 200 characters; empty when it says nothing.
    pub message: String,
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) if self.message.is_empty() => f.write_str(code),
            Some(code) => write!(f, "{code}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

record! {
    ErrorJson {
        "error" error: Text<'de>,
        "message" message: Text<'de>,
        "error_details" details: Text<'de>,
        "errors" errors: List<InnerError<'de>>,
    }
}

record! {
    InnerError {
        "id" id: Text<'de>,
        "message" message: Text<'de>,
    }
}

/// Reads the body of an answer that is no success: JSON in any of the venue's shapes, a line of text, or a page of HTML
/// from a server in between. Never fails.
pub fn error_body(body: &[u8]) -> ErrorBody {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_READ)]);
    let text = text.trim();
    if let Ok(json) = serde_json::from_str::<ErrorJson<'_>>(text)
        && !json.wrong
    {
        return from_json(&json);
    }
    if text.starts_with('<') {
        let title = between(text, "<title>", "</title>").unwrap_or("without a title");
        return ErrorBody { code: None, message: format!("a page of HTML: {}", short(title.trim(), MAX_MESSAGE - 20)) };
    }
    ErrorBody { code: None, message: short(text, MAX_MESSAGE) }
}

/// Errors are short; of anything longer the beginning is enough.
const MAX_READ: usize = 64 * 1_024;
const MAX_CODE: usize = 64;
const MAX_MESSAGE: usize = 200;

fn from_json(json: &ErrorJson<'_>) -> ErrorBody {
    let inner = json.errors.items.first();
    let first = |texts: [&str; 2]| texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned();
    let code = first([json.error.as_str(), inner.map_or("", |inner| inner.id.as_str())]);
    let mut message = first([json.message.as_str(), inner.map_or("", |inner| inner.message.as_str())]);
    let details = json.details.as_str();
    if message.is_empty() {
        details.clone_into(&mut message);
    } else if !details.is_empty() && details != message {
        message = format!("{message} ({details})");
    }
    let code = short(&code, MAX_CODE);
    ErrorBody { code: Some(code).filter(|code| !code.is_empty()), message: short(&message, MAX_MESSAGE) }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}
