use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, InvalidId, UserId};

/// The right to decide one user's commands. Only the store can give it, to one holder at a time.
///
/// Everything written under it carries its epoch; once another holder has taken over, the store refuses that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Whose commands.
    pub user: UserId,
    /// Rises with every take.
    pub epoch: Epoch,
    /// Who holds it.
    pub holder: Holder,
}

/// One running process: 1 to 100 visible characters, different for every start, for example `host:4711:5f3a`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Holder(String);

impl Holder {
    /// Checks `text` and makes a holder of it.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        let visible = |c: char| !c.is_control() && !c.is_whitespace();
        if (1..=100).contains(&text.chars().count()) && text.chars().all(visible) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::new("holder", text, "is 1 to 100 visible characters without space"))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Holder {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(&text)
    }
}

impl From<Holder> for String {
    fn from(holder: Holder) -> Self {
        holder.0
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
