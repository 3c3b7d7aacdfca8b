use std::collections::BTreeSet;

use super::{EnvName, UserSettings};
use crate::{
    ids::{UserId, did_you_mean},
    settings::{Problem, ProblemCode},
};

/// Which environment variables the settings of a user may name: those with a prefix of the user's own.
///
/// Without it a user could name the credential of another user, or any other variable of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvPolicy {
    prefix: String,
}

/// The names of the environment variables there are: those that are set and not empty. Never their values.
///
/// This crate reads no environment; a program hands in what it has.
pub trait EnvNames {
    /// Whether the variable is there.
    fn is_set(&self, name: &str) -> bool;

    /// The names that begin with `prefix`, in any order.
    fn with_prefix(&self, prefix: &str) -> Vec<String>;
}

impl EnvPolicy {
    /// The part of a prefix that stands for the user's id.
    pub const USER_ID: &'static str = "{userId}";

    /// A policy of one's own: `prefix`, in which `{userId}` stands for the user's id. Without it all users share one
    /// prefix, which is right for a single user only.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The prefix a user's variables must have.
    pub fn prefix(&self, user: UserId) -> String {
        self.prefix.replace(Self::USER_ID, &user.to_string())
    }

    /// Everything wrong with the environment variables that `settings` name. To be asked before a save and at start.
    ///
    /// - Every name must have the user's prefix, also those of what is switched off.
    /// - What is switched on needs its variables to be there.
    ///
    /// No message holds a value, nor a name without the user's prefix.
    pub fn check(&self, user: UserId, settings: &UserSettings, names: &dyn EnvNames) -> Vec<Problem> {
        let prefix = self.prefix(user);
        let check = |(pointer, name, needed): (String, &EnvName, bool)| {
            if !name.as_str().starts_with(&prefix) {
                let problem =
                    Problem::new(pointer, ProblemCode::EnvForbidden, "is no environment variable of this user");
                return Some(problem.with_hint(format!("its name must begin with {prefix}")));
            }
            if !needed || names.is_set(name.as_str()) {
                return None;
            }
            let message = format!("the environment variable {} is not set", name.as_str());
            let problem = Problem::new(pointer, ProblemCode::EnvMissing, message);
            let there = names.with_prefix(&prefix);
            // What follows the prefix is what tells names apart; the prefix must not make everything look alike.
            let suffixes = there.iter().filter_map(|name| name.strip_prefix(&prefix));
            Some(match did_you_mean(&name.as_str()[prefix.len()..], suffixes) {
                Some(meant) => problem.with_hint(format!("did you mean {prefix}{meant}?")),
                None => problem.with_hint("set it, or switch off what needs it"),
            })
        };
        settings.env_names().into_iter().filter_map(check).collect()
    }
}

impl Default for EnvPolicy {
    /// The prefix `LIVERMORE_{userId}_`.
    fn default() -> Self {
        Self::new("LIVERMORE_{userId}_")
    }
}

impl UserSettings {
    /// Every environment variable that is named: where, its name, and whether it is needed.
    pub(super) fn env_names(&self) -> Vec<(String, &EnvName, bool)> {
        let discord = &self.alerts.discord;
        let mut all = self.exchanges.env_names();
        let webhook = discord.webhook_env_var.iter();
        all.extend(webhook.map(|name| ("/alerts/discord/webhookEnvVar".to_owned(), name, discord.enabled)));
        all
    }
}

impl EnvNames for BTreeSet<String> {
    fn is_set(&self, name: &str) -> bool {
        self.contains(name)
    }

    fn with_prefix(&self, prefix: &str) -> Vec<String> {
        self.range(prefix.to_owned()..).take_while(|name| name.starts_with(prefix)).cloned().collect()
    }
}
