use std::fmt;

use serde::{Deserialize, Serialize};

use super::{InvalidId, MAX_JSON_INTEGER};

/// Numbers that only grow, each its own type so that one cannot be passed for another.
macro_rules! counter {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// A whole number from 0 to 2^53 - 1 (exact in JSON, fits PostgreSQL `bigint`).
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u64", into = "u64")]
        pub struct $name(u64);

        impl $name {
            /// The value before anything has happened.
            pub const ZERO: Self = Self(0);

            /// Checks `value` and makes a counter of it.
            pub fn new(value: u64) -> Result<Self, InvalidId> {
                if value <= MAX_JSON_INTEGER {
                    Ok(Self(value))
                } else {
                    Err(InvalidId::new($what, &value.to_string(), "is larger than 9007199254740991"))
                }
            }

            /// The counter as a number.
            pub fn get(self) -> u64 {
                self.0
            }

            /// The value that follows; `None` once the range is used up.
            pub fn next(self) -> Option<Self> {
                Self::new(self.0 + 1).ok()
            }
        }

        impl TryFrom<u64> for $name {
            type Error = InvalidId;

            fn try_from(value: u64) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl From<$name> for u64 {
            fn from(counter: $name) -> Self {
                counter.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// A stored version of a user's settings document.
    Revision, "revision"
}
counter! {
    /// A version of a user's desired state; raised by each command that changes it.
    Generation, "generation"
}
counter! {
    /// Fences a writer or a connection: work of an older epoch is refused or ignored.
    Epoch, "epoch"
}
counter! {
    /// A position within one [`Epoch`]. Positions of different epochs never compare.
    Seq, "sequence number"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_stay_in_range() {
        assert_eq!(Revision::ZERO.next(), Some(Revision::new(1).unwrap()));
        assert_eq!(Seq::new(MAX_JSON_INTEGER).unwrap().next(), None);
        assert!(Epoch::new(MAX_JSON_INTEGER + 1).is_err());
        assert_eq!(serde_json::to_string(&Generation::new(5).unwrap()).unwrap(), "5");
        assert!(serde_json::from_str::<Generation>("-1").is_err());
    }
}
