use std::fmt;

use livermore_core::{exchange::ExchangeError, ids::Exchange};

/// Something in a message that cannot be what it should be: where it is, and why.
///
/// Shown as `candles[3].low of BTC-USD: is negative`. Names and places only; never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub(super) place: String,
    pub(super) product: Option<String>,
    pub(super) flaw: Flaw,
}

impl Malformed {
    pub(super) fn new(place: impl Into<String>, flaw: Flaw) -> Self {
        Self { place: place.into(), product: None, flaw }
    }

    /// Where: the channel or the body's name, the item's position in its list, the field. `candles[3].low`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The product of the item, as far as it could be read.
    pub fn product(&self) -> Option<&str> {
        self.product.as_deref()
    }

    /// What is wrong.
    pub const fn flaw(&self) -> Flaw {
        self.flaw
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(product) = &self.product {
            write!(f, " of {product}")?;
        }
        write!(f, ": {}", self.flaw)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for ExchangeError {
    fn from(malformed: Malformed) -> Self {
        let Malformed { mut place, product, flaw } = malformed;
        if let Some(product) = product {
            place = format!("{place} of {product}");
        }
        Self::Malformed { exchange: Exchange::coinbase(), place, reason: flaw.to_string() }
    }
}

/// What can be wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flaw {
    /// The whole message is not JSON of the expected outline (cut off, not UTF-8, a page of HTML).
    NotJson,
    /// The field is absent, null or an empty text.
    Missing,
    /// A value of another kind: an object for a number, a number for a list.
    WrongType,
    /// Not a decimal number: `NaN`, `1_000`, `0x10`, `1,5`.
    NotANumber,
    /// Below zero where that cannot be.
    Negative,
    /// More than [`MAX_DIGITS`](Flaw::MAX_DIGITS) digits.
    TooManyDigits,
    /// Larger than [`Candle::MAX_VALUE`](livermore_core::market::Candle::MAX_VALUE), or too small for a double.
    OutOfRange,
    /// Not a moment between 1970 and 9999 in the expected form.
    NotATime,
    /// A time in milliseconds where seconds are expected.
    Milliseconds,
    /// Not the start of a bucket.
    Misaligned,
    /// A candle whose numbers contradict one another.
    Contradiction,
    /// Not a product name.
    NotASymbol,
    /// A word with a fixed set of values has another one.
    UnknownWord,
}

impl Flaw {
    /// Most digits a number may have, as many as an exact decimal of 96 bits holds.
    pub const MAX_DIGITS: usize = 28;
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJson => "is not the JSON that is expected",
            Self::Missing => "is missing",
            Self::WrongType => "is of the wrong type",
            Self::NotANumber => "is not a number",
            Self::Negative => "is negative",
            Self::TooManyDigits => "has more than 28 digits",
            Self::OutOfRange => "is too large or too small",
            Self::NotATime => "is not a time between 1970 and 9999",
            Self::Milliseconds => "looks like milliseconds; seconds are expected",
            Self::Misaligned => "is not the start of a candle's bucket",
            Self::Contradiction => "contradicts the other numbers of its candle",
            Self::NotASymbol => "is not the name of a product",
            Self::UnknownWord => "is none of the known words",
        })
    }
}
