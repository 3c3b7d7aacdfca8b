use livermore_core::{
    ids::UserId,
    settings::{Loaded, SettingsError, Status as DocumentStatus, UserSettings, load, warnings},
};

use super::{
    Found,
    check::{Check, Status},
};

const NAME: &str = "settings";

/// The document of the user, and the settings in it where it can be read.
pub(super) fn examine(user: UserId, found: Found, checks: &mut Vec<Check>) -> Option<Loaded<UserSettings>> {
    let stored = match found {
        Found::Stored(stored) => stored,
        Found::Unreadable(reason) => {
            let check = Check::new(NAME, Status::Fail, reason);
            checks.push(check.next(format!("livermore settings history --user {user}, then rollback to a revision")));
            return None;
        }
        Found::NotAsked => {
            checks.push(Check::new(NAME, Status::Skip, "the store could not be asked"));
            return None;
        }
    };
    let revision = stored.as_ref().map(|stored| stored.revision);
    let loaded = match load::<UserSettings>(stored.as_ref().map(|stored| &stored.document)) {
        Ok(loaded) => loaded,
        Err(error) => {
            checks.extend(refused(user, error));
            return None;
        }
    };
    let of = revision.map_or_else(
        || format!("user {user} has saved nothing; the defaults hold"),
        |revision| format!("user {user}, revision {revision}, version {}", loaded.from),
    );
    let check = match loaded.status {
        DocumentStatus::Current => Check::new(NAME, Status::Ok, of),
        DocumentStatus::Migrated => {
            Check::new(NAME, Status::Warn, format!("{of}: older, brought up to date when read"))
                .next(format!("livermore settings migrate --user {user}"))
        }
        DocumentStatus::Newer => {
            Check::new(NAME, Status::Fail, format!("{of}: newer than this program, which does not write it"))
                .next("update livermore")
        }
    };
    let check = check.fact("user", user.get()).fact("version", loaded.from);
    let check = check.fact("revision", revision.map_or(0, livermore_core::ids::Revision::get));
    checks.push(check);
    for problem in warnings::<UserSettings>(&loaded.document) {
        checks.push(Check::new(NAME, Status::Warn, problem.to_string()).fact("pointer", problem.pointer));
    }
    Some(loaded)
}

/// A row for each thing wrong with a document.
fn refused(user: UserId, error: SettingsError) -> Vec<Check> {
    let SettingsError::Invalid { problems } = error else {
        return vec![
            Check::new(NAME, Status::Fail, error.to_string())
                .next(format!("livermore settings validate --user {user}")),
        ];
    };
    let next = format!("livermore settings edit --user {user}");
    let rows = problems.into_iter().map(|problem| {
        let check = Check::new(NAME, Status::Fail, problem.to_string()).next(next.clone());
        check.fact("user", user.get()).fact("pointer", problem.pointer)
    });
    rows.collect()
}
