//! What each fault does to a subscription, compared with the same market without it.

use std::{collections::HashSet, sync::Arc};

use futures_util::future::join;
use livermore_core::{
    exchange::{CandleRequest, SplitMix64},
    ids::{Epoch, Seq},
    testkit::{ExchangeFixture, exchange_adapter as clauses},
};

use super::*;

const SEED: u64 = 21;

fn with(faults: impl Into<Vec<Fault>>) -> Simulator {
    simulator(config(SEED).with_faults(faults))
}

/// Eight minutes of everything.
async fn heard(simulator: &Simulator) -> Vec<MarketEvent> {
    hear_minutes(simulator, everything(), 8).await
}

async fn faultless() -> Vec<MarketEvent> {
    heard(&with([])).await
}

fn at(ms: u64) -> Timestamp {
    start().checked_add_millis(ms.cast_signed()).unwrap()
}

/// Time and content, without the numbers.
fn said(event: &MarketEvent) -> (Timestamp, EventBody) {
    (event.time, event.body.clone())
}

fn position(events: &[MarketEvent], is: impl Fn(&EventBody) -> bool) -> usize {
    events.iter().position(|event| is(&event.body)).expect("no such event")
}

#[tokio::test]
async fn a_disconnect_is_announced_and_ends_in_a_new_epoch() {
    let simulator = with([fault(70_000, 95_000, FaultKind::Disconnect)]);
    let (events, whole) = (heard(&simulator).await, faultless().await);
    let down = position(&events, |body| matches!(body, EventBody::Disconnected { .. }));
    assert_eq!(events[..down], whole[..down], "before the fault");
    assert_eq!(events[down].time, at(70_000));
    assert_eq!(events[down + 1].body, EventBody::Reconnecting { attempt: 1, delay_ms: 95_000 });
    let back = &events[down + 2];
    assert_eq!((back.time, &back.body), (at(165_000), &EventBody::Connected), "nothing comes in between");
    let after: Vec<_> = events[down + 2..].iter().map(|event| (event.epoch.get(), event.seq.get())).collect();
    assert_eq!(after, (0..after.len() as u64).map(|seq| (1, seq)).collect::<Vec<_>>());
    let rest: Vec<_> = events[down + 3..].iter().map(said).collect();
    let missed = whole.len() - rest.len();
    assert_eq!(rest, whole[missed..].iter().map(said).collect::<Vec<_>>(), "after the fault");
    // History knows what the subscription missed.
    let request = CandleRequest { symbol: symbol("BTC-USD"), timeframe: Timeframe::M1, from: start(), to: at(480_000) };
    assert_eq!(simulator.candles(request).await.unwrap().len(), 8);
}

#[tokio::test]
async fn overlapping_disconnects_are_one() {
    let one = heard(&with([fault(60_000, 60_000, FaultKind::Disconnect)])).await;
    for parts in [
        [fault(60_000, 30_000, FaultKind::Disconnect), fault(80_000, 40_000, FaultKind::Disconnect)],
        [fault(60_000, 60_000, FaultKind::Disconnect), fault(70_000, 10_000, FaultKind::Disconnect)],
        [fault(90_000, 30_000, FaultKind::Disconnect), fault(60_000, 30_000, FaultKind::Disconnect)],
    ] {
        let is_waiting = |event: &&MarketEvent| !matches!(event.body, EventBody::Reconnecting { .. });
        let both = heard(&with(parts.clone())).await;
        let both: Vec<_> = both.iter().filter(is_waiting).collect();
        assert_eq!(both, one.iter().filter(is_waiting).collect::<Vec<_>>(), "{parts:?}");
    }
}

#[tokio::test]
async fn a_gap_says_how_many_messages_are_lost() {
    let (events, whole) = (heard(&with([fault(100_000, 150_000, FaultKind::Gap)])).await, faultless().await);
    let gap = position(&events, |body| matches!(body, EventBody::Gap { .. }));
    let EventBody::Gap { symbol: None, missing } = events[gap].body else { panic!("{:?}", events[gap]) };
    assert_eq!(events[..gap], whole[..gap], "before the fault");
    assert_eq!(events[gap].seq.get(), events[gap - 1].seq.get() + 1 + missing);
    let lost = usize::try_from(missing).unwrap();
    assert!(lost > 500, "only {lost} messages in 150 seconds of six products");
    let (rest, expected) = (&events[gap + 1..], &whole[gap + lost..]);
    assert_eq!(rest.iter().map(said).collect::<Vec<_>>(), expected.iter().map(said).collect::<Vec<_>>());
    let is_next = |(event, before): (&MarketEvent, &MarketEvent)| before.seq.next() == Some(event.seq);
    assert!(events[gap + 1..].iter().zip(&events[gap..]).all(is_next), "numbers go on behind the gap");
}

