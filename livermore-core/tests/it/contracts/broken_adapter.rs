//! For every clause of the adapter's contract an adapter that breaks it.

use std::{
    collections::HashMap,
    future::pending,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, future, stream};
use livermore_core::{
    exchange::{
        CandleRequest, Capability, EventBody, ExchangeAdapter, ExchangeError, FaultKind, MarketEvent, MarketEvents,
        Simulator, Subscription,
    },
    ids::{Epoch, Exchange, Seq, Timeframe},
    market::{Candle, CandleSource, DEFAULT_MAX_FILL, Finality, NoTradeFill, Ohlcv, Product},
    testkit::{ExchangeFixture, exchange_adapter as clauses},
};
use tokio::task::yield_now;

use super::{adapter, config, fault};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    TimeframesDescend,
    ProductsAscend,
    ListsTwice,
    CandlesDescend,
    RepeatsACandle,
    EndIsIncluded,
    CandlesForming,
    WrongTimeframe,
    ServesFormingBuckets,
    FillsQuietBuckets,
    LosesPageEdges,
    UnknownIsEmpty,
    UnsupportedIsServed,
    BackwardIsEmpty,
    SubscribesToTheUnknown,
    NoConnected,
    EndsWhenDisconnected,
    EpochStands,
    LosesEvents,
    RepeatsUnderNewNumbers,
    NumbersStand,
    ClosesEarly,
    LosesClosedCandles,
    SendsEverything,
    BusyAfterADroppedCall,
    KeepsDroppedStreams,
    DoesNotClose,
    SecondCloseHangs,
}

#[derive(Debug)]
struct Broken {
    flaw: Flaw,
    inner: Simulator,
    busy: AtomicBool,
    subscriptions: AtomicUsize,
    closes: AtomicUsize,
}

