use livermore_core::{
    exchange::CandleRequest,
    ids::{Timeframe, Timestamp},
    market::{Candle, Finality},
};

use super::{RestClient, call::Call};
use crate::{CoinbaseError, wire::rest};

/// History, page by page, from the oldest to the newest.
///
/// # What comes
/// - Finished buckets that open in `[from, to)`, ascending, each once. No hole and no repetition at page edges, whatever
///   order the exchange answers in and whatever it adds at the edges.
/// - A bucket that has not ended by the exchange's clock is left out, and so are all after it.
/// - A bucket without trades is absent, and is not asked for again.
/// - A candle is [`Verified`](Finality::Verified) when its bucket ended [a minute](Self::SETTLED_MS) ago or earlier: it is
///   the exchange's own history. Before that it is [`Closed`](Finality::Closed), since the exchange may still correct it
///   or, when it is absent, add it: ask once more later.
///
/// # Cancellation
/// - Dropping the future of [`next`](Self::next), and an error, lose no page: the next call asks for the same one.
#[derive(Debug)]
pub struct CandlePages {
    client: RestClient,
    request: CandleRequest,
    /// Start of the first bucket that has not come, in milliseconds.
    next: i64,
    /// Buckets before this are asked for, in milliseconds.
    end: i64,
    pages: u64,
    done: u64,
}

/// One page of history.
#[derive(Debug, Clone, PartialEq)]
pub struct CandlePage {
    /// Its candles, ascending. Quiet buckets are absent.
    pub candles: Vec<Candle>,
    /// Start of its first bucket.
    pub from: Timestamp,
    /// End of its last bucket.
    pub to: Timestamp,
    /// Which page it is, from 1.
    pub number: u64,
    /// How many there are.
    pub pages: u64,
}

impl CandlePages {
    /// So long after its end a bucket is taken to be settled, in milliseconds. The exchange publishes no number; its
    /// sister API was seen to be up to a minute late.
    pub const SETTLED_MS: i64 = 60_000;

    pub(super) fn new(client: RestClient, request: CandleRequest) -> Result<Self, CoinbaseError> {
        if request.from > request.to {
            let reason = format!("the range ends ({}) before it begins ({})", request.to, request.from);
            return Err(CoinbaseError::InvalidRequest { step: step(&request), reason });
        }
        let size = request.timeframe.millis();
        let ceil = |time: Timestamp| (time.as_millis() + size - 1).div_euclid(size) * size;
        let (next, end) = (ceil(request.from), ceil(request.to));
        let mut pages = Self { client, request, next, end, pages: 0, done: 0 };
        pages.pages = pages.left();
        Ok(pages)
    }

    /// How many pages there are, as far as known: what has not ended yet is left out once the clock has been measured.
    pub const fn pages(&self) -> u64 {
        self.pages
    }

    /// The next page, or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<CandlePage>, CoinbaseError> {
        if self.next >= self.end {
            return Ok(None);
        }
        self.client.measured().await?;
        let now = self.client.clock().surely();
        let ended = self.request.timeframe.floor(now).as_millis();
        if ended < self.end {
            self.end = ended;
            self.pages = self.done + self.left();
        }
        if self.next >= self.end {
            return Ok(None);
        }
        let to = self.end.min(self.next + self.page_millis());
        let candles = self.page(self.next, to, now).await?;
        self.done += 1;
        let page = CandlePage { candles, from: time(self.next), to: time(to), number: self.done, pages: self.pages };
        self.next = to;
        Ok(Some(page))
    }

    async fn page(&self, from: i64, to: i64, now: Timestamp) -> Result<Vec<Candle>, CoinbaseError> {
        let CandleRequest { symbol, timeframe, .. } = &self.request;
        let size = timeframe.millis();
        let call = Call::get(step(&self.request), ["market", "products", symbol.as_str(), "candles"])
            // Both ends are included by the exchange, and both must be starts of buckets.
            .with("start", from / 1_000)
            .with("end", (to - size) / 1_000)
            .with("granularity", granularity(*timeframe))
            .with("limit", (to - from) / size);
        let link = &self.client.link;
        let mut candles = link.ask(self.client.priority, &call, |body| rest::candles(body, *timeframe, now)).await?;
        // What was not asked for may have come as well.
        candles.retain(|candle| candle.is_final() && (from..to).contains(&candle.open_time().as_millis()));
        let is_settled = |candle: &Candle| now.millis_since(candle.close_time()) >= Self::SETTLED_MS;
        let settled = |candle: Candle| {
            if is_settled(&candle) { candle.with_finality(Finality::Verified) } else { candle }
        };
        Ok(candles.into_iter().map(settled).collect())
    }

    fn page_millis(&self) -> i64 {
        self.request.timeframe.millis() * i64::from(self.client.link.candles_per_page)
    }

    fn left(&self) -> u64 {
        let span = u64::try_from(self.end - self.next).unwrap_or_default();
        span.div_ceil(self.page_millis().unsigned_abs().max(1))
    }
}

fn step(request: &CandleRequest) -> String {
    format!("reading {} candles of {}", request.timeframe, request.symbol)
}

/// A bucket's start or end between two valid times, or just after the last.
fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap_or(Timestamp::MAX)
}

/// The exchange's word for a timeframe.
const fn granularity(timeframe: Timeframe) -> &'static str {
    match timeframe {
        Timeframe::M1 => "ONE_MINUTE",
        Timeframe::M5 => "FIVE_MINUTE",
        Timeframe::M15 => "FIFTEEN_MINUTE",
        Timeframe::M30 => "THIRTY_MINUTE",
        Timeframe::H1 => "ONE_HOUR",
        Timeframe::H2 => "TWO_HOUR",
        Timeframe::H4 => "FOUR_HOUR",
        Timeframe::H6 => "SIX_HOUR",
        Timeframe::D1 => "ONE_DAY",
    }
}