#[tokio::test]
async fn duplicates_carry_their_old_number() {
    let (mut events, whole) = (heard(&with([fault(60_000, 120_000, FaultKind::Duplicate)])).await, faultless().await);
    let twice = events.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let inside = |event: &&MarketEvent| (at(60_000)..at(180_000)).contains(&event.time) && event.seq > Seq::ZERO;
    assert!(twice.abs_diff(whole.iter().filter(inside).count()) <= 13, "{twice} messages came twice");
    let mut heard = HashSet::new();
    events.retain(|event| heard.insert((event.epoch, event.seq)));
    assert_eq!(events, whole, "without the repeated ones");
}

#[tokio::test]
async fn a_stale_product_is_silent_until_it_recovers() {
    let silent = symbol("SOL-USD");
    for (at_ms, for_ms, announced_ms, recovered_ms) in [
        (70_000, 130_000, 100_000, 200_000), // announced after thirty seconds
        (55_000, 10_000, 65_000, 65_000),    // too short for that: announced when it ends
        (0, 20_000, 20_000, 20_000),
    ] {
        let (events, whole) =
            (heard(&with([fault(at_ms, for_ms, FaultKind::Stale(silent.clone()))])).await, faultless().await);
        let of_silent = |event: &&MarketEvent| event.body.symbol() == Some(&silent);
        let is_word = |event: &MarketEvent| matches!(event.body, EventBody::Stale { .. } | EventBody::Recovered { .. });
        let words: Vec<_> = events.iter().filter(|event| is_word(event)).map(said).collect();
        let stale = EventBody::Stale { symbol: silent.clone(), since: at(at_ms) };
        let recovered = EventBody::Recovered { symbol: silent.clone() };
        assert_eq!(words, [(at(announced_ms), stale), (at(recovered_ms), recovered.clone())]);
        // Silent from the beginning of the fault, and back with the word that says so.
        let back = position(&events, |body| *body == recovered);
        let speaks = |events: &[MarketEvent]| -> Vec<_> {
            events.iter().filter(of_silent).filter(|event| !is_word(event)).map(said).collect()
        };
        let expected: Vec<_> = speaks(&whole);
        let before = |(time, body): &(Timestamp, EventBody)| {
            // A trade carries the time it was made, everything else the time it was told.
            if matches!(body, EventBody::Trade { .. }) { *time < at(at_ms) } else { *time <= at(at_ms) }
        };
        let heard_before: Vec<_> = expected.iter().filter(|said| before(said)).cloned().collect();
        assert_eq!(speaks(&events[..back]), heard_before);
        let after = speaks(&events[back..]);
        assert_eq!(after, expected[expected.len() - after.len()..]);
        assert_eq!(after[0].0, at(recovered_ms), "its first trade");
        // Nobody else notices.
        let others =
            |events: &[MarketEvent]| -> Vec<_> { events.iter().filter(|event| !of_silent(event)).map(said).collect() };
        assert_eq!(others(&events), others(&whole));
    }
}

#[tokio::test]
async fn only_subscribers_of_a_silent_product_hear_of_it() {
    let simulator = with([fault(0, 5 * MINUTE_MS, FaultKind::Stale(symbol("SOL-USD")))]);
    let subscription = Subscription { symbols: vec![symbol("BTC-USD")], ..everything() };
    let events = hear_minutes(&simulator, subscription.clone(), 8).await;
    assert_eq!(events, hear_minutes(&with([]), subscription, 8).await);
}

/// Whoever starts anew with each connection must not take a silent product for a quiet one.
#[tokio::test]
async fn silence_is_announced_again_after_a_reconnect_and_after_a_gap() {
    let stale = fault(30_000, 5 * MINUTE_MS, FaultKind::Stale(symbol("SOL-USD")));
    for (other, expected) in [
        (fault(90_000, 60_000, FaultKind::Disconnect), vec![(0, at(60_000)), (1, at(150_000))]),
        (fault(45_000, 60_000, FaultKind::Gap), vec![(0, at(105_000))]),
        (fault(45_000, 60_000, FaultKind::Disconnect), vec![(1, at(105_000))]),
    ] {
        let events = heard(&with([stale.clone(), other.clone()])).await;
        let is_stale = |event: &&MarketEvent| matches!(event.body, EventBody::Stale { .. });
        let said: Vec<_> = events.iter().filter(is_stale).map(|event| (event.epoch.get(), event.time)).collect();
        assert_eq!(said, expected, "{other:?}");
    }
}

