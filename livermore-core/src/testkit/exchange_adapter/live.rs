use std::collections::{BTreeMap, HashMap};

use tokio::time::timeout;

use super::ExchangeFixture;
use crate::{
    exchange::{CandleRequest, EventBody, ExchangeError, MarketEvent, Subscription},
    ids::{Epoch, Seq, Symbol, Timeframe},
    market::Candle,
};

/// An unknown symbol, or a timeframe not among the live ones, is refused as by `candles`; nothing is subscribed to.
pub async fn a_subscription_to_the_unknown_is_refused(fixture: ExchangeFixture) {
    let mut subscription = fixture.subscription.clone();
    subscription.symbols.push(fixture.unlisted.clone());
    match fixture.adapter.subscribe(subscription).await {
        Err(ExchangeError::UnknownSymbol { symbol, .. }) => assert_eq!(symbol, fixture.unlisted),
        Err(other) => panic!("{} was refused with {other}", fixture.unlisted),
        Ok(_) => panic!("{} was accepted", fixture.unlisted),
    }
    let live = fixture.adapter.capability().live;
    let Some(other) = Timeframe::ALL.into_iter().find(|timeframe| !live.contains(timeframe)) else { return };
    let mut subscription = fixture.subscription.clone();
    subscription.candles.push(other);
    match fixture.adapter.subscribe(subscription).await {
        Err(ExchangeError::UnsupportedTimeframe { timeframe, .. }) => assert_eq!(timeframe, other),
        Err(wrong) => panic!("{other} was refused with {wrong}"),
        Ok(_) => panic!("{other} was accepted"),
    }
}

/// The first event is `Connected`, and so is the first event of each later epoch.
pub async fn every_epoch_begins_with_connected(fixture: ExchangeFixture) {
    let (events, _) = fixture.hear(&fixture.subscription).await;
    let mut epoch = None;
    for event in &events {
        let begins = epoch.replace(event.epoch) != Some(event.epoch);
        assert!(!begins || event.body == EventBody::Connected, "epoch {} begins with {event:?}", event.epoch);
    }
    assert!(epoch.is_some(), "the stream ended without an event");
}

/// A reconnect is an event, not an error that ends the stream.
pub async fn a_reconnect_does_not_end_the_stream(fixture: ExchangeFixture) {
    let (events, ended) = fixture.hear(&fixture.subscription).await;
    let is_down =
        |event: &MarketEvent| matches!(event.body, EventBody::Disconnected { .. } | EventBody::Reconnecting { .. });
    assert!(!(ended && events.last().is_some_and(is_down)), "the stream ended after {:?}", events.last());
}

/// The epoch rises with each connection.
pub async fn the_epoch_rises_with_each_connection(fixture: ExchangeFixture) {
    let (events, _) = fixture.hear(&fixture.subscription).await;
    let mut newest: Option<Epoch> = None;
    for event in first_hearings(&events) {
        let rises = newest.is_none_or(|newest| event.epoch > newest);
        assert_eq!(rises, event.body == EventBody::Connected, "after epoch {newest:?}: {event:?}");
        newest = Some(event.epoch);
    }
}

/// Within an epoch sequence numbers rise by one. Lost events are announced by `Gap`.
pub async fn sequence_numbers_rise_by_one(fixture: ExchangeFixture) {
    let (events, _) = fixture.hear(&fixture.subscription).await;
    check_sequence(&events);
}

/// A repeated event carries its old number, so that consumers can drop it.
pub async fn a_repeated_event_carries_its_old_number(fixture: ExchangeFixture) {
    let (events, _) = fixture.hear(&fixture.subscription).await;
    let mut heard: HashMap<(Epoch, Seq), &MarketEvent> = HashMap::new();
    for event in &events {
        let first = heard.entry((event.epoch, event.seq)).or_insert(event);
        assert_eq!(*first, event, "two events carry one number");
    }
    // Under a new number the same message would pass for a new one: trades show it by the id the exchange gave them.
    let mut ids = HashMap::new();
    for event in first_hearings(&events) {
        if let EventBody::Trade { symbol, trade } = &event.body
            && let Some(before) = ids.insert((symbol, &trade.id), event)
        {
            panic!("trade {} came under two numbers: {before:?} and {event:?}", trade.id);
        }
    }
}

/// A closed candle is the *finished* bar.
pub async fn a_closed_candle_is_the_finished_bar(fixture: ExchangeFixture) {
    let (events, _) = fixture.hear(&fixture.subscription).await;
    let closed = closed_candles(&events);
    assert!(
        !closed.is_empty() || fixture.subscription.candles.is_empty(),
        "no closed candle in {} events; the last is {:?}",
        events.len(),
        events.last()
    );
    let supported = fixture.adapter.capability().history;
    for ((symbol, timeframe), live) in closed.into_iter().filter(|((_, timeframe), _)| supported.contains(timeframe)) {
        let (Some(first), Some(last)) = (live.first(), live.last()) else { continue };
        let (from, to) = (first.open_time(), last.close_time());
        let history = fixture.candles(CandleRequest { symbol: symbol.clone(), timeframe, from, to }).await;
        for candle in live {
            let finished = history.iter().find(|finished| finished.open_time() == candle.open_time());
            assert_eq!(
                finished.map(Candle::ohlcv),
                Some(candle.ohlcv()),
                "{symbol} {candle:?} is not the finished bar"
            );
        }
    }
}

