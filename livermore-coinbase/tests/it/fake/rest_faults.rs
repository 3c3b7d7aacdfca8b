use std::time::Duration;

use futures_util::StreamExt as _;
use livermore_coinbase::fake::{FakeServer, Fault, FaultScript, RestFault, When};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    client::{get, http},
    manual, started,
};

async fn ask(server: &FakeServer, answer: RestFault) -> Result<reqwest::Response, reqwest::Error> {
    server.inject(Fault::Rest { answer, times: 1 });
    http().get(format!("{}/market/products", server.rest_url())).send().await
}

#[tokio::test]
async fn statuses_bodies_and_headers_are_as_told() {
    let server = started().await;
    let json = |status, error: &str| RestFault::Json { status, error: error.to_owned() };
    for (fault, status, begin) in [
        (RestFault::TooManyRequests { retry_after: None }, 429, "<html>"),
        (RestFault::TooManyRequestsJson, 429, r#"{"errors":[{"id":"rate_limit_exceeded""#),
        (RestFault::Html { status: 502 }, 502, "<html>"),
        (RestFault::Html { status: 200 }, 200, "<html>"),
        (json(500, "INTERNAL"), 500, "{"),
        (RestFault::Unauthorized, 401, "Unauthorized\n"),
        (RestFault::MissingScopes, 403, "{"),
    ] {
        let response = ask(&server, fault.clone()).await.unwrap();
        assert_eq!(response.status(), status, "{fault:?}");
        assert!(response.text().await.unwrap().starts_with(begin), "{fault:?}");
    }
    for retry_after in ["7", "0", "86400", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"] {
        let fault = RestFault::TooManyRequests { retry_after: Some(retry_after.to_owned()) };
        assert_eq!(ask(&server, fault).await.unwrap().headers()["retry-after"], retry_after);
    }
    assert_eq!(server.stats().too_many_requests, 7);
    assert_eq!(get(&server, "/market/products").await.0, 200, "faults end");
    server.shutdown().await;
}

#[tokio::test]
async fn truncated_json_is_half_of_the_truth_and_a_cut_ends_the_connection() {
    let server = started().await;
    let truncated = ask(&server, RestFault::Truncated).await.unwrap().text().await.unwrap();
    assert!(truncated.starts_with("{\"") && serde_json::from_str::<Value>(&truncated).is_err());
    assert!(ask(&server, RestFault::Cut).await.unwrap().bytes().await.is_err());
    server.shutdown().await;
}

#[tokio::test]
async fn an_endless_body_does_not_end_and_its_server_does() {
    let server = started().await;
    let response = ask(&server, RestFault::Endless).await.unwrap();
    let mut body = response.bytes_stream();
    let mut read = 0;
    while read < 20_000_000 {
        read += body.next().await.unwrap().unwrap().len();
    }
    timeout(Duration::from_secs(4), server.shutdown()).await.expect("nothing holds the server");
}

#[tokio::test]
async fn a_gzip_bomb_is_small_on_the_wire() {
    let server = started().await;
    let response = ask(&server, RestFault::GzipBomb { unpacked: 100_000_000 }).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let body = response.bytes().await.unwrap();
    assert!(body.len() < 1_000_000 && body.starts_with(&[0x1f, 0x8b]));
    server.shutdown().await;
}

#[tokio::test]
async fn a_hanging_request_gets_no_answer() {
    let server = started().await;
    assert!(timeout(Duration::from_millis(200), ask(&server, RestFault::Hang)).await.is_err());
    assert_eq!(get(&server, "/time").await.0, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn a_planned_request_fails() {
    let fault = Fault::Rest { answer: RestFault::Html { status: 503 }, times: 2 };
    let server = manual().faults(FaultScript::new().at(When::Request(1), fault)).start().await.unwrap();
    let client = http();
    for expected in [200, 503, 503, 200] {
        let response = client.get(format!("{}/time", server.rest_url())).send().await.unwrap();
        assert_eq!(response.status(), expected);
    }
    server.shutdown().await;
}
