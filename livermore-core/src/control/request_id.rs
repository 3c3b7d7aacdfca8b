use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{CommandId, InvalidId, UserId};

/// The sender's name for a plain message: 1 to 100 visible ASCII characters without `* ? [ ] { } :` and space, so that it
/// can be the last part of a channel's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId(String);

impl RequestId {
    /// Checks `text` and makes a request id of it.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"*?[]{}:".contains(&byte);
        if (1..=100).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::new(
                "request id",
                text,
                "is 1 to 100 visible ASCII characters without * ? [ ] { } : and space",
            ))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the command that a user's message with this name is: a UUID of version 8 from the SHA-256 of both.
    pub fn command_id(&self, user: UserId) -> CommandId {
        let digest = Sha256::new()
            .chain_update("livermore request\0")
            .chain_update(user.get().to_be_bytes())
            .chain_update(&self.0)
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        CommandId::from_hash(bytes)
    }
}

impl TryFrom<String> for RequestId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(&text)
    }
}

impl From<RequestId> for String {
    fn from(request: RequestId) -> Self {
        request.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
