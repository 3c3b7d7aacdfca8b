use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an environment variable: 1 to 128 characters `A-Z`, `a-z`, `0-9`, `_`, not beginning with a digit.
///
/// Settings hold names of credentials, never credentials. People paste a credential here by mistake, so neither its
/// `Debug` nor the error about a wrong name shows what was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvName(String);

impl EnvName {
    /// Most characters a name may have.
    pub const MAX_LEN: usize = 128;

    /// Checks `name` and makes a value of it.
    pub fn new(name: &str) -> Result<Self, InvalidEnvName> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let valid = (1..=Self::MAX_LEN).contains(&name.len())
            && name.bytes().all(word)
            && !name.starts_with(|first: char| first.is_ascii_digit());
        if valid { Ok(Self(name.to_owned())) } else { Err(InvalidEnvName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that cannot be the name of an environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not the name of an environment variable: 1 to 128 characters A-Z, a-z, 0-9 or _, not beginning with a digit"
)]
pub struct InvalidEnvName;

impl TryFrom<String> for EnvName {
    type Error = InvalidEnvName;

    fn try_from(name: String) -> Result<Self, InvalidEnvName> {
        Self::new(&name)
    }
}

impl From<EnvName> for String {
    fn from(name: EnvName) -> Self {
        name.0
    }
}

impl fmt::Debug for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvName").finish_non_exhaustive()
    }
}