/// Each bucket closes at most once, ascending per symbol and timeframe.
pub async fn closed_candles_ascend_and_come_once(fixture: ExchangeFixture) {
    let (events, _) = fixture.hear(&fixture.subscription).await;
    for ((symbol, timeframe), candles) in closed_candles(&events) {
        for pair in candles.windows(2) {
            let (before, after) = (pair[0].open_time(), pair[1].open_time());
            assert!(before < after, "{symbol} {timeframe}: {after} closed after {before}");
        }
    }
}

/// While connected, and with no gap or staleness announced, a bucket for which no candle came before a later one had no
/// trades.
pub async fn a_bucket_left_out_had_no_trades(fixture: ExchangeFixture) {
    let (events, _) = fixture.hear(&fixture.subscription).await;
    let supported = fixture.adapter.capability().history;
    let mut last: BTreeMap<(&Symbol, Timeframe), &Candle> = BTreeMap::new();
    for event in first_hearings(&events) {
        match &event.body {
            EventBody::Connected | EventBody::Disconnected { .. } | EventBody::Gap { symbol: None, .. } => last.clear(),
            EventBody::Gap { symbol: Some(symbol), .. } | EventBody::Stale { symbol, .. } => {
                last.retain(|(known, _), _| *known != symbol);
            }
            EventBody::Candle { symbol, candle } if candle.is_final() && supported.contains(&candle.timeframe()) => {
                let Some(before) = last.insert((symbol, candle.timeframe()), candle) else { continue };
                let (from, to) = (before.close_time(), candle.open_time());
                if from < to {
                    let timeframe = candle.timeframe();
                    let request = CandleRequest { symbol: symbol.clone(), timeframe, from, to };
                    assert_eq!(fixture.candles(request).await, [], "{symbol} was traded; no candle, no word of a loss");
                }
            }
            _ => {}
        }
    }
}

/// Only what was subscribed to arrives.
///
/// Tested on the whole subscription, and on its first symbol with each kind of data alone, all at once.
pub async fn only_what_was_subscribed_to_arrives(fixture: ExchangeFixture) {
    let whole = fixture.subscription.clone();
    let nothing = Subscription { symbols: whole.symbols.iter().take(1).cloned().collect(), ..Subscription::default() };
    let candles = Subscription { candles: whole.candles.iter().take(1).copied().collect(), ..nothing.clone() };
    let tickers = Subscription { tickers: whole.tickers, ..nothing.clone() };
    let trades = Subscription { trades: whole.trades, ..nothing.clone() };
    let listening = [whole, candles, tickers, trades].map(|subscription| listen(&fixture, subscription));
    futures_util::future::join_all(listening).await;
}

async fn listen(fixture: &ExchangeFixture, subscription: Subscription) {
    let mut stream = fixture.subscribe(&subscription).await;
    let listening = async {
        for _ in 0..fixture.live_events {
            let Some(event) = futures_util::StreamExt::next(&mut stream).await else { break };
            assert!(is_wanted(&event, &subscription), "{event:?} is not part of {subscription:?}");
        }
    };
    // A narrow subscription may fall silent; what has not come by then is not there.
    let _ = timeout(fixture.patience, listening).await;
}

fn is_wanted(event: &MarketEvent, subscription: &Subscription) -> bool {
    let kind = match &event.body {
        EventBody::Candle { candle, .. } => subscription.candles.contains(&candle.timeframe()),
        EventBody::Ticker { .. } => subscription.tickers,
        EventBody::Trade { .. } => subscription.trades,
        _ => true,
    };
    kind && event.body.symbol().is_none_or(|symbol| subscription.symbols.contains(symbol))
}

/// Numbers not heard before are above all before, by one unless the event says that some were lost.
pub(super) fn check_sequence(events: &[MarketEvent]) {
    let mut last: Option<&MarketEvent> = None;
    for event in first_hearings(events) {
        if let Some(last) = last.filter(|last| last.epoch == event.epoch) {
            let announced = matches!(event.body, EventBody::Gap { .. });
            let by_one = last.seq.next() == Some(event.seq);
            assert!(by_one || (announced && event.seq > last.seq), "{event:?} follows {last:?}");
        }
        last = Some(event);
    }
}

/// The events without those whose number was heard before.
fn first_hearings(events: &[MarketEvent]) -> Vec<&MarketEvent> {
    let mut heard = std::collections::HashSet::new();
    events.iter().filter(|event| heard.insert((event.epoch, event.seq))).collect()
}

/// The closed candles of each symbol and timeframe in the order they came, repeated events left out.
fn closed_candles(events: &[MarketEvent]) -> BTreeMap<(Symbol, Timeframe), Vec<Candle>> {
    let mut closed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in first_hearings(events) {
        if let EventBody::Candle { symbol, candle } = &event.body
            && candle.is_final()
        {
            closed.entry((symbol.clone(), candle.timeframe())).or_default().push(*candle);
        }
    }
    closed
}
