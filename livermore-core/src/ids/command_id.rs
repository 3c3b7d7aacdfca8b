use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{InvalidId, Timestamp};

/// The sender's name for one command; sending the same id again never acts twice.
///
/// A UUID. New ids are version 7, so they sort by the time they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandId(Uuid);

impl CommandId {
    /// A version 7 id from the sender's time and ten random bytes. Pure: the caller brings clock and randomness.
    pub fn from_parts(now: Timestamp, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now.as_millis().unsigned_abs(), &random).into_uuid())
    }

    /// A version 8 id from the first bytes of a hash.
    pub(crate) fn from_hash(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl FromStr for CommandId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // Only the canonical form, so that equal ids are equal texts in keys and channel names.
        match Uuid::try_parse(text) {
            Ok(uuid) if uuid.hyphenated().to_string() == text => Ok(Self(uuid)),
            Ok(uuid) => Err(InvalidId::new("command id", text, "is not in canonical form")
                .suggest(Some(uuid.hyphenated().to_string()))),
            Err(_) => Err(InvalidId::new("command id", text, "is not a UUID")),
        }
    }
}

impl TryFrom<String> for CommandId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<CommandId> for String {
    fn from(id: CommandId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_sort_by_time_and_round_trip() {
        let at = |ms| CommandId::from_parts(Timestamp::from_millis(ms).unwrap(), [7; 10]);
        assert!(at(1_000) < at(1_001));
        assert_eq!(at(1_000).to_string().parse::<CommandId>().unwrap(), at(1_000));
        assert_eq!(at(1_000).to_string().as_bytes()[14], b'7', "version 7");
    }

    #[test]
    fn one_id_has_one_spelling() {
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        assert!(id.parse::<CommandId>().is_ok());
        let error = id.to_uppercase().parse::<CommandId>().unwrap_err();
        assert_eq!(error.suggestion(), Some(id));
        assert!("not-a-uuid".parse::<CommandId>().is_err());
    }
}
