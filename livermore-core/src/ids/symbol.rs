use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::InvalidId;

/// A product on an exchange, as the exchange writes it: `BTC-USD`, `BTCUSDT`, `SLP-20DEC30-CDE`.
///
/// One to 32 characters `A-Z`, `0-9`, in parts joined by single `-`, `.` or `_`. Upper case only, so two spellings of
/// one product cannot both exist; the characters are safe in cache keys, channel names and glob patterns.
/// Cloning is cheap (a reference count).
///
/// ```
/// use livermore_core::ids::Symbol;
/// let symbol: Symbol = "BTC-USD".parse()?;
/// assert_eq!(symbol.as_str(), "BTC-USD");
/// let error = "btc/usd".parse::<Symbol>().unwrap_err();
/// assert_eq!(error.suggestion(), Some("BTC-USD"));
/// # Ok::<(), livermore_core::ids::InvalidId>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// Most characters a symbol may have.
    pub const MAX_LEN: usize = 32;

    /// Checks `text` and makes a symbol of it.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        match problem(text) {
            None => Ok(Self(text.into())),
            Some(reason) => Err(InvalidId::new("symbol", text, reason).suggest(normalised(text))),
        }
    }

    /// The symbol as the exchange writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn problem(text: &str) -> Option<&'static str> {
    let is_word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > Symbol::MAX_LEN {
        Some("is longer than 32 characters")
    } else if !text.chars().all(|c| is_word(c) || SEPARATORS.contains(&c)) {
        Some("may hold only A-Z, 0-9 and the separators '-', '.', '_'")
    } else if text.split(SEPARATORS).any(str::is_empty) {
        Some("has an empty part: separators stand alone between letters or digits")
    } else {
        None
    }
}

const SEPARATORS: [char; 3] = ['-', '.', '_'];

/// The spelling most exchanges use for what was typed, if that is a valid symbol.
fn normalised(text: &str) -> Option<String> {
    let upper = text.trim().to_uppercase();
    let parts: Vec<&str> = upper.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let candidate = parts.join("-");
    problem(&candidate).is_none().then_some(candidate)
}

impl FromStr for Symbol {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl TryFrom<String> for Symbol {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(&text)
    }
}

impl From<Symbol> for String {
    fn from(symbol: Symbol) -> Self {
        symbol.as_str().to_owned()
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbol({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_exchanges_use() {
        for text in ["BTC-USD", "BTCUSDT", "SLP-20DEC30-CDE", "00-USD", "X", "USDC.E-USD"] {
            assert_eq!(Symbol::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_and_suggests() {
        for (text, suggestion) in [
            ("", None),
            ("btc-usd", Some("BTC-USD")),
            (" BTC-USD ", Some("BTC-USD")),
            ("BTC--USD", Some("BTC-USD")),
            ("-USD", Some("USD")),
            ("BTC/USD", Some("BTC-USD")),
            ("BTC:USD*", Some("BTC-USD")),
            ("{7}", Some("7")),
            ("BTC\0USD", Some("BTC-USD")),
            ("ÄÖÜ", None),
        ] {
            assert_eq!(Symbol::new(text).unwrap_err().suggestion(), suggestion, "{text:?}");
        }
        assert!(Symbol::new(&"A".repeat(33)).is_err());
    }

    #[test]
    fn json_goes_through_the_same_check() {
        assert_eq!(serde_json::from_str::<Symbol>("\"ETH-USD\"").unwrap(), Symbol::new("ETH-USD").unwrap());
        let error = serde_json::from_str::<Symbol>("\"eth-usd\"").unwrap_err().to_string();
        assert!(error.contains("did you mean \"ETH-USD\""), "{error}");
    }
}