/// What was lost before the connection dropped is announced before that is; a connection that begins lossy says so.
#[tokio::test]
async fn a_disconnect_inside_a_gap() {
    let faults = [fault(60_000, 2 * MINUTE_MS, FaultKind::Gap), fault(90_000, 30_000, FaultKind::Disconnect)];
    let events = heard(&with(faults)).await;
    let is_word = |event: &&MarketEvent| {
        !matches!(event.body, EventBody::Trade { .. } | EventBody::Ticker { .. } | EventBody::Candle { .. })
            && event.body != EventBody::Heartbeat
    };
    let words: Vec<_> = events.iter().filter(is_word).map(|event| (event.epoch, event.time, &event.body)).collect();
    let [connected, gap, down, reconnecting, back, second_gap] = &words[..] else { panic!("{words:?}") };
    assert_eq!(*connected, (Epoch::ZERO, at(0), &EventBody::Connected));
    assert!(matches!(gap, (_, time, EventBody::Gap { missing: 1.., .. }) if *time == at(90_000)), "{gap:?}");
    assert!(matches!(down.2, EventBody::Disconnected { .. }), "{down:?}");
    assert!(matches!(reconnecting.2, EventBody::Reconnecting { .. }), "{reconnecting:?}");
    assert_eq!((back.0.get(), back.1, back.2), (1, at(120_000), &EventBody::Connected));
    assert!(matches!(second_gap, (_, _, EventBody::Gap { missing: 1.., .. })), "{second_gap:?}");
}

#[tokio::test]
async fn faults_that_cannot_be_noticed_change_nothing() {
    let whole = faultless().await;
    let kinds = [FaultKind::Disconnect, FaultKind::Gap, FaultKind::Duplicate, FaultKind::Stale(symbol("SOL-USD"))];
    for kind in kinds {
        for (at_ms, for_ms) in [(0, 0), (62_500, 0), (u64::MAX, u64::MAX), (u64::MAX / 2, 1), (3_600_000, u64::MAX)] {
            assert_eq!(heard(&with([fault(at_ms, for_ms, kind.clone())])).await, whole, "{kind:?} {at_ms} {for_ms}");
        }
    }
    let unlisted = FaultKind::Stale(symbol("NOT-LISTED"));
    assert_eq!(heard(&with([fault(0, MINUTE_MS, unlisted)])).await, whole);
}

#[tokio::test]
async fn faults_at_the_first_moment_come_after_connected() {
    for kind in [FaultKind::Disconnect, FaultKind::Gap, FaultKind::Duplicate, FaultKind::Stale(symbol("SOL-USD"))] {
        let events = heard(&with([fault(0, 1, kind.clone())])).await;
        assert_eq!((events[0].seq, &events[0].body), (Seq::ZERO, &EventBody::Connected), "{kind:?}");
        assert_ne!(events, faultless().await, "{kind:?} touches the first step");
    }
}

/// An outage without end, without a pace: nothing is ever said, and yet the stream can be closed.
#[tokio::test]
async fn an_endless_outage_can_be_closed() {
    let simulator = with([fault(0, u64::MAX, FaultKind::Disconnect)]);
    let stream = simulator.subscribe(everything()).await.unwrap();
    let (events, ()) = join(stream.collect::<Vec<_>>(), simulator.close()).await;
    assert!(events.len() <= 3, "{events:?}");
}

/// Whatever overlaps, the contract holds.
#[tokio::test]
async fn any_faults_leave_the_contract_whole() {
    for seed in 0..60 {
        let mut rng = SplitMix64::new(seed);
        let faults: Vec<_> = (0..=rng.below(8)).map(|_| any_fault(&mut rng)).collect();
        let fresh = || {
            let simulator = Arc::new(simulator(config(SEED).with_history_minutes(10).with_faults(faults.clone())));
            let (from, to) = (minutes_after_start(-10), minutes_after_start(0));
            let fixture = ExchangeFixture::new(simulator, symbol("BTC-USD"), symbol("BTC-EUR"), (from, to));
            fixture.with_subscription(everything()).with_live_events(1_500)
        };
        clauses::every_epoch_begins_with_connected(fresh()).await;
        clauses::the_epoch_rises_with_each_connection(fresh()).await;
        clauses::sequence_numbers_rise_by_one(fresh()).await;
        clauses::a_repeated_event_carries_its_old_number(fresh()).await;
        clauses::closed_candles_ascend_and_come_once(fresh()).await;
        clauses::a_bucket_left_out_had_no_trades(fresh()).await;
    }
}

fn any_fault(rng: &mut SplitMix64) -> Fault {
    let kind = match rng.below(5) {
        0 => FaultKind::Disconnect,
        1 => FaultKind::Gap,
        2 => FaultKind::Duplicate,
        3 => FaultKind::Stale(symbol("BTC-USD")),
        _ => FaultKind::Stale(symbol(THIN)),
    };
    fault(rng.below(6 * MINUTE_MS), rng.below(3 * MINUTE_MS), kind)
}
