use livermore_core::{
    ids::{Timeframe, Timestamp},
    market::{Candle, CandleSource, Finality},
};

use super::{NO_OBJECT, problem, read};
use crate::wire::{
    Flaw, Malformed,
    rows::CandleRow,
    value::{List, record},
};

record! {
    CandlesBody {
        "candles" candles: List<CandleRow<'de>>,
    }
}

/// Candles of one product, ascending. `now` is the exchange's time: a bucket that has not ended by then is
/// [`Forming`](Finality::Forming), the others are [`Closed`](Finality::Closed).
///
/// # Errors
/// Any flawed candle, because leaving it out would say that nothing was traded; and two different candles of one bucket.
pub fn candles(body: &[u8], timeframe: Timeframe, now: Timestamp) -> Result<Vec<Candle>, Malformed> {
    let body: CandlesBody<'_> = read(body, "candles")?;
    if !body.candles.given {
        return Err(Malformed::new("candles", if body.candles.wrong { Flaw::WrongType } else { Flaw::Missing }));
    }
    let mut candles = Vec::with_capacity(body.candles.items.len());
    for (index, row) in body.candles.items.iter().enumerate() {
        let candle =
            if row.wrong { Err(NO_OBJECT) } else { row.candle(timeframe, Finality::Closed, CandleSource::Rest) };
        let candle = candle.map_err(|bad| problem("candles", index, &row.product, bad))?;
        candles.push(if candle.close_time() <= now { candle } else { candle.with_finality(Finality::Forming) });
    }
    candles.sort_by_key(Candle::open_time);
    candles.dedup();
    let twice = candles.iter().zip(candles.iter().skip(1)).any(|(a, b)| a.open_time() == b.open_time());
    if twice { Err(Malformed::new("candles[].start", Flaw::Contradiction)) } else { Ok(candles) }
}
