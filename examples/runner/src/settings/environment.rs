use livermore_core::{
    ids::UserId,
    settings::{Document, EnvNames, EnvPolicy, Problem, ProblemCode, SettingsError, UserSettings, load},
};

use super::options::SettingsOptions;

/// The environment of this process: which names it has, never what they stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Environment;

impl EnvNames for Environment {
    fn is_set(&self, name: &str) -> bool {
        std::env::var_os(name).is_some_and(|value| !value.is_empty())
    }

    fn with_prefix(&self, prefix: &str) -> Vec<String> {
        let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
        set.filter_map(|(name, _)| name.into_string().ok()).filter(|name| name.starts_with(prefix)).collect()
    }
}

/// Everything wrong with the environment variables a user's settings name, seen from this process.
pub(super) fn problems(user: UserId, settings: &UserSettings) -> Vec<Problem> {
    EnvPolicy::default().check(user, settings, &Environment)
}

/// Refuses a document that names environment variables it must not.
///
/// A name without the user's prefix is refused. One that `before` has in the same place is not: whoever mends one of
/// several, or something else, must be able to. A variable that is not set is refused only with `--check-env`, because
/// the monitor may run on another machine; with it everything is.
pub(super) fn refuse(
    options: &SettingsOptions,
    before: Option<&Document>,
    document: &Document,
) -> Result<(), SettingsError> {
    // What is wrong with the document itself is told by whoever saves it.
    let Ok(after) = load::<UserSettings>(Some(document)) else { return Ok(()) };
    let (before, now) = (before.map(Document::to_value), after.document.to_value());
    let is_new = |problem: &Problem| {
        let before = before.as_ref().and_then(|before| before.pointer(&problem.pointer));
        before.is_none() || before != now.pointer(&problem.pointer)
    };
    let refused =
        |problem: &Problem| options.check_env || (problem.code == ProblemCode::EnvForbidden && is_new(problem));
    let problems: Vec<Problem> = problems(options.user, &after.settings).into_iter().filter(refused).collect();
    if problems.is_empty() { Ok(()) } else { Err(SettingsError::Invalid { problems }) }
}
