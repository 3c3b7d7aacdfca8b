use std::time::Duration;

use livermore_coinbase::{CoinbaseError, RestClient};
use livermore_core::{
    ErrorKind,
    exchange::{CandleRequest, Priority},
    ids::{Symbol, Timeframe, Timestamp},
};
use tokio::time::{Instant, timeout};

use super::server::{Reply, Server};

fn request() -> CandleRequest {
    let at = |secs| Timestamp::from_secs(secs).unwrap();
    CandleRequest {
        symbol: Symbol::new("BTC-USD").unwrap(),
        timeframe: Timeframe::M5,
        from: at(1_789_999_800),
        to: at(1_790_000_100),
    }
}

const TIME: &str = r#"{"epochMillis":"1795000000000"}"#;
const CANARY: &str = "hunter2canary";

/// What asking for candles ends with, and how often the exchange was asked.
async fn asked(attempts: u32, answer: impl Fn() -> Reply + Send + Sync + 'static) -> (CoinbaseError, usize) {
    let server =
        Server::start(move |seen| if seen.target.ends_with("/time") { Reply::json(TIME) } else { answer() }).await;
    let mut config = server.config();
    (config.attempts, config.response_timeout_ms) = (attempts, 300);
    let client = RestClient::new(&config).unwrap();
    let before = Instant::now();
    let error = timeout(Duration::from_secs(20), client.candles(request())).await.unwrap().unwrap_err();
    assert!(before.elapsed() < Duration::from_secs(15));
    (error, server.seen("/candles").len())
}

/// An answer, made anew for each request.
type MakeReply = Box<dyn Fn() -> Reply + Send + Sync>;

#[tokio::test]
async fn case_87_broken_answers_are_bounded_and_typed() {
    let page = || format!("<html><body>{CANARY}</body></html>");
    let bomb = || {
        let head = "HTTP/1.1 200 X\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n";
        Reply::Raw([head.as_bytes(), &[0x1f, 0x8b, 8, 0]].concat())
    };
    let cut = || Reply::Raw(b"HTTP/1.1 200 X\r\ncontent-length: 500\r\n\r\n{\"candles\":[".to_vec());
    let huge = || Reply::Raw(b"HTTP/1.1 200 X\r\ncontent-length: 99999999999\r\n\r\n{".to_vec());
    let low =
        r#"{"candles":[{"start":"1789999800","low":"hunter2canary","high":"1","open":"1","close":"1","volume":"1"}]}"#;
    let table: [(MakeReply, &str, &str); 11] = [
        (
            Box::new(|| Reply::Say(500, "", r#"{"error":"INTERNAL","code":13}"#.to_owned())),
            "Failed",
            "status 500: INTERNAL",
        ),
        (Box::new(move || Reply::Say(502, "content-type: text/html\r\n", page())), "Failed", "a page of HTML"),
        (Box::new(move || Reply::Say(200, "", page())), "Malformed", "is not the JSON"),
        (Box::new(|| Reply::json(r#"{"candles":[{"start":"178"#)), "Malformed", "is not the JSON"),
        (Box::new(|| Reply::json(r#"{"candles":7}"#)), "Malformed", "wrong type"),
        (Box::new(move || Reply::json(low)), "Malformed", "candles[0].low"),
        (Box::new(bomb), "Malformed", "compressed"),
        (Box::new(|| Reply::Endless), "Malformed", "longer than"),
        (Box::new(huge), "Malformed", "longer than"),
        (Box::new(cut), "Unreachable", "before it was complete"),
        (Box::new(|| Reply::Silence), "Unreachable", "no answer in time"),
    ];
    for (answer, variant, words) in table {
        let (error, times) = asked(1, answer).await;
        let told = format!("{error:?} {error}");
        assert!(told.starts_with(variant) && told.contains(words), "{words}: {told}");
        assert!(error.is_retryable() && times == 1, "{told}");
        assert!(!told.contains("hunter2") && told.len() < 600, "{told}");
    }
}

#[tokio::test]
async fn failures_that_may_pass_are_tried_again_so_often_as_configured() {
    let (error, times) = asked(3, || Reply::Say(503, "", String::new())).await;
    assert_eq!((error.kind(), times), (ErrorKind::Unavailable, 3));
}

#[tokio::test]
async fn refusals_that_stay_are_not_repeated() {
    let table = [
        (400, r#"{"error":"INVALID_ARGUMENT","message":"too many"}"#, ErrorKind::InvalidInput),
        (403, r#"{"error_details":"Missing required scopes"}"#, ErrorKind::Denied),
        (404, r#"{"error":"NOT_FOUND","message":"Product BTC-USD not supported"}"#, ErrorKind::NotFound),
        (302, "", ErrorKind::Unavailable),
    ];
    for (status, body, kind) in table {
        let (error, times) =
            asked(3, move || Reply::Say(status, "location: http://127.0.0.1:1/\r\n", body.into())).await;
        assert_eq!((error.kind(), times), (kind, 1), "{status}: {error}");
    }
}

#[tokio::test]
async fn nobody_there_is_an_error_without_the_address() {
    let server = Server::start(|_| Reply::Silence).await;
    let mut config = server.config();
    (config.rest_url, config.attempts) = (format!("http://127.0.0.1:1/{CANARY}"), 1);
    let error = RestClient::new(&config).unwrap().candles(request()).await.unwrap_err();
    let told = format!("{error:?} {error}");
    assert!(matches!(error, CoinbaseError::Unreachable { .. }) && !told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn case_86_a_refusal_for_the_rate_holds_back_every_caller() {
    let server = Server::start(|seen| {
        let is_first = seen.target.contains("granularity=FIVE_MINUTE");
        match () {
            () if seen.target.ends_with("/time") => Reply::json(TIME),
            () if is_first => Reply::Say(429, "retry-after: 2\r\n", "<html></html>".to_owned()),
            () => Reply::json(r#"{"candles":[]}"#),
        }
    })
    .await;
    let mut config = server.config();
    config.attempts = 1;
    let client = RestClient::new(&config).unwrap();
    let error = client.candles(request()).await.unwrap_err();
    let wait = Duration::from_secs(2);
    assert!(matches!(error, CoinbaseError::RateLimited { retry_after: Some(kept), .. } if kept == wait), "{error}");
    let hour = CandleRequest { timeframe: Timeframe::H1, from: Timestamp::EPOCH, ..request() };
    let mut pages = client.with_priority(Priority::LiveRepair).candle_pages(hour).unwrap();
    pages.next().await.unwrap().unwrap();
    let seen = server.seen("/candles");
    assert_eq!(seen.len(), 2);
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(1_990), "{:?}", seen[1].at - seen[0].at);
}
