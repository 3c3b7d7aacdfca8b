use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use futures_util::StreamExt;
use tokio::task::{JoinSet, yield_now};

use super::{ExchangeFixture, candles::bars, live::check_sequence};
use crate::exchange::{EventBody, ExchangeError, MarketEvents};

/// A call is dropped after none, one, two... polls, up to here.
const POLLS: usize = 6;

/// Every future may be dropped at any await point; nothing is left half done.
///
/// Tested by dropping each call after a few polls; afterwards every call answers as before.
pub async fn a_dropped_call_leaves_nothing_half_done(fixture: ExchangeFixture) {
    let request = fixture.request(fixture.shortest());
    let expected = fixture.history(fixture.shortest()).await;
    for polls in 0..POLLS {
        poll_then_drop(polls, fixture.adapter.products()).await;
        poll_then_drop(polls, fixture.adapter.candles(request.clone())).await;
        poll_then_drop(polls, fixture.adapter.subscribe(fixture.subscription.clone())).await;
        let candles = fixture.candles(request.clone()).await;
        assert_eq!(bars(&candles), bars(&expected), "after dropping calls at poll {polls}");
        expect_connected(&fixture, &format!("after dropping calls at poll {polls}")).await;
    }
    drop(fixture.adapter.close()); // never polled, so nothing is closed
    let answer = fixture.within("products", "nothing", fixture.adapter.products()).await;
    assert!(answer.is_ok(), "after dropping a close that was not polled: {answer:?}");
}

/// Every wait for an event may be dropped; no event is lost by it.
pub async fn a_dropped_wait_loses_nothing(fixture: ExchangeFixture) {
    let mut stream = fixture.subscribe(&fixture.subscription).await;
    let mut events = Vec::new();
    while events.len() < fixture.live_events {
        // Polled once and dropped, unless the event is there; only then waited for.
        let polled = poll_once(pin!(stream.next())).await;
        let event = match polled {
            Poll::Ready(event) => event,
            Poll::Pending => fixture.next(&mut stream, events.last()).await,
        };
        let Some(event) = event else { break };
        events.push(event);
    }
    assert_eq!(events.first().map(|event| &event.body), Some(&EventBody::Connected));
    check_sequence(&events);
}

/// Dropping the stream unsubscribes.
///
/// From outside it shows in that subscribing again and again works, each time from the beginning.
pub async fn dropping_the_stream_unsubscribes(fixture: ExchangeFixture) {
    for round in 0..50 {
        let mut stream = fixture.subscribe(&fixture.subscription).await;
        let mut last = None;
        for _ in 0..round % 5 {
            last = fixture.next(&mut stream, last.as_ref()).await;
        }
        drop(stream);
        expect_connected(&fixture, &format!("after {round} dropped streams")).await;
    }
}

/// After `close` every call fails with `Closed`.
pub async fn after_close_every_call_fails(fixture: ExchangeFixture) {
    fixture.within("close", "nothing", fixture.adapter.close()).await;
    let products = fixture.within("products", "close", fixture.adapter.products()).await;
    assert!(is_closed(&products), "products answered {products:?}");
    let request = fixture.request(fixture.shortest());
    let candles = fixture.within("candles", "close", fixture.adapter.candles(request)).await;
    assert!(is_closed(&candles), "candles answered {candles:?}");
    let subscribed =
        fixture.within("subscribe", "close", fixture.adapter.subscribe(fixture.subscription.clone())).await;
    let subscribed = subscribed.map(|_| "a stream");
    assert!(is_closed(&subscribed), "subscribe answered {subscribed:?}");
}

/// After `close` every stream ends: one that was not read yet, one that was, and one that is waited on.
pub async fn close_ends_every_stream(fixture: ExchangeFixture) {
    let unread = fixture.subscribe(&fixture.subscription).await;
    let mut begun = fixture.subscribe(&fixture.subscription).await;
    fixture.next(&mut begun, None).await;
    let mut waited_on = fixture.subscribe(&fixture.subscription).await;
    let mut reader = JoinSet::new(); // ends with the clause, also when that fails
    reader.spawn(async move {
        while waited_on.next().await.is_some() {
            yield_now().await;
        }
    });
    for _ in 0..fixture.live_events.min(100) {
        yield_now().await;
    }
    fixture.within("close", "nothing", fixture.adapter.close()).await;
    expect_end(&fixture, "a stream not read before close", unread).await;
    expect_end(&fixture, "a stream read before close", begun).await;
    let ended = fixture.within("the end of a stream waited on during close", "close", reader.join_next()).await;
    assert!(matches!(ended, Some(Ok(()))), "the stream waited on panicked: {ended:?}");
}

/// Closing twice is harmless.
pub async fn closing_twice_is_harmless(fixture: ExchangeFixture) {
    fixture.within("close", "nothing", fixture.adapter.close()).await;
    fixture.within("the second close", "the first", fixture.adapter.close()).await;
    let products = fixture.within("products", "close", fixture.adapter.products()).await;
    assert!(is_closed(&products), "products answered {products:?}");
}

async fn expect_connected(fixture: &ExchangeFixture, when: &str) {
    let mut stream = fixture.subscribe(&fixture.subscription).await;
    let first = fixture.next(&mut stream, None).await.map(|event| event.body);
    assert_eq!(first, Some(EventBody::Connected), "a new subscription {when}");
}

async fn expect_end(fixture: &ExchangeFixture, which: &str, mut stream: MarketEvents) {
    let mut last = None;
    for _ in 0..=fixture.live_events {
        match fixture.next(&mut stream, last.as_ref()).await {
            Some(event) => last = Some(event),
            None => return,
        }
    }
    panic!("{which} has not ended after {} more events: {last:?}", fixture.live_events);
}

fn is_closed<T>(answer: &Result<T, ExchangeError>) -> bool {
    matches!(answer, Err(ExchangeError::Closed { .. }))
}

async fn poll_then_drop<T>(polls: usize, future: impl Future<Output = T>) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if poll_once(future.as_mut()).await.is_ready() {
            return;
        }
        yield_now().await;
    }
}

/// One poll of a future, whether or not that finishes it.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
