use super::ExchangeFixture;
use crate::{
    exchange::{CandleRequest, EventBody, ExchangeError},
    ids::{Timeframe, Timestamp},
    market::{Candle, Ohlcv},
};

/// `candles` returns buckets that open in `[from, to)`, ascending, each at most once.
pub async fn candles_lie_in_the_range_in_order_and_once(fixture: ExchangeFixture) {
    for timeframe in fixture.adapter.capability().history {
        let (from, to) = fixture.history;
        let times = open_times(&fixture.history(timeframe).await);
        assert!(times.iter().all(|time| (from..to).contains(time)), "{timeframe} outside {from} to {to}: {times:?}");
        assert!(times.is_sorted_by(|a, b| a < b), "{timeframe} not ascending, or a bucket twice: {times:?}");
        if let [first, .., last] = times[..] {
            let request = CandleRequest { from: first, to: last, ..fixture.request(timeframe) };
            let inner = open_times(&fixture.candles(request).await);
            assert_eq!(inner, times[..times.len() - 1], "the begin is part of a range, the end is not");
            let empty = CandleRequest { from: first, to: first, ..fixture.request(timeframe) };
            assert_eq!(fixture.candles(empty).await, [], "an empty range");
        }
    }
}

/// Every candle returned is final and of the timeframe asked for.
pub async fn candles_are_final_and_of_the_timeframe(fixture: ExchangeFixture) {
    for timeframe in fixture.adapter.capability().history {
        for candle in fixture.history(timeframe).await {
            assert!(candle.is_final(), "{candle:?} is not final");
            assert_eq!(candle.timeframe(), timeframe, "{candle:?}");
        }
    }
}

/// What candles say, whether or not the exchange has the last word by now: that they come to be verified is no change.
pub(super) fn bars(candles: &[Candle]) -> Vec<(Timestamp, Ohlcv)> {
    candles.iter().map(|candle| (candle.open_time(), candle.ohlcv())).collect()
}

/// A bucket that has not ended is left out.
///
/// Tested on a bucket heard forming: what `candles` says of it now must still be true when it has ended. An adapter
/// whose stream has no forming candles passes.
pub async fn a_bucket_that_has_not_ended_is_left_out(fixture: ExchangeFixture) {
    let mut stream = fixture.subscribe(&fixture.subscription).await;
    let (mut asked, mut last) = (None, None);
    for _ in 0..fixture.live_events {
        let Some(event) = fixture.next(&mut stream, last.as_ref()).await else { return };
        if let (None, EventBody::Candle { symbol, candle }) = (&asked, &event.body)
            && !candle.is_final()
            && fixture.adapter.capability().history.contains(&candle.timeframe())
        {
            let (from, to) = (candle.open_time(), candle.close_time());
            let request = CandleRequest { symbol: symbol.clone(), timeframe: candle.timeframe(), from, to };
            asked = Some((request.clone(), fixture.candles(request).await));
        }
        if let Some((request, early)) = asked.take_if(|(request, _)| event.time > request.to) {
            let finished = fixture.candles(request).await;
            let still_true = early.is_empty() || bars(&early) == bars(&finished);
            assert!(still_true, "served before its end: {early:?}; became {finished:?}");
            return;
        }
        last = Some(event);
    }
    assert!(asked.is_none(), "the bucket of {asked:?} did not end within {} events", fixture.live_events);
}

/// A bucket without trades is left out.
pub async fn a_bucket_without_trades_is_left_out(fixture: ExchangeFixture) {
    for timeframe in fixture.adapter.capability().history {
        for candle in fixture.history(timeframe).await {
            assert!(!candle.is_synthetic() && candle.volume() > 0.0, "nothing was traded in {candle:?}");
        }
    }
}

/// Longer ranges than one page of the exchange are paged by the adapter; the answer has no hole at page edges.
///
/// Tested by asking for the same range in pieces of different lengths.
pub async fn a_long_range_has_no_hole_at_page_edges(fixture: ExchangeFixture) {
    for timeframe in fixture.adapter.capability().history {
        let whole = fixture.history(timeframe).await;
        for buckets in [1, 7, 300] {
            let pieces = in_pieces(&fixture, timeframe, buckets).await;
            let (whole, pieces) = (open_times(&whole), open_times(&pieces));
            let differs = whole.iter().zip(&pieces).position(|(whole, piece)| whole != piece);
            let at = differs.unwrap_or_else(|| whole.len().min(pieces.len()));
            assert!(
                whole == pieces,
                "{timeframe} candles asked for at once and by {buckets} differ from number {at} on: {:?} and {:?}",
                whole.get(at),
                pieces.get(at)
            );
        }
    }
}

/// At most the first forty pieces, so that an exchange with slow answers is not asked for hours; then the rest at once.
async fn in_pieces(fixture: &ExchangeFixture, timeframe: Timeframe, buckets: i64) -> Vec<Candle> {
    let (mut from, end) = fixture.history;
    let mut pieces = Vec::new();
    for piece in 0..=40 {
        let next = from.checked_add_millis(buckets * timeframe.millis()).filter(|to| piece < 40 && *to < end);
        let to = next.unwrap_or(end);
        pieces.extend(fixture.candles(CandleRequest { from, to, ..fixture.request(timeframe) }).await);
        from = to;
    }
    pieces
}

/// An unknown symbol is `UnknownSymbol`.
pub async fn an_unknown_symbol_is_refused(fixture: ExchangeFixture) {
    let symbol = fixture.unlisted.clone();
    let request = CandleRequest { symbol, ..fixture.request(fixture.shortest()) };
    let answer = fixture.within("candles", "nothing", fixture.adapter.candles(request)).await;
    let is_right = matches!(&answer, Err(ExchangeError::UnknownSymbol { symbol, .. }) if *symbol == fixture.unlisted);
    assert!(is_right, "{} was answered with {answer:?}", fixture.unlisted);
}

/// A timeframe not in the capability is `UnsupportedTimeframe`. An adapter that has every timeframe passes.
pub async fn an_unsupported_timeframe_is_refused(fixture: ExchangeFixture) {
    let supported = fixture.adapter.capability().history;
    for timeframe in Timeframe::ALL.into_iter().filter(|timeframe| !supported.contains(timeframe)) {
        let answer = fixture.within("candles", "nothing", fixture.adapter.candles(fixture.request(timeframe))).await;
        let is_right =
            matches!(&answer, Err(ExchangeError::UnsupportedTimeframe { timeframe: named, .. }) if *named == timeframe);
        assert!(is_right, "{timeframe} was answered with {answer:?}");
    }
}

/// A range that ends before it begins is `InvalidRequest`.
pub async fn a_range_that_ends_before_it_begins_is_refused(fixture: ExchangeFixture) {
    let (from, to) = fixture.history;
    let backward = CandleRequest { from: to, to: from, ..fixture.request(fixture.shortest()) };
    let answer = fixture.within("candles", "nothing", fixture.adapter.candles(backward)).await;
    assert!(matches!(answer, Err(ExchangeError::InvalidRequest { .. })), "{to} to {from} was answered with {answer:?}");
}

fn open_times(candles: &[Candle]) -> Vec<Timestamp> {
    candles.iter().map(Candle::open_time).collect()
}
