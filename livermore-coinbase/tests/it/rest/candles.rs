use std::{collections::BTreeMap, sync::Arc};

use livermore_coinbase::{CandlePages, CoinbaseConfig, ExchangeClock, RestClient};
use livermore_core::{
    exchange::{CandleRequest, SplitMix64},
    ids::{Symbol, Timeframe, Timestamp},
    market::{CandleSource, Finality},
};
use serde_json::json;

use super::server::{Reply, Seen, Server};

/// 2026-09-21T13:33:20Z, in the middle of a bucket.
const NOW: i64 = 1_790_000_000;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs).unwrap()
}

fn request(timeframe: Timeframe, from: i64, to: i64) -> CandleRequest {
    CandleRequest { symbol: Symbol::new("BTC-USD").unwrap(), timeframe, from: at(from), to: at(to) }
}

/// Buckets in which something was traded, by their start; the price says which bucket it is.
type Truth = BTreeMap<i64, f64>;

/// `quiet` of 100 buckets have no trades.
fn truth(size: i64, from: i64, to: i64, quiet: u64) -> Truth {
    let mut rng = SplitMix64::new(84);
    let first = from.div_euclid(size);
    (first..=to.div_euclid(size))
        .filter(|_| !rng.chance(quiet))
        .map(|bucket| (bucket * size, 1.0 + f64::from(i32::try_from(bucket - first).unwrap())))
        .collect()
}

