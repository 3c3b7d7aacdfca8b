use std::fmt;

use crate::CoinbaseError;

/// The name of an API key, exactly as the portal gives it: `organizations/{id}/apiKeys/{id}`, or the bare id.
///
/// Not a secret, but it says whose key it is: `Debug` shows its last four characters only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyName(String);

impl KeyName {
    const MAX_LEN: usize = 256;

    /// Takes a name, without the quotes and spaces that environment files leave around it.
    pub fn new(text: &str) -> Result<Self, CoinbaseError> {
        let name = text.trim().trim_matches(['"', '\'']).trim();
        let reason = if name.is_empty() {
            "its name is empty; copy it from the portal's key file (`name` or `id`)"
        } else if name.contains("-----BEGIN") || name.starts_with('{') {
            "its name holds something else (a private key or a whole key file); name and secret may be swapped"
        } else if name.len() > Self::MAX_LEN || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            "its name is not 1 to 256 visible ASCII characters; copy it from the portal's key file (`name` or `id`)"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(CoinbaseError::Key { reason: reason.to_owned() })
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All of it is ASCII.
        write!(f, "KeyName(…{})", &self.0[self.0.len().saturating_sub(4)..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_the_portal_gives_them() {
        let id = "11111111-1111-1111-1111-111111111234";
        let full = format!("organizations/00000000-0000-0000-0000-000000000000/apiKeys/{id}");
        for (text, name) in [(id, id), (full.as_str(), full.as_str()), (&format!(" \"{id}\"\n"), id)] {
            assert_eq!(KeyName::new(text).unwrap().as_str(), name);
        }
        assert_eq!(format!("{:?}", KeyName::new(id).unwrap()), "KeyName(…1234)");
    }

    #[test]
    fn other_things_are_refused_without_quoting_them() {
        let long = "hunter2".repeat(40);
        for text in ["", "  ", "\"\"", "hunter2 hunter2", "hünter2", "-----BEGIN hunter2", "{\"hunter2\"}", &long] {
            let error = KeyName::new(text).unwrap_err().to_string();
            assert!(error.contains("name") && !error.contains("unter2"), "{error}");
        }
    }
}
