//! What an answer that is no success says, in a few safe words.

use serde::Deserialize;

/// The words of an error answer: its own if they can be found, what it looks like if not. Never more than a short text,
/// and never markup.
pub(super) fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() {
        return "no words".to_owned();
    }
    if text.starts_with('<') {
        return "a web page instead of JSON".to_owned();
    }
    if text.starts_with(['{', '[']) {
        return serde_json::from_str::<ErrorBody>(text)
            .ok()
            .and_then(ErrorBody::words)
            .unwrap_or_else(|| "JSON of an unknown form".to_owned());
    }
    short(text)
}

/// Whether the words say that the key may not do this.
pub(super) fn is_missing_scope(words: &str) -> bool {
    words.to_ascii_lowercase().contains("missing required scopes")
}

/// The forms in use: `error` with `message` and details, and a list of `errors`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: Option<serde_json::Value>,
    error_details: Option<serde_json::Value>,
    message: Option<serde_json::Value>,
    errors: Vec<Item>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    id: Option<serde_json::Value>,
    message: Option<serde_json::Value>,
}

impl ErrorBody {
    fn words(self) -> Option<String> {
        let first = self.errors.into_iter().next().unwrap_or_default();
        let code = self.error.or(first.id);
        let details = self.error_details.or(self.message).or(first.message);
        let parts: Vec<_> = [code, details].into_iter().flatten().filter_map(|part| part.as_str().map(short)).collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    }
}

fn short(text: &str) -> String {
    let printable = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    let mut short: String = printable.take(MAX_CHARS).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        short.push('…');
    }
    short
}

const MAX_CHARS: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_error_is_put_into_words() {
        let long = "x".repeat(5_000);
        let table: [(&[u8], &str); 9] = [
            (
                br#"{"error":"INVALID_ARGUMENT","error_details":"too many","message":"other"}"#,
                "INVALID_ARGUMENT: too many",
            ),
            (
                br#"{"error":"NOT_FOUND","message":"Product NOPE-USD not supported"}"#,
                "NOT_FOUND: Product NOPE-USD not supported",
            ),
            (br#"{"errors":[{"id":"rate_limit_exceeded","message":"Too many"}]}"#, "rate_limit_exceeded: Too many"),
            (br#"{"error":"INTERNAL","code":13,"message":null,"details":[]}"#, "INTERNAL"),
            (b"Unauthorized\n", "Unauthorized"),
            (b"<html><body>secret</body></html>", "a web page instead of JSON"),
            (br#"{"error":"#, "JSON of an unknown form"),
            (b"[1]", "JSON of an unknown form"),
            (b" \n", "no words"),
        ];
        for (body, expected) in table {
            assert_eq!(words(body), expected);
        }
        assert!(words(long.as_bytes()).len() < 200);
        assert!(!words(b"a\x1b[31mb\0c").contains(['\x1b', '\0']));
        assert!(words(&[0xff, 0xfe]).chars().count() < 10);
    }
}