/// Answers like the exchange: both ends included, newest first, quiet buckets absent, 351 buckets refused.
fn answer(truth: &Truth, size: i64, seen: &Seen) -> Reply {
    if seen.target.ends_with("/time") {
        return Reply::json(format!(r#"{{"epochMillis":"{}"}}"#, NOW * 1_000));
    }
    let (start, end) = (seen.number("start"), seen.number("end"));
    if end < start || end / size - (start - 1).div_euclid(size) > 350 || start % size != 0 || end % size != 0 {
        return Reply::Say(400, "", r#"{"error":"INVALID_ARGUMENT"}"#.to_owned());
    }
    let row = |(start, price): (&i64, &f64)| {
        let price = price.to_string();
        json!({"start": start.to_string(), "low": price, "high": price, "open": price, "close": price, "volume": "0.5"})
    };
    let rows: Vec<_> = truth.range(start..=end).map(row).rev().collect();
    Reply::json(json!({ "candles": rows }).to_string())
}

async fn exchange(truth: Truth, size: i64) -> Server {
    let truth = Arc::new(truth);
    Server::start(move |seen| answer(&truth, size, seen)).await
}

fn client(config: &CoinbaseConfig) -> RestClient {
    RestClient::with_clock(config, ExchangeClock::with_local(|| at(NOW))).unwrap()
}

fn wanted(truth: &Truth, size: i64, request: &CandleRequest) -> Vec<(i64, f64)> {
    let (from, to) = (request.from.as_millis(), request.to.as_millis());
    let is_wanted = |start: i64| (from..to).contains(&(start * 1_000)) && start + size <= NOW;
    truth.iter().filter(|(start, _)| is_wanted(**start)).map(|(start, price)| (*start, *price)).collect()
}

async fn got(client: &RestClient, request: CandleRequest) -> Vec<(i64, f64)> {
    let candles = client.candles(request).await.unwrap();
    assert!(candles.iter().all(|candle| candle.is_final() && candle.source() == CandleSource::Rest));
    candles.iter().map(|candle| (candle.open_time().as_secs(), candle.close())).collect()
}

#[tokio::test]
async fn case_84_an_outage_of_three_hours_is_read_without_a_hole() {
    let begin = NOW - 3 * 3_600;
    let truth = truth(60, begin - 3_600, NOW, 0);
    let server = exchange(truth.clone(), 60).await;
    for per_page in [7, 60, 300, 350] {
        let mut config = server.config();
        config.candles_per_page = per_page;
        let request = request(Timeframe::M1, begin, NOW);
        let got = got(&client(&config), request.clone()).await;
        assert_eq!(got, wanted(&truth, 60, &request), "{per_page} a page");
        assert!(got.windows(2).all(|pair| pair[1].0 - pair[0].0 == 60), "no hole");
    }
}

#[tokio::test]
async fn case_84_any_window_and_any_page_size_give_the_same_truth() {
    let span = 300 * 1_200;
    let truth = truth(300, NOW - span, NOW + 600, 20);
    let server = exchange(truth.clone(), 300).await;
    let mut rng = SplitMix64::new(4_242);
    for round in 0..40 {
        let mut config = server.config();
        config.candles_per_page = u32::try_from(rng.between(1, 350)).unwrap().max(20);
        let from = NOW - rng.between(-900, span);
        let request = request(Timeframe::M5, from, (from + rng.between(0, span)).min(NOW + 600));
        let got = got(&client(&config), request.clone()).await;
        assert_eq!(
            got,
            wanted(&truth, 300, &request),
            "round {round}: {request:?}, {} a page",
            config.candles_per_page
        );
    }
}

#[tokio::test]
async fn case_85_a_quiet_bucket_is_absent_and_not_asked_for_again() {
    let server = exchange(truth(60, NOW - 60_000, NOW, 90), 60).await;
    let silent = exchange(Truth::new(), 60).await;
    for (server, expected) in [(server, 60..160), (silent, 0..1)] {
        let candles = client(&server.config()).candles(request(Timeframe::M1, NOW - 60_000, NOW - 60)).await.unwrap();
        assert!(expected.contains(&candles.len()), "{}", candles.len());
        let seen = server.seen("/candles");
        assert_eq!(seen.len(), 4, "999 buckets are 4 pages, each asked for once");
        assert!(seen.windows(2).all(|pair| pair[0].number("end") + 60 == pair[1].number("start")));
    }
}

#[tokio::test]
async fn what_has_not_ended_is_left_out_and_what_just_ended_is_not_called_verified() {
    let server = exchange(truth(300, NOW - 3_000, NOW + 600, 0), 300).await;
    let candles = client(&server.config()).candles(request(Timeframe::M5, NOW - 3_000, NOW + 600)).await.unwrap();
    let newest = candles.last().unwrap();
    assert!(newest.close_time() <= at(NOW) && at(NOW).millis_since(newest.close_time()) < 300_000);
    for candle in &candles {
        let is_settled = at(NOW).millis_since(candle.close_time()) >= CandlePages::SETTLED_MS;
        assert_eq!(candle.finality(), if is_settled { Finality::Verified } else { Finality::Closed });
    }
}

#[tokio::test]
async fn a_page_lost_to_an_error_is_asked_for_again() {
    let truth = truth(60, NOW - 60_000, NOW, 0);
    let all = truth.clone();
    let failures = std::sync::atomic::AtomicU32::new(0);
    let server = Server::start(move |seen| {
        let second = seen.target.contains("start") && seen.number("start") > NOW - 50_000;
        if second && failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            return Reply::Say(500, "", String::new());
        }
        answer(&all, 60, seen)
    })
    .await;
    let mut config = server.config();
    config.attempts = 1;
    let mut pages = client(&config).candle_pages(request(Timeframe::M1, NOW - 60_000, NOW - 60)).unwrap();
    let (mut candles, mut errors, mut last) = (Vec::new(), 0, 0);
    loop {
        match pages.next().await {
            Ok(Some(page)) => {
                assert_eq!((page.number, page.pages), (last + 1, 4));
                last = page.number;
                candles.extend(page.candles);
            }
            Ok(None) => break,
            Err(_) => errors += 1,
        }
    }
    assert_eq!((candles.len(), errors, last), (999, 1, 4));
}

#[tokio::test]
async fn a_range_that_ends_before_it_begins_is_refused_and_an_empty_one_is_empty() {
    let server = exchange(Truth::new(), 60).await;
    let client = client(&server.config());
    assert!(client.candles(request(Timeframe::M1, NOW, NOW - 1)).await.is_err());
    assert_eq!(client.candles(request(Timeframe::M1, NOW - 600, NOW - 600)).await.unwrap(), []);
    assert_eq!(client.candles(request(Timeframe::M1, NOW + 60, NOW + 600)).await.unwrap(), []);
    assert!(server.seen("/candles").is_empty());
}
