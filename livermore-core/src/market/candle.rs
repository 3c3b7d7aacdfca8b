use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ErrorKind,
    ids::{Timeframe, Timestamp},
};

/// One bucket of market history: prices in quote currency, volume in base currency.
///
/// Invariants, checked once at construction:
/// - the open time is the start of a bucket of its timeframe;
/// - every number is finite, not negative and at most [`Candle::MAX_VALUE`];
/// - `low <= open, close <= high`.
///
/// Only candles that are [final](Finality::is_final) may reach an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Candle {
    open_time: Timestamp,
    ohlcv: Ohlcv,
    timeframe: Timeframe,
    finality: Finality,
    source: CandleSource,
}

/// The five numbers of a candle, not yet checked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Ohlcv {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
}

/// How settled a candle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Finality {
    /// The bucket is still open: every number may change.
    Forming,
    /// The bucket has ended and later data proved it: a newer bucket, or exchange time past its end.
    Closed,
    /// Closed, and compared with the exchange's own history.
    Verified,
}

impl Finality {
    /// Whether the candle may be used in an indicator.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Closed | Self::Verified)
    }
}

/// Where a candle came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CandleSource {
    /// A live feed.
    Ws,
    /// The exchange's history.
    Rest,
    /// A file.
    File,
    /// Aggregated from shorter candles.
    Derived,
    /// Nothing was traded in the bucket: flat at the previous close, volume zero.
    Synthetic,
}

impl Candle {
    /// The largest price or volume accepted. Far above any market, and low enough that no sum or square of a
    /// lookback window leaves the range of `f64`.
    pub const MAX_VALUE: f64 = 1e18;

    /// A candle from its parts, checked against the invariants of the type.
    pub fn new(
        timeframe: Timeframe,
        open_time: Timestamp,
        ohlcv: Ohlcv,
        finality: Finality,
        source: CandleSource,
    ) -> Result<Self, CandleError> {
        if !timeframe.is_aligned(open_time) {
            return Err(CandleError::Misaligned { open_time, timeframe });
        }
        Ok(Self { open_time, ohlcv: ohlcv.checked()?, timeframe, finality, source })
    }

    /// The bar of a bucket in which nothing was traded: flat at the previous `close`, volume zero, closed.
    pub fn no_trade(timeframe: Timeframe, open_time: Timestamp, close: f64) -> Result<Self, CandleError> {
        let flat = Ohlcv { open: close, high: close, low: close, close, volume: 0.0 };
        Self::new(timeframe, open_time, flat, Finality::Closed, CandleSource::Synthetic)
    }

    /// A bar whose invariants follow from other candles, so checking again could not fail.
    pub(crate) const fn derived(
        timeframe: Timeframe,
        open_time: Timestamp,
        ohlcv: Ohlcv,
        source: CandleSource,
    ) -> Self {
        Self { open_time, ohlcv, timeframe, finality: Finality::Closed, source }
    }

    /// Start of the bucket.
    pub const fn open_time(&self) -> Timestamp {
        self.open_time
    }

    /// Start of the bucket that follows; the moment this one ends.
    pub const fn close_time(&self) -> Timestamp {
        Timestamp::from_millis_in_range(self.open_time.as_millis() + self.timeframe.millis())
    }

    /// Length of the bucket.
    pub const fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// All five numbers.
    pub const fn ohlcv(&self) -> Ohlcv {
        self.ohlcv
    }

    /// First traded price.
    pub const fn open(&self) -> f64 {
        self.ohlcv.open
    }

    /// Highest traded price.
    pub const fn high(&self) -> f64 {
        self.ohlcv.high
    }

    /// Lowest traded price.
    pub const fn low(&self) -> f64 {
        self.ohlcv.low
    }

    /// Last traded price.
    pub const fn close(&self) -> f64 {
        self.ohlcv.close
    }

    /// Traded volume in base currency.
    pub const fn volume(&self) -> f64 {
        self.ohlcv.volume
    }

    /// How settled the candle is.
    pub const fn finality(&self) -> Finality {
        self.finality
    }

    /// Where the candle came from.
    pub const fn source(&self) -> CandleSource {
        self.source
    }

    /// Whether the bucket is proven to have ended.
    pub const fn is_final(&self) -> bool {
        self.finality.is_final()
    }

    /// Whether nothing was traded in the bucket.
    pub const fn is_synthetic(&self) -> bool {
        matches!(self.source, CandleSource::Synthetic)
    }

    /// The same candle, as settled as `finality` says.
    pub const fn with_finality(mut self, finality: Finality) -> Self {
        self.finality = finality;
        self
    }
}

impl Ohlcv {
    fn checked(self) -> Result<Self, CandleError> {
        let Self { open, high, low, close, volume } = self;
        for (field, value) in [
            (Field::Open, open),
            (Field::High, high),
            (Field::Low, low),
            (Field::Close, close),
            (Field::Volume, volume),
        ] {
            if !value.is_finite() {
                return Err(CandleError::NotFinite { field });
            } else if value < 0.0 {
                return Err(CandleError::Negative { field, value });
            } else if value > Candle::MAX_VALUE {
                return Err(CandleError::TooLarge { field, value });
            }
        }
        for (holds, field, value, other, other_value) in [
            (low <= high, Field::Low, low, Field::High, high),
            (high >= open, Field::High, high, Field::Open, open),
            (high >= close, Field::High, high, Field::Close, close),
            (low <= open, Field::Low, low, Field::Open, open),
            (low <= close, Field::Low, low, Field::Close, close),
        ] {
            if !holds {
                return Err(CandleError::Contradiction { field, value, other, other_value });
            }
        }
        // Adding zero turns -0.0 into 0.0, so equal numbers are equal bits.
        Ok(Self { open: open + 0.0, high: high + 0.0, low: low + 0.0, close: close + 0.0, volume: volume + 0.0 })
    }
}

