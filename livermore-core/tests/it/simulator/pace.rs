//! The pace of a market, measured on a clock that only moves when everyone waits.

use std::time::Duration;

use futures_util::{FutureExt, future::join};
use livermore_core::exchange::MarketEvents;
use tokio::{runtime::Handle, time::Instant};

use super::*;

fn paced(speed: f64) -> Simulator {
    simulator(config(2).with_speed(Some(speed)))
}

async fn subscribed(simulator: &Simulator) -> MarketEvents {
    simulator.subscribe(candles_only()).await.unwrap()
}

async fn next_closed(stream: &mut MarketEvents) -> Candle {
    loop {
        if let EventBody::Candle { candle, .. } = stream.next().await.unwrap().body
            && candle.is_final()
        {
            return candle;
        }
    }
}

fn is_about(measured: Duration, expected: Duration) -> bool {
    measured.abs_diff(expected) <= Duration::from_millis(2)
}

#[tokio::test(start_paused = true)]
async fn a_market_minute_takes_its_share_of_real_time() {
    for (speed, minute) in [(60.0, 1_000), (1.0, 60_000), (600.0, 100), (0.5, 120_000)] {
        let mut stream = subscribed(&paced(speed)).await;
        let begin = Instant::now();
        for expected in 1_u32..=5 {
            while next_closed(&mut stream).await.close_time() != minutes_after_start(expected.into()) {}
            let (measured, expected) = (begin.elapsed(), Duration::from_millis(minute) * expected);
            assert!(is_about(measured, expected), "speed {speed}: {measured:?}, not {expected:?}");
            // The other products' candles of this minute come at the same moment.
            for _ in 0..3 {
                next_closed(&mut stream).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn connected_does_not_wait() {
    let begin = Instant::now();
    let first = subscribed(&paced(0.001)).await.next().await.unwrap();
    assert_eq!((first.body, begin.elapsed()), (EventBody::Connected, Duration::ZERO));
}

/// Whoever reads late catches up; what comes after is in time again.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_slow_the_market() {
    let mut stream = subscribed(&paced(60.0)).await;
    let begin = Instant::now();
    next_closed(&mut stream).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    while next_closed(&mut stream).await.close_time() < minutes_after_start(20) {}
    let measured = begin.elapsed();
    assert!(is_about(measured, Duration::from_secs(20)), "{measured:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_leaves_nothing_running() {
    let simulator = paced(60.0);
    for events in [0, 1, 50] {
        let mut stream = subscribed(&simulator).await;
        for _ in 0..events {
            stream.next().await;
        }
        let _ = stream.next().now_or_never(); // leaves a wait half done
        drop(stream);
    }
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn close_ends_a_waiting_stream_at_once() {
    let simulator = paced(0.001); // the first step is due in an hour and a half
    let mut stream = subscribed(&simulator).await;
    assert_eq!(stream.next().await.unwrap().body, EventBody::Connected);
    let begin = Instant::now();
    let (next, ()) = join(stream.next(), simulator.close()).await;
    assert_eq!((next, begin.elapsed()), (None, Duration::ZERO));
}

/// Dropping the simulator is not closing it.
#[tokio::test(start_paused = true)]
async fn a_stream_outlives_its_simulator() {
    for config in [config(2), config(2).with_speed(Some(60.0))] {
        let mut stream = simulator(config).subscribe(candles_only()).await.unwrap();
        assert_eq!(next_closed(&mut stream).await.open_time(), start());
    }
}

/// Without a pace the stream is always ready, and still lets other tasks of its thread run.
#[tokio::test]
async fn an_unpaced_reader_lets_others_run() {
    let simulator = simulator(config(2));
    let events = subscribed(&simulator).await.take(1_000_000).count();
    let (events, ()) = join(events, async {
        tokio::task::yield_now().await;
        simulator.close().await;
    })
    .await;
    assert!(events < 1_000_000, "close had to wait for {events} events");
}

#[tokio::test(start_paused = true)]
async fn the_slowest_and_the_fastest_market_run() {
    for speed in [0.001, 2_592_000.0] {
        let mut stream = subscribed(&paced(speed)).await;
        assert_eq!(next_closed(&mut stream).await.open_time(), start());
    }
}
