use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The payload of a recorded command: compact JSON text with its members in order, so that equal payloads are equal
/// texts.
///
/// What is in it may come from a newer sender or another program; it is read when the command is decided. `Debug` does
/// not show it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Body(String);

/// What tells a repeated submission from another one with the same id: SHA-256 of kind and body, in hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BodyHash(String);

impl Body {
    /// Most bytes of a body.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The body of a payload.
    pub fn new(payload: &Value) -> Self {
        Self(sorted(payload).to_string())
    }

    /// What a store has kept; it is not looked at.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The payload, unless it cannot be read.
    pub fn payload(&self) -> Option<Value> {
        (self.0.len() <= Self::MAX_BYTES).then(|| serde_json::from_str(&self.0).ok())?
    }

    /// The hash of a command with this body.
    pub fn hash(&self, kind: &str) -> BodyHash {
        let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(&self.0).finalize();
        let mut hex = String::with_capacity(64);
        for byte in digest {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        BodyHash(hex)
    }
}

impl BodyHash {
    /// What a store has kept.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The same value with the members of each object in order, whichever map serde_json was built with.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            members.into_iter().map(|(name, member)| (name.clone(), sorted(member))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        plain => plain.clone(),
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}
