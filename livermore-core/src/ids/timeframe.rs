use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{InvalidId, Timestamp, did_you_mean};

/// The length of a candle's bucket. Buckets start at multiples of their length since 1970-01-01T00:00Z.
///
/// ```
/// use livermore_core::ids::{Timeframe, Timestamp};
/// let time = Timestamp::from_secs(1_522_800_123)?;
/// assert_eq!(Timeframe::M5.floor(time).as_secs(), 1_522_800_000);
/// assert_eq!(Timeframe::M5.ratio_to(Timeframe::H1), Some(12));
/// assert_eq!(Timeframe::H4.ratio_to(Timeframe::H6), None);
/// # Ok::<(), livermore_core::ids::InvalidId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Timeframe {
    M1,
    M5,
    M15,
    M30,
    H1,
    H2,
    H4,
    H6,
    D1,
}

impl Timeframe {
    /// Every timeframe, shortest first.
    pub const ALL: [Self; 9] =
        [Self::M1, Self::M5, Self::M15, Self::M30, Self::H1, Self::H2, Self::H4, Self::H6, Self::D1];

    /// The wire name: `1m`, `5m`, `15m`, `30m`, `1h`, `2h`, `4h`, `6h`, `1d`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::M1 => "1m",
            Self::M5 => "5m",
            Self::M15 => "15m",
            Self::M30 => "30m",
            Self::H1 => "1h",
            Self::H2 => "2h",
            Self::H4 => "4h",
            Self::H6 => "6h",
            Self::D1 => "1d",
        }
    }

    /// Bucket length in minutes.
    pub const fn minutes(self) -> u32 {
        match self {
            Self::M1 => 1,
            Self::M5 => 5,
            Self::M15 => 15,
            Self::M30 => 30,
            Self::H1 => 60,
            Self::H2 => 120,
            Self::H4 => 240,
            Self::H6 => 360,
            Self::D1 => 1_440,
        }
    }

    /// Bucket length in milliseconds.
    pub const fn millis(self) -> i64 {
        self.minutes() as i64 * 60_000
    }

    /// The start of the bucket that holds `time`.
    pub const fn floor(self, time: Timestamp) -> Timestamp {
        Timestamp::from_millis_in_range(time.as_millis() - time.as_millis() % self.millis())
    }

    /// Whether `time` is the start of a bucket.
    pub const fn is_aligned(self, time: Timestamp) -> bool {
        time.as_millis() % self.millis() == 0
    }

    /// How many buckets of this length make one of `coarser`; `None` unless the number is whole and at least two.
    pub const fn ratio_to(self, coarser: Self) -> Option<u32> {
        let (fine, coarse) = (self.minutes(), coarser.minutes());
        if coarse > fine && coarse.is_multiple_of(fine) { Some(coarse / fine) } else { None }
    }
}

impl FromStr for Timeframe {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|timeframe| timeframe.as_str() == text).ok_or_else(|| {
            let names = || Self::ALL.into_iter().map(Self::as_str);
            // Other spellings of the same length are what people type by mistake ("60m", "M5", "24h").
            let meant = minutes_of(text)
                .and_then(|minutes| Self::ALL.into_iter().find(|timeframe| timeframe.minutes() == minutes))
                .map(Self::as_str)
                .or_else(|| did_you_mean(text, names()));
            InvalidId::new("timeframe", text, "is not one of 1m 5m 15m 30m 1h 2h 4h 6h 1d").suggest(meant)
        })
    }
}

/// Reads "60m", "60min", "1H", "M5", "24h", "1day" as a number of minutes.
fn minutes_of(text: &str) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let unit = match text.chars().find(char::is_ascii_alphabetic)? {
        'm' => 1,
        'h' => 60,
        'd' => 1_440,
        _ => return None,
    };
    digits.parse::<u32>().ok()?.checked_mul(unit)
}

impl TryFrom<String> for Timeframe {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Timeframe> for &'static str {
    fn from(timeframe: Timeframe) -> Self {
        timeframe.as_str()
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for timeframe in Timeframe::ALL {
            assert_eq!(timeframe.as_str().parse::<Timeframe>().unwrap(), timeframe);
        }
    }

    #[test]
    fn wrong_names_get_a_suggestion() {
        for (text, meant) in
            [("60m", "1h"), ("M5", "5m"), ("24h", "1d"), ("1H", "1h"), ("15min", "15m"), ("1x", "1m"), ("3m", "1m")]
        {
            assert_eq!(text.parse::<Timeframe>().unwrap_err().suggestion(), Some(meant), "{text}");
        }
        assert_eq!("fortnight".parse::<Timeframe>().unwrap_err().suggestion(), None);
    }

    #[test]
    fn coarser_boundaries_are_boundaries_of_every_divisor() {
        for fine in Timeframe::ALL {
            for coarse in Timeframe::ALL {
                if fine.ratio_to(coarse).is_some() {
                    let boundary = Timestamp::from_millis(coarse.millis() * 12_345).unwrap();
                    assert!(fine.is_aligned(boundary));
                }
            }
        }
        assert_eq!(Timeframe::M1.ratio_to(Timeframe::M1), None);
    }
}
