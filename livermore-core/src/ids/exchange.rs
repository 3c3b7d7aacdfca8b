use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{InvalidId, did_you_mean};

/// The name of an exchange: `coinbase`, `binance_us`, `simulator`.
///
/// One to 20 characters `a-z`, `0-9`, `_`, beginning with a letter. Any such name is valid, so other adapters can bring
/// their own exchange; the constants below only fix the spelling of well-known ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Exchange(Arc<str>);

impl Exchange {
    /// Coinbase Advanced Trade.
    pub fn coinbase() -> Self {
        Self("coinbase".into())
    }

    /// The seeded market simulator of this crate.
    pub fn simulator() -> Self {
        Self("simulator".into())
    }

    /// Candles replayed from a file.
    pub fn replay() -> Self {
        Self("replay".into())
    }

    /// Checks `text` and makes an exchange name of it.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        let valid = (1..=20).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if valid {
            return Ok(Self(text.into()));
        }
        let known = NUMBERED.iter().map(|(name, _)| *name).chain(["simulator", "replay"]);
        Err(InvalidId::new("exchange", text, "is 1 to 20 characters a-z, 0-9 or '_', beginning with a letter")
            .suggest(did_you_mean(text, known)))
    }

    /// The exchange's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The exchange's segment in cache keys and channel names.
    ///
    /// The documented key formats number six exchanges (`coinbase` is `1`), and readers of those keys rely on the
    /// numbers; every other exchange is written by name. A name begins with a letter, so the two cannot collide.
    pub fn key_segment(&self) -> &str {
        NUMBERED.iter().find(|(name, _)| *name == self.as_str()).map_or(self.as_str(), |(_, number)| number)
    }
}

const NUMBERED: [(&str, &str); 6] =
    [("coinbase", "1"), ("binance", "2"), ("binance_us", "3"), ("kraken", "4"), ("kucoin", "5"), ("mexc", "6")];

impl FromStr for Exchange {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl TryFrom<String> for Exchange {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(&text)
    }
}

impl From<Exchange> for String {
    fn from(exchange: Exchange) -> Self {
        exchange.as_str().to_owned()
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for text in ["coinbase", "binance_us", "x1"] {
            assert_eq!(Exchange::new(text).unwrap().as_str(), text);
        }
        for text in ["", "1x", "_x", "Coinbase", "coin:base", "averyveryverylongname1"] {
            assert!(Exchange::new(text).is_err(), "{text:?}");
        }
        assert_eq!(Exchange::new("Coinbase").unwrap_err().suggestion(), Some("coinbase"));
    }

    #[test]
    fn well_known_exchanges_keep_their_numbers_in_keys() {
        assert_eq!(Exchange::coinbase().key_segment(), "1");
        assert_eq!(Exchange::new("mexc").unwrap().key_segment(), "6");
        assert_eq!(Exchange::simulator().key_segment(), "simulator");
    }
}