/// A named number of a candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Field {
    Time,
    Open,
    High,
    Low,
    Close,
    Volume,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Time => "time",
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
        })
    }
}

/// Numbers that cannot be a candle.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum CandleError {
    #[error("{field} is not a finite number")]
    NotFinite { field: Field },
    #[error("{field} {value} is negative")]
    Negative { field: Field, value: f64 },
    #[error("{field} {value:e} is larger than {max:e}", max = Candle::MAX_VALUE)]
    TooLarge { field: Field, value: f64 },
    #[error("{field} {value} is {} {other} {other_value}", if *field == Field::Low { "above" } else { "below" })]
    Contradiction { field: Field, value: f64, other: Field, other_value: f64 },
    #[error(
        "time {} ({open_time}) is not the start of a {timeframe} bucket (the bucket starts at {})",
        open_time.as_secs(), timeframe.floor(*open_time).as_secs()
    )]
    Misaligned { open_time: Timestamp, timeframe: Timeframe },
}

impl CandleError {
    /// The number that is wrong.
    pub const fn field(&self) -> Field {
        match self {
            Self::NotFinite { field }
            | Self::Negative { field, .. }
            | Self::TooLarge { field, .. }
            | Self::Contradiction { field, .. } => *field,
            Self::Misaligned { .. } => Field::Time,
        }
    }

    /// Always [`ErrorKind::InvalidInput`].
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// The JSON form of a candle: flat, times in milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    open_time: Timestamp,
    timeframe: Timeframe,
    #[serde(flatten)]
    ohlcv: Ohlcv,
    finality: Finality,
    source: CandleSource,
}

impl TryFrom<Wire> for Candle {
    type Error = CandleError;

    fn try_from(wire: Wire) -> Result<Self, CandleError> {
        Self::new(wire.timeframe, wire.open_time, wire.ohlcv, wire.finality, wire.source)
    }
}

impl From<Candle> for Wire {
    fn from(candle: Candle) -> Self {
        let Candle { open_time, ohlcv, timeframe, finality, source } = candle;
        Self { open_time, timeframe, ohlcv, finality, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(open: f64, high: f64, low: f64, close: f64, volume: f64) -> Result<Candle, CandleError> {
        let ohlcv = Ohlcv { open, high, low, close, volume };
        Candle::new(Timeframe::M1, Timestamp::EPOCH, ohlcv, Finality::Closed, CandleSource::Ws)
    }

    #[test]
    fn every_broken_invariant_names_its_field() {
        for (result, message) in [
            (candle(f64::NAN, 2.0, 1.0, 1.5, 0.0), "open is not a finite number"),
            (candle(1.5, f64::INFINITY, 1.0, 1.5, 0.0), "high is not a finite number"),
            (candle(1.5, 2.0, -1.0, 1.5, 0.0), "low -1 is negative"),
            (candle(1.5, 2.0, 1.0, 1.5, -0.1), "volume -0.1 is negative"),
            (candle(1.5, 2e19, 1.0, 1.5, 0.0), "high 2e19 is larger than 1e18"),
            (candle(1.5, 1.0, 2.0, 1.5, 0.0), "low 2 is above high 1"),
            (candle(3.0, 2.0, 1.0, 1.5, 0.0), "high 2 is below open 3"),
            (candle(1.5, 2.0, 1.0, 2.5, 0.0), "high 2 is below close 2.5"),
            (candle(0.5, 2.0, 1.0, 1.5, 0.0), "low 1 is above open 0.5"),
            (candle(1.5, 2.0, 1.0, 0.5, 0.0), "low 1 is above close 0.5"),
        ] {
            assert_eq!(result.unwrap_err().to_string(), message);
        }
        assert!(candle(1.0, 1.0, 1.0, 1.0, 0.0).is_ok());
        assert!(candle(-0.0, 1.0, -0.0, 1.0, -0.0).unwrap().low().is_sign_positive());
    }

    #[test]
    fn the_open_time_is_the_start_of_a_bucket() {
        let time = Timestamp::from_secs(1_522_800_060).unwrap();
        let error = Candle::no_trade(Timeframe::M5, time, 1.0).unwrap_err();
        assert_eq!(error.field(), Field::Time);
        assert!(error.to_string().contains("the bucket starts at 1522800000"), "{error}");
    }

    #[test]
    fn json_round_trips_and_is_checked() {
        let original = candle(1.5, 2.0, 1.0, 1.75, 3.0).unwrap();
        let json = serde_json::to_string(&original).unwrap();
        assert_eq!(serde_json::from_str::<Candle>(&json).unwrap(), original);
        assert!(serde_json::from_str::<Candle>(&json.replace("2.0", "0.5")).is_err());
    }
}
