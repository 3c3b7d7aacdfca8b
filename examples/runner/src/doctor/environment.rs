use std::{cell::RefCell, collections::BTreeSet};

use livermore_core::{
    ids::UserId,
    settings::{EnvNames, EnvPolicy, Loaded, ProblemCode, UserSettings},
};

use super::check::{Check, Status};
use crate::settings::Environment;

const NAME: &str = "environment";

/// The environment variables that the settings name and need: there or not, never what is in them.
pub(super) fn examine(user: UserId, settings: &Loaded<UserSettings>, checks: &mut Vec<Check>) {
    let (policy, names) = (EnvPolicy::default(), Asked::default());
    let problems = policy.check(user, &settings.settings, &names);
    let found = names.found.into_inner();
    if found.is_empty() && problems.is_empty() {
        checks.push(Check::new(NAME, Status::Ok, "no environment variable is needed"));
    }
    for name in found {
        checks.push(Check::new(NAME, Status::Ok, format!("{name} is set")).fact("variable", name).fact("state", "set"));
    }
    let document = settings.document.to_value();
    for problem in problems {
        let name = document.pointer(&problem.pointer).and_then(|name| name.as_str());
        // A name without the prefix may be another user's, or a credential in the wrong place: it is not repeated.
        let name = name.filter(|_| problem.code == ProblemCode::EnvMissing);
        let empty = name.and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        let message = match name {
            Some(name) if empty => format!("{}: the environment variable {name} is empty", problem.pointer),
            _ => format!("{}: {}", problem.pointer, problem.message),
        };
        let mut check = Check::new(NAME, Status::Fail, message).fact("pointer", problem.pointer);
        check.next = problem.hint;
        if let Some(name) = name {
            check = check.fact("variable", name);
        }
        checks.push(check.fact(
            "state",
            match name {
                Some(_) if empty => "empty",
                Some(_) => "missing",
                None => "forbidden",
            },
        ));
    }
}

/// The environment, remembering which names were asked for and found.
#[derive(Default)]
struct Asked {
    found: RefCell<BTreeSet<String>>,
}

impl EnvNames for Asked {
    fn is_set(&self, name: &str) -> bool {
        let set = Environment.is_set(name);
        if set {
            self.found.borrow_mut().insert(name.to_owned());
        }
        set
    }

    fn with_prefix(&self, prefix: &str) -> Vec<String> {
        Environment.with_prefix(prefix)
    }
}
