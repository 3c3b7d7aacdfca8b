use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// One trade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trade {
    /// The exchange's own id of the trade.
    pub id: TradeId,
    /// Exchange time.
    pub time: Timestamp,
    /// Price in quote currency.
    pub price: f64,
    /// Size in base currency.
    pub size: f64,
    /// Which side took liquidity, where the exchange says.
    pub taker: Option<Side>,
}

/// An exchange's own id of a trade: a number on most exchanges, a text on others.
///
/// Equal texts are equal ids. A number costs no allocation; cloning is cheap (at most a reference count). Numbers sort as
/// numbers, before texts. In JSON it is a text.
///
/// ```
/// use livermore_core::market::TradeId;
/// assert_eq!(TradeId::new("42"), TradeId::from(42));
/// assert!(TradeId::new("9") < TradeId::new("10"));
/// assert_eq!(TradeId::new("007").number(), None); // another text than "7", so another id
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct TradeId(Id);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Id {
    /// Exactly the texts that a number is written as, so that equal texts are equal values.
    Number(u64),
    Text(Arc<str>),
}

impl TradeId {
    /// The id as the exchange writes it.
    pub fn new(text: &str) -> Self {
        let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        match text.parse() {
            Ok(number) if canonical => Self(Id::Number(number)),
            _ => Self(Id::Text(text.into())),
        }
    }

    /// The id as a number, where it is one.
    pub const fn number(&self) -> Option<u64> {
        match self.0 {
            Id::Number(number) => Some(number),
            Id::Text(_) => None,
        }
    }
}

impl From<u64> for TradeId {
    fn from(number: u64) -> Self {
        Self(Id::Number(number))
    }
}

impl From<String> for TradeId {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<TradeId> for String {
    fn from(id: TradeId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => f.pad(text),
        }
    }
}

impl fmt::Debug for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TradeId({self})")
    }
}

/// A side of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    /// The other side.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text() {
        for text in ["0", "7", "18446744073709551615", "18446744073709551616", "", "00", "007", "+7", "7a", "0190-86"] {
            let id = TradeId::new(text);
            assert_eq!(id.to_string(), text);
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<TradeId>(&json).unwrap(), id);
        }
        assert_ne!(TradeId::new("7"), TradeId::new("07"));
        assert_eq!(TradeId::new("18446744073709551615").number(), Some(u64::MAX));
    }
}
