use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{InvalidId, MAX_JSON_INTEGER};

/// The tenant everything user-owned belongs to: settings, commands, alerts, state, cache keys.
///
/// A positive integer up to 2^53 - 1, so it survives JSON and fits PostgreSQL `bigint`. It comes first in every call
/// that touches a user's data, so that forgetting it does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct UserId(u64);

impl UserId {
    /// Checks `id` and makes a user id of it.
    pub fn new(id: u64) -> Result<Self, InvalidId> {
        if (1..=MAX_JSON_INTEGER).contains(&id) { Ok(Self(id)) } else { Err(refuse(&id.to_string())) }
    }

    /// The id as a number.
    pub fn get(self) -> u64 {
        self.0
    }
}

fn refuse(text: &str) -> InvalidId {
    InvalidId::new("user id", text, "is a whole number from 1 to 9007199254740991")
}

impl FromStr for UserId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // `parse` would also take "+7"; one user has one spelling.
        let id = if text.starts_with('+') { None } else { text.parse().ok() };
        id.map_or_else(|| Err(refuse(text)), Self::new)
    }
}

impl TryFrom<u64> for UserId {
    type Error = InvalidId;

    fn try_from(id: u64) -> Result<Self, InvalidId> {
        Self::new(id)
    }
}

impl From<UserId> for u64 {
    fn from(id: UserId) -> Self {
        id.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert!(UserId::new(0).is_err());
        assert!(UserId::new(1).is_ok());
        assert!(UserId::new(MAX_JSON_INTEGER).is_ok());
        assert!(UserId::new(MAX_JSON_INTEGER + 1).is_err());
        for text in ["", "-1", "+7", "7 ", "7.0", "seven", "99999999999999999999"] {
            assert!(text.parse::<UserId>().is_err(), "{text:?}");
        }
        assert_eq!("7".parse::<UserId>().unwrap().get(), 7);
        assert!(serde_json::from_str::<UserId>("0").is_err());
    }
}
