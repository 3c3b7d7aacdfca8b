//! Settings documents, their migrations and the settings of a user.

mod documents;
mod env;
mod golden;
mod laws;
mod loading;
mod published_schema;
mod reading_text;
mod schema_and_code;
mod user;

use livermore_core::settings::{Document, Loaded, Path, Problem, ProblemCode, SettingsError, UserSettings, load};
use serde_json::Value;

fn document(value: Value) -> Document {
    Document::new(value).unwrap()
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn read(value: Value) -> Result<Loaded<UserSettings>, SettingsError> {
    load(Some(&document(value)))
}

/// The problems of a document that is refused.
fn problems(value: Value) -> Vec<Problem> {
    match read(value) {
        Err(SettingsError::Invalid { problems }) => problems,
        other => panic!("{other:?}"),
    }
}

fn places(problems: &[Problem]) -> Vec<(&str, ProblemCode)> {
    problems.iter().map(|problem| (problem.pointer.as_str(), problem.code)).collect()
}
