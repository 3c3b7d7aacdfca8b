//! The items of the market channels, as they travel.

use livermore_core::{
    ids::{Timeframe, Timestamp},
    market::{Candle, CandleError, CandleSource, Field, Finality, Ohlcv, Side, Ticker, Trade},
};

use super::{
    BookSide, Flaw, MarketTrade,
    value::{Number, Text, Whole, record, stamp},
};

/// What is wrong with an item, and in which field.
pub(super) type Bad = (&'static str, Flaw);

record! {
    /// A candle of the feed, and of a REST answer, where it has no product.
    quick CandleRow {
        "start" start: Whole,
        "high" high: Number,
        "low" low: Number,
        "open" open: Number,
        "close" close: Number,
        "volume" volume: Number,
        "product_id" product: Text<'de>,
    }
}

record! {
    /// The state of a product.
    quick TickerRow {
        "product_id" product: Text<'de>,
        "price" price: Number,
        "volume_24_h" volume: Number,
        "price_percent_chg_24_h" change: Number,
        "best_bid" bid: Number,
        "best_ask" ask: Number,
    }
}

record! {
    /// A trade of the feed, and of a REST answer.
    quick TradeRow {
        "product_id" product: Text<'de>,
        "trade_id" number: Whole,
        "price" price: Number,
        "size" size: Number,
        "time" time: Text<'de>,
        "side" side: Text<'de>,
    }
}

record! {
    /// A change of a book.
    quick BookRow {
        "side" side: Text<'de>,
        "event_time" time: Text<'de>,
        "price_level" price: Number,
        "new_quantity" size: Number,
    }
}

impl CandleRow<'_> {
    #[inline]
    pub(super) fn candle(&self, timeframe: Timeframe, finality: Finality, source: CandleSource) -> Result<Candle, Bad> {
        let number = |field, number: Number| number.required().map_err(|flaw| (field, flaw));
        let open_time = self.start.seconds().map_err(|flaw| ("start", flaw))?;
        let ohlcv = Ohlcv {
            open: number("open", self.open)?,
            high: number("high", self.high)?,
            low: number("low", self.low)?,
            close: number("close", self.close)?,
            volume: number("volume", self.volume)?,
        };
        Candle::new(timeframe, open_time, ohlcv, finality, source).map_err(|error| unfit(&error))
    }
}

#[cold]
fn unfit(error: &CandleError) -> Bad {
    let field = match error.field() {
        Field::Time => "start",
        Field::Open => "open",
        Field::High => "high",
        Field::Low => "low",
        Field::Close => "close",
        Field::Volume => "volume",
    };
    let flaw = match error {
        CandleError::Misaligned { .. } => Flaw::Misaligned,
        CandleError::Contradiction { .. } => Flaw::Contradiction,
        CandleError::Negative { .. } => Flaw::Negative,
        _ => Flaw::OutOfRange,
    };
    (field, flaw)
}

impl TickerRow<'_> {
    /// The ticker, and what was wrong with the numbers it can do without.
    pub(super) fn ticker(&self, time: Timestamp) -> Result<(Ticker, [Option<Bad>; 4]), Bad> {
        let price = self.price.required().map_err(|flaw| ("price", flaw))?;
        let (bid, bad_bid) = soft("best_bid", self.bid.optional());
        let (ask, bad_ask) = soft("best_ask", self.ask.optional());
        let (volume_24h, bad_volume) = soft("volume_24_h", self.volume.optional());
        let (change_24h_percent, bad_change) = soft("price_percent_chg_24_h", self.change.signed());
        // An empty side of the book has no best price; nobody bids zero.
        let (bid, ask) = (bid.filter(|bid| *bid > 0.0), ask.filter(|ask| *ask > 0.0));
        let ticker = Ticker { time, price, bid, ask, volume_24h, change_24h_percent };
        Ok((ticker, [bad_bid, bad_ask, bad_volume, bad_change]))
    }
}

/// A value that an item can do without, and what is wrong with it.
pub(super) fn soft<T>(field: &'static str, value: Result<Option<T>, Flaw>) -> (Option<T>, Option<Bad>) {
    match value {
        Ok(value) => (value, None),
        Err(flaw) => (None, Some((field, flaw))),
    }
}

impl TradeRow<'_> {
    /// The trade, and what was wrong with its side.
    pub(super) fn trade(&self) -> Result<(MarketTrade, Option<Bad>), Bad> {
        let number = self.number.0.map_err(|flaw| ("trade_id", flaw))?;
        let price = self.price.required().map_err(|flaw| ("price", flaw))?;
        let size = self.size.required().map_err(|flaw| ("size", flaw))?;
        let time = stamp(&self.time).map_err(|flaw| ("time", flaw))?;
        let (maker, bad) = soft("side", side(&self.side));
        let trade = Trade { id: number.into(), time, price, size, taker: maker.map(Side::opposite) };
        Ok((MarketTrade { number, trade }, bad))
    }
}

/// `BUY` or `SELL`; none where the venue does not say.
pub(super) fn side(text: &Text<'_>) -> Result<Option<Side>, Flaw> {
    match text.as_str() {
        "BUY" => Ok(Some(Side::Buy)),
        "SELL" => Ok(Some(Side::Sell)),
        "" => Ok(None),
        _ => Err(Flaw::UnknownWord),
    }
}

impl BookRow<'_> {
    pub(super) fn change(&self) -> Result<super::BookChange, Bad> {
        let side = match self.side.required().map_err(|flaw| ("side", flaw))? {
            "bid" => BookSide::Bid,
            "offer" | "ask" => BookSide::Ask,
            _ => return Err(("side", Flaw::UnknownWord)),
        };
        let price = self.price.required().map_err(|flaw| ("price_level", flaw))?;
        let size = self.size.required().map_err(|flaw| ("new_quantity", flaw))?;
        let time = stamp(&self.time).ok().filter(|time| *time != Timestamp::EPOCH);
        Ok(super::BookChange { side, price, size, time })
    }
}
