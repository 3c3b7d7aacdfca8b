//! The answers the client itself has to understand.

use livermore_core::{
    ids::{Timeframe, Timestamp},
    market::Ohlcv,
};
use serde::Deserialize;

use super::KeyPermissions;

/// What is wrong in an answer, and where. No value is quoted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) place: String,
    pub(super) reason: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Time<'a> {
    #[serde(borrow)]
    epoch_millis: Option<&'a str>,
}

#[derive(Deserialize)]
struct Candles<'a> {
    #[serde(borrow)]
    candles: Vec<Row<'a>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    start: &'a str,
    low: &'a str,
    high: &'a str,
    open: &'a str,
    close: &'a str,
    volume: &'a str,
}

/// `{"epochMillis":"1790735849298", …}`
pub(super) fn time(body: &[u8]) -> Result<Timestamp, Flaw> {
    let time: Time = json(body)?;
    let millis = time.epoch_millis.and_then(|millis| millis.parse().ok());
    millis
        .and_then(|millis| Timestamp::from_millis(millis).ok())
        .ok_or_else(|| flaw("epochMillis", "is not a time in milliseconds"))
}

/// `{"candles":[{"start":"1790735700","low":"…", …}]}`, in any order: the start and the numbers of each bucket.
pub(super) fn candles(body: &[u8], timeframe: Timeframe) -> Result<Vec<(Timestamp, Ohlcv)>, Flaw> {
    let candles: Candles = json(body)?;
    candles.candles.iter().enumerate().map(|(index, row)| row.read(index, timeframe)).collect()
}

/// `{"can_view":true, …}`
pub(super) fn permissions(body: &[u8]) -> Result<KeyPermissions, Flaw> {
    json(body)
}

impl Row<'_> {
    fn read(&self, index: usize, timeframe: Timeframe) -> Result<(Timestamp, Ohlcv), Flaw> {
        let at = |field| format!("candles[{index}].{field}");
        let number = |field, text: &str| {
            let number = fast_float2::parse::<f64, _>(text).ok().filter(|number| number.is_finite() && *number >= 0.0);
            number.ok_or_else(|| flaw(&at(field), "is not a number of zero or more"))
        };
        let start = self.start.parse().ok().and_then(|secs| Timestamp::from_secs(secs).ok());
        let start = start.ok_or_else(|| flaw(&at("start"), "is not a time in seconds"))?;
        if !timeframe.is_aligned(start) {
            return Err(flaw(&at("start"), "is not the start of a bucket"));
        }
        let ohlcv = Ohlcv {
            open: number("open", self.open)?,
            high: number("high", self.high)?,
            low: number("low", self.low)?,
            close: number("close", self.close)?,
            volume: number("volume", self.volume)?,
        };
        Ok((start, ohlcv))
    }
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Flaw> {
    // serde's own words could quote the answer.
    serde_json::from_slice(body).map_err(|error| {
        let reason = if error.is_data() { "is JSON of another form than expected" } else { "is not JSON, or cut off" };
        flaw("the answer", reason)
    })
}

pub(super) fn flaw(place: &str, reason: &'static str) -> Flaw {
    Flaw { place: place.to_owned(), reason }
}