/// A fixture with a market that disconnects once, seen through a broken adapter.
fn broken(flaw: Flaw) -> ExchangeFixture {
    let config = config().with_faults([fault(150_000, 10_000, FaultKind::Disconnect)]);
    let (start, inner) = (config.start, Simulator::new(config).unwrap());
    let (subscriptions, closes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    adapter(Arc::new(Broken { flaw, inner, busy: AtomicBool::new(false), subscriptions, closes }), start)
}

impl Broken {
    fn unavailable(&self, step: &str) -> ExchangeError {
        ExchangeError::Unavailable { exchange: self.exchange(), step: step.to_owned(), source: None }
    }
}

#[async_trait]
impl ExchangeAdapter for Broken {
    fn exchange(&self) -> Exchange {
        self.inner.exchange()
    }

    fn capability(&self) -> Capability {
        let mut capability = self.inner.capability();
        match self.flaw {
            Flaw::TimeframesDescend => capability.history.reverse(),
            Flaw::UnsupportedIsServed => capability.history.retain(|timeframe| *timeframe != Timeframe::D1),
            _ => {}
        }
        capability
    }

    async fn products(&self) -> Result<Vec<Product>, ExchangeError> {
        let mut products = self.inner.products().await?;
        match self.flaw {
            Flaw::ProductsAscend => products.reverse(),
            Flaw::ListsTwice => products.insert(0, products[0].clone()),
            _ => {}
        }
        Ok(products)
    }

    async fn candles(&self, request: CandleRequest) -> Result<Vec<Candle>, ExchangeError> {
        if self.flaw == Flaw::BusyAfterADroppedCall {
            if self.busy.swap(true, Ordering::SeqCst) {
                return Err(self.unavailable("busy"));
            }
            yield_now().await;
            self.busy.store(false, Ordering::SeqCst);
        }
        let mut asked = request.clone();
        if self.flaw == Flaw::EndIsIncluded {
            asked.to = request.to.checked_add_millis(1).unwrap();
        }
        let mut candles = match (self.inner.candles(asked).await, self.flaw) {
            (Err(ExchangeError::UnknownSymbol { .. }), Flaw::UnknownIsEmpty)
            | (Err(ExchangeError::InvalidRequest { .. }), Flaw::BackwardIsEmpty) => Vec::new(),
            (answer, _) => answer?,
        };
        match self.flaw {
            Flaw::CandlesDescend => candles.reverse(),
            Flaw::RepeatsACandle => candles.extend(candles.last().copied()),
            Flaw::CandlesForming => {
                candles = candles.iter().map(|candle| candle.with_finality(Finality::Forming)).collect();
            }
            Flaw::WrongTimeframe => candles = candles.iter().map(as_minute).collect(),
            Flaw::ServesFormingBuckets if candles.is_empty() && request.from < request.to => {
                let flat = Ohlcv { open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 1.0 };
                let (timeframe, source) = (request.timeframe, CandleSource::Rest);
                candles.extend(Candle::new(timeframe, request.from, flat, Finality::Closed, source));
            }
            Flaw::FillsQuietBuckets => {
                let mut fill = NoTradeFill::new(request.timeframe, DEFAULT_MAX_FILL);
                candles = candles.iter().flat_map(|candle| fill.push(candle).unwrap()).collect();
            }
            Flaw::LosesPageEdges if candles.len() > 300 => drop(candles.remove(300)),
            _ => {}
        }
        Ok(candles)
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<MarketEvents, ExchangeError> {
        let earlier = self.subscriptions.fetch_add(1, Ordering::SeqCst);
        if self.flaw == Flaw::KeepsDroppedStreams && earlier >= 20 {
            return Err(self.unavailable("too many subscriptions"));
        }
        let mut asked = subscription;
        if self.flaw == Flaw::SendsEverything {
            (asked.tickers, asked.trades) = (true, true);
        }
        if self.flaw == Flaw::SubscribesToTheUnknown {
            let listed: Vec<_> = self.inner.products().await?.into_iter().map(|product| product.symbol).collect();
            asked.symbols.retain(|symbol| listed.contains(symbol));
        }
        Ok(break_stream(self.flaw, self.inner.subscribe(asked).await?))
    }

    async fn close(&self) {
        match (self.flaw, self.closes.fetch_add(1, Ordering::SeqCst)) {
            (Flaw::DoesNotClose, _) => {}
            (Flaw::SecondCloseHangs, 1..) => pending().await,
            _ => self.inner.close().await,
        }
    }
}

fn as_minute(candle: &Candle) -> Candle {
    Candle::new(Timeframe::M1, candle.open_time(), candle.ohlcv(), candle.finality(), candle.source()).unwrap()
}

fn break_stream(flaw: Flaw, events: MarketEvents) -> MarketEvents {
    let is_connected = |event: &MarketEvent| event.body == EventBody::Connected;
    let is_down = |event: &MarketEvent| matches!(event.body, EventBody::Reconnecting { .. });
    match flaw {
        Flaw::NoConnected => events.filter(move |event| future::ready(!is_connected(event))).boxed(),
        Flaw::EndsWhenDisconnected => {
            let mut was_down = false;
            let goes_on = move |event: &MarketEvent| !std::mem::replace(&mut was_down, is_down(event));
            let mut goes_on = goes_on;
            events.take_while(move |event| future::ready(goes_on(event))).boxed()
        }
        Flaw::EpochStands => renumbered(events, false),
        Flaw::NumbersStand => events.map(|event| MarketEvent { seq: Seq::ZERO, ..event }).boxed(),
        Flaw::RepeatsUnderNewNumbers => {
            renumbered(events.flat_map(|event| stream::iter([event.clone(), event])).boxed(), true)
        }
        Flaw::LosesEvents => {
            let numbered = events.enumerate();
            numbered.filter_map(|(index, event)| future::ready((index % 10 != 9).then_some(event))).boxed()
        }
        Flaw::ClosesEarly => events.map(closed_early).boxed(),
        Flaw::LosesClosedCandles => {
            let is_lost = |event: &MarketEvent| {
                matches!(&event.body, EventBody::Candle { candle, .. }
                    if candle.is_final() && candle.open_time().as_secs() % 180 == 60)
            };
            renumbered(events.filter(move |event| future::ready(!is_lost(event))).boxed(), true)
        }
        _ => events,
    }
}

/// Numbers events anew from zero in each epoch, or in one epoch for all.
fn renumbered(events: MarketEvents, keep_epochs: bool) -> MarketEvents {
    let mut next: HashMap<Epoch, u64> = HashMap::new();
    let number = move |event: MarketEvent| {
        let epoch = if keep_epochs { event.epoch } else { Epoch::ZERO };
        let next = next.entry(epoch).or_default();
        *next += 1;
        MarketEvent { epoch, seq: Seq::new(*next - 1).unwrap(), ..event }
    };
    events.map(number).boxed()
}

fn closed_early(mut event: MarketEvent) -> MarketEvent {
    if let EventBody::Candle { candle, .. } = &mut event.body {
        *candle = candle.with_finality(Finality::Closed);
    }
    event
}

/// The wrapper itself breaks nothing.
mod flawless {
    use super::*;

    async fn fresh() -> ExchangeFixture {
        broken(Flaw::None)
    }

    livermore_core::exchange_adapter_contract!(fresh);
}

#[tokio::test(start_paused = true)]
async fn every_clause_can_fail() {
    macro_rules! expect_failures {
        ($($flaw:ident: $clause:ident,)+) => {$(
            let outcome = AssertUnwindSafe(clauses::$clause(broken(Flaw::$flaw))).catch_unwind().await;
            assert!(outcome.is_err(), "{} did not notice {:?}", stringify!($clause), Flaw::$flaw);
        )+};
    }
    expect_failures! {
        TimeframesDescend: the_capability_is_constant_and_ordered,
        ProductsAscend: products_are_ranked_and_listed_once,
        ListsTwice: products_are_ranked_and_listed_once,
        CandlesDescend: candles_lie_in_the_range_in_order_and_once,
        RepeatsACandle: candles_lie_in_the_range_in_order_and_once,
        EndIsIncluded: candles_lie_in_the_range_in_order_and_once,
        CandlesForming: candles_are_final_and_of_the_timeframe,
        WrongTimeframe: candles_are_final_and_of_the_timeframe,
        ServesFormingBuckets: a_bucket_that_has_not_ended_is_left_out,
        FillsQuietBuckets: a_bucket_without_trades_is_left_out,
        LosesPageEdges: a_long_range_has_no_hole_at_page_edges,
        UnknownIsEmpty: an_unknown_symbol_is_refused,
        UnsupportedIsServed: an_unsupported_timeframe_is_refused,
        BackwardIsEmpty: a_range_that_ends_before_it_begins_is_refused,
        SubscribesToTheUnknown: a_subscription_to_the_unknown_is_refused,
        NoConnected: every_epoch_begins_with_connected,
        EndsWhenDisconnected: a_reconnect_does_not_end_the_stream,
        EpochStands: the_epoch_rises_with_each_connection,
        LosesEvents: sequence_numbers_rise_by_one,
        RepeatsUnderNewNumbers: a_repeated_event_carries_its_old_number,
        NumbersStand: a_repeated_event_carries_its_old_number,
        ClosesEarly: a_closed_candle_is_the_finished_bar,
        ClosesEarly: closed_candles_ascend_and_come_once,
        LosesClosedCandles: a_bucket_left_out_had_no_trades,
        SendsEverything: only_what_was_subscribed_to_arrives,
        BusyAfterADroppedCall: a_dropped_call_leaves_nothing_half_done,
        LosesEvents: a_dropped_wait_loses_nothing,
        KeepsDroppedStreams: dropping_the_stream_unsubscribes,
        DoesNotClose: after_close_every_call_fails,
        DoesNotClose: close_ends_every_stream,
        SecondCloseHangs: closing_twice_is_harmless,
    }
}
