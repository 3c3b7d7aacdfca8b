use std::collections::BTreeMap;

use super::{ControlPolicy, Entry, UserLog};
use crate::ids::{Timestamp, UserId};

/// The logs of all users of one process.
#[derive(Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Ledger {
    pub(super) policy: ControlPolicy,
    users: BTreeMap<UserId, UserLog>,
}

/// One operation on a ledger: what it may see, and what it writes.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) now: Timestamp,
    pub(super) policy: &'a ControlPolicy,
    users: &'a mut BTreeMap<UserId, UserLog>,
    entries: &'a mut Vec<(UserId, Entry)>,
}

impl Ledger {
    pub(super) const fn new(policy: ControlPolicy) -> Self {
        Self { policy, users: BTreeMap::new() }
    }

    /// An operation that begins now and adds what it writes to `entries`.
    pub(super) const fn turn<'a>(&'a mut self, now: Timestamp, entries: &'a mut Vec<(UserId, Entry)>) -> Turn<'a> {
        Turn { now, policy: &self.policy, users: &mut self.users, entries }
    }

    /// Takes over what has happened before.
    #[cfg(feature = "file")]
    pub(super) fn apply(&mut self, user: UserId, entry: Entry) {
        self.users.entry(user).or_insert_with(|| UserLog::new(user)).apply(entry);
    }

    /// Few entries that make the same logs again, user by user.
    #[cfg(feature = "file")]
    pub(super) fn entries(&self) -> impl Iterator<Item = (UserId, Entry)> {
        self.users.iter().flat_map(|(user, log)| log.entries().into_iter().map(|entry| (*user, entry)))
    }

    /// How many commands wait to be decided.
    #[cfg(feature = "file")]
    pub(super) fn waiting(&self) -> usize {
        self.users.values().map(UserLog::waiting).sum()
    }

    /// How many users have a log.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }
}

impl Turn<'_> {
    /// Works on one user's log.
    pub(super) fn on<T>(
        &mut self,
        user: UserId,
        work: impl FnOnce(&mut UserLog, Timestamp, &ControlPolicy, &mut Vec<Entry>) -> T,
    ) -> T {
        let log = self.users.entry(user).or_insert_with(|| UserLog::new(user));
        let mut entries = Vec::new();
        let answer = work(log, self.now, self.policy, &mut entries);
        if log.is_empty() {
            // Asking about somebody leaves no trace.
            self.users.remove(&user);
        }
        self.entries.extend(entries.into_iter().map(|entry| (user, entry)));
        answer
    }

    /// Whether a command of the user waits to be decided.
    pub(super) fn is_waiting(&self, user: UserId) -> bool {
        self.users.get(&user).is_some_and(UserLog::is_waiting)
    }
}
