use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use livermore_coinbase::{ExchangeClock, RestClient};
use livermore_core::{ErrorKind, ids::Timestamp};

use super::server::{Reply, Seen, Server};

const NOW: i64 = 1_790_000_000;
const VIEW: &str = r#"{"can_view":true,"can_trade":false,"can_transfer":false,"portfolio_uuid":"x"}"#;

/// A clock a test turns by hand, in seconds.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new(secs: i64) -> Self {
        Self(Arc::new(AtomicI64::new(secs)))
    }

    fn clock(&self) -> ExchangeClock {
        let hand = self.clone();
        ExchangeClock::with_local(move || Timestamp::from_secs(hand.0.load(Ordering::Relaxed)).unwrap())
    }
}

/// Whether the exchange, by its clock, accepts the token of a request.
fn is_accepted(seen: &Seen, now: i64) -> bool {
    let claims = seen.claims().unwrap();
    let (nbf, exp) = (claims["nbf"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    let path = seen.target.split('?').next().unwrap();
    claims["uri"].as_str().is_some_and(|uri| uri.starts_with("GET 127.0.0.1:") && uri.ends_with(path))
        && (nbf..exp).contains(&now)
        && exp - nbf <= 120
}

#[tokio::test]
async fn case_81_a_request_that_waited_two_minutes_carries_a_fresh_token() {
    let hand = Hand::new(NOW);
    let turned = hand.clone();
    let server = Server::start(move |seen| {
        // The first is refused, and two minutes pass before it is its turn again.
        if turned.0.swap(NOW + 130, Ordering::Relaxed) == NOW {
            return Reply::Say(429, "retry-after: 1\r\n", String::new());
        }
        if is_accepted(seen, NOW + 130) { Reply::json(VIEW) } else { Reply::Say(401, "", "Unauthorized\n".to_owned()) }
    })
    .await;
    let client = RestClient::with_clock(&server.config_with_key(), hand.clock()).unwrap();
    assert!(client.key_permissions().await.unwrap().can_view);
    let seen = server.seen("/key_permissions");
    assert_eq!(seen.len(), 2, "no token was refused");
    assert_ne!(seen[0].token, seen[1].token);
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(990));
}

#[tokio::test]
async fn case_81_a_clock_five_minutes_off_is_measured_and_allowed_for() {
    for local in [NOW - 300, NOW + 300] {
        let server = Server::start(|seen| match () {
            () if seen.target.ends_with("/time") => Reply::json(format!(r#"{{"epochMillis":"{NOW}000"}}"#)),
            () if is_accepted(seen, NOW) => Reply::json(VIEW),
            () => Reply::Say(401, "", "Unauthorized\n".to_owned()),
        })
        .await;
        let client = RestClient::with_clock(&server.config_with_key(), Hand::new(local).clock()).unwrap();
        assert!(client.key_permissions().await.unwrap().can_view);
        assert_eq!(server.seen("/key_permissions").len(), 2);
        assert_eq!(client.clock().skew().unwrap().offset_ms, (NOW - local) * 1_000);
    }
}

#[tokio::test]
async fn case_81_a_refused_key_is_told_with_the_measured_skew() {
    let server = Server::start(|seen| {
        let time = format!(r#"{{"epochMillis":"{NOW}000"}}"#);
        if seen.target.ends_with("/time") {
            Reply::json(time)
        } else {
            Reply::Say(401, "", "Unauthorized\n".to_owned())
        }
    })
    .await;
    let client = RestClient::with_clock(&server.config_with_key(), Hand::new(NOW - 300).clock()).unwrap();
    let error = client.key_permissions().await.unwrap_err();
    let told = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(told.contains("300 s behind") && told.contains("Unauthorized"), "{told}");
    let tokens: Vec<_> = server.seen("/key_permissions").into_iter().map(|seen| seen.token.unwrap()).collect();
    assert_eq!(tokens.len(), 3);
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2]);
    assert!(tokens.iter().all(|token| !format!("{error:?} {told} {client:?}").contains(token.as_str())));
}

#[tokio::test]
async fn flaky_refusals_are_ridden_out() {
    let times = Mutex::new(0);
    let server = Server::start(move |seen| {
        let mut times = times.lock().unwrap();
        *times += i32::from(seen.target.ends_with("/key_permissions"));
        match *times {
            1 | 2 if !seen.target.ends_with("/time") => Reply::Say(401, "", "Unauthorized\n".to_owned()),
            _ if seen.target.ends_with("/time") => Reply::Say(500, "", String::new()),
            _ => Reply::json(VIEW),
        }
    })
    .await;
    assert!(RestClient::new(&server.config_with_key()).unwrap().key_permissions().await.unwrap().can_view);
}

#[tokio::test]
async fn a_key_without_the_permission_is_told_so() {
    let body = r#"{"error":"PERMISSION_DENIED","error_details":"Missing required scopes"}"#;
    let server = Server::start(move |_| Reply::Say(403, "", body.to_owned())).await;
    let error = RestClient::new(&server.config_with_key()).unwrap().key_permissions().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("give it `view`"), "{error}");
}

#[tokio::test]
async fn without_a_key_nothing_private_is_asked_for() {
    let server = Server::start(|_| Reply::json(VIEW)).await;
    let error = RestClient::new(&server.config()).unwrap().key_permissions().await.unwrap_err();
    assert!(error.to_string().contains("`credentials`"), "{error}");
    assert!(server.seen("/key_permissions").is_empty());
}

#[tokio::test]
async fn public_data_is_asked_for_without_the_key() {
    let server = Server::start(|_| Reply::json(format!(r#"{{"epochMillis":"{NOW}000"}}"#))).await;
    let client = RestClient::with_clock(&server.config_with_key(), Hand::new(NOW).clock()).unwrap();
    let (time, skew) = client.server_time().await.unwrap();
    assert_eq!((time.as_secs(), skew.warning()), (NOW, None));
    assert!(server.seen("/time")[0].token.is_none());
}
