use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::InvalidId;

/// A moment in UTC, in whole milliseconds since 1970-01-01.
///
/// From 1970 to the end of the year 9999. On the wire it is a JSON number of milliseconds; shown to people it is
/// RFC 3339. Nothing in this crate reads a clock: time is always an argument.
///
/// ```
/// use livermore_core::ids::Timestamp;
/// let time = Timestamp::from_secs(1_522_800_000)?;
/// assert_eq!(time.to_string(), "2018-04-04T00:00:00Z");
/// # Ok::<(), livermore_core::ids::InvalidId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// A moment from milliseconds since 1970.
    pub fn from_millis(millis: i64) -> Result<Self, InvalidId> {
        if (0..=Self::MAX.0).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(InvalidId::new("timestamp", &millis.to_string(), "is not between 1970 and 9999, in milliseconds"))
        }
    }

    /// A moment from seconds since 1970.
    pub fn from_secs(secs: i64) -> Result<Self, InvalidId> {
        secs.checked_mul(1_000).and_then(|millis| Self::from_millis(millis).ok()).ok_or_else(|| {
            // Thirteen digits are the usual sign of milliseconds.
            let reason = if (100_000_000_000..=Self::MAX.0).contains(&secs) {
                "looks like milliseconds; seconds are expected"
            } else {
                "is not between 1970 and 9999, in seconds"
            };
            InvalidId::new("timestamp", &secs.to_string(), reason)
        })
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0 / 1_000
    }

    /// This moment moved by `millis`, or `None` outside the range.
    pub fn checked_add_millis(self, millis: i64) -> Option<Self> {
        self.0.checked_add(millis).and_then(|sum| Self::from_millis(sum).ok())
    }

    /// Milliseconds from `earlier` to this moment; negative when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// For values known to be in range because they lie between two valid moments.
    pub(crate) const fn from_millis_in_range(millis: i64) -> Self {
        Self(millis)
    }
}

impl TryFrom<i64> for Timestamp {
    type Error = InvalidId;

    fn try_from(millis: i64) -> Result<Self, InvalidId> {
        Self::from_millis(millis)
    }
}

impl From<Timestamp> for i64 {
    fn from(time: Timestamp) -> Self {
        time.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH + Duration::from_millis(self.0.unsigned_abs());
        if self.0 % 1_000 == 0 {
            humantime::format_rfc3339_seconds(time).fmt(f)
        } else {
            humantime::format_rfc3339_millis(time).fmt(f)
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_and_units() {
        assert!(Timestamp::from_millis(-1).is_err());
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
        assert!(Timestamp::from_millis(Timestamp::MAX.as_millis() + 1).is_err());
        assert!(Timestamp::from_secs(i64::MAX).is_err());
        let error = Timestamp::from_secs(1_522_800_000_000).unwrap_err();
        assert!(error.reason().contains("looks like milliseconds"), "{error}");
    }

    #[test]
    fn arithmetic_stays_in_range() {
        let time = Timestamp::from_secs(60).unwrap();
        assert_eq!(time.checked_add_millis(-60_001), None);
        assert_eq!(time.checked_add_millis(1).unwrap().millis_since(time), 1);
        assert_eq!(Timestamp::MAX.checked_add_millis(1), None);
    }
}
