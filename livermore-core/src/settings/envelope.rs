use serde_json::{Value, json};

use super::{Document, NotADocument, Problem, ProblemCode};
use crate::ids::Timestamp;

/// The version of the envelope that [`export`] writes.
pub const EXPORT_VERSION: &str = "1.0";

/// Wraps a document for a file: `{"exportedAt", "exportVersion", "settings"}`.
pub fn export(document: &Document, at: Timestamp) -> Value {
    json!({ "exportedAt": at.to_string(), "exportVersion": EXPORT_VERSION, "settings": document.to_value() })
}

/// Reads what [`export`] wrote, or a bare document with a `version`. The document may have any version.
pub fn import(text: &[u8]) -> Result<Document, NotADocument> {
    // The envelope is a little longer than a document may be; what is inside is checked on its own.
    let Value::Object(mut envelope) = Document::parse_value(text)? else {
        return Err(Problem::new("", ProblemCode::NotAnObject, "is not an object").into());
    };
    match envelope.get("exportVersion") {
        None if envelope.contains_key("version") => Document::new(Value::Object(envelope)),
        None => Err(Problem::new("/exportVersion", ProblemCode::Missing, "is missing")
            .with_hint("an export has exportedAt, exportVersion and settings; a bare document has a version")
            .into()),
        Some(Value::String(version)) if version == EXPORT_VERSION => {
            let Some(settings) = envelope.remove("settings") else {
                return Err(Problem::new("/settings", ProblemCode::Missing, "is missing").into());
            };
            Document::new(settings).map_err(|NotADocument(problems)| {
                let inside = |problem: Problem| Problem { pointer: format!("/settings{}", problem.pointer), ..problem };
                NotADocument(problems.into_iter().map(inside).collect())
            })
        }
        Some(_) => Err(Problem::new("/exportVersion", ProblemCode::Unknown, "is not a version this program reads")
            .with_hint(format!("{EXPORT_VERSION:?}"))
            .into()),
    }
}
