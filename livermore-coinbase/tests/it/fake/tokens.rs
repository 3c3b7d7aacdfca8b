use livermore_coinbase::fake::{FakeKey, FakeServer, Fault, TokenClock};
use serde_json::{Value, json};

use super::{
    client::{Client, http},
    manual, started,
};

async fn with_keys() -> (FakeServer, [FakeKey; 2]) {
    let keys = [FakeKey::ed25519(3), FakeKey::es256(4)];
    let [first, second] = keys.clone();
    (manual().key(first).key(second).start().await.unwrap(), keys)
}

fn uri(server: &FakeServer, path: &str) -> String {
    format!("GET {}{path}", server.rest_url().trim_start_matches("http://"))
}

async fn status(server: &FakeServer, path: &str, token: &str) -> u16 {
    let request = http().get(format!("{}{path}", server.rest_url())).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

async fn answer_to_user_channel(client: &mut Client, token: &str) -> Value {
    client.send(&json!({ "type": "subscribe", "channel": "user", "jwt": token })).await;
    client.next().await
}

#[tokio::test]
async fn item_10_a_good_token_of_either_kind_opens_the_private_side() {
    let (server, keys) = with_keys().await;
    let now = server.now().as_secs();
    for key in &keys {
        let path = "/key_permissions";
        assert_eq!(status(&server, path, &key.token(now, Some(&uri(&server, path)))).await, 200, "{key:?}");
        let mut client = Client::connect(&server.user_ws_url()).await;
        let answer = answer_to_user_channel(&mut client, &key.token(now, None)).await;
        assert_ne!(answer["type"], "error", "{key:?}");
    }
    assert_eq!((server.stats().tokens, server.stats().tokens_refused), (4, 0));
    server.shutdown().await;
}

#[tokio::test]
async fn item_10_every_part_of_a_token_is_checked() {
    let (server, keys) = with_keys().await;
    let now = server.now().as_secs();
    let stranger = FakeKey::ed25519(99);
    let path = "/accounts";
    let good_uri = uri(&server, path);
    for key in &keys {
        let header = key.header();
        let claims = json!({ "sub": key.name(), "iss": "cdp", "nbf": now, "exp": now + 120, "uri": good_uri });
        let mut wrong = vec![("signed by a stranger", stranger.token_with(&header, &claims))];
        for (field, value) in [("kid", json!("other")), ("nonce", json!("")), ("alg", json!("none"))] {
            let mut header = header.clone();
            header[field] = value;
            wrong.push((field, key.token_with(&header, &claims)));
        }
        for (field, value) in [
            ("sub", json!("other")),
            ("iss", json!("me")),
            ("nbf", json!(now + 1)),
            ("nbf", json!(now - 1)),
            ("exp", json!(now)),
            ("exp", json!("soon")),
            ("uri", json!(good_uri.replace("GET", "POST"))),
            ("uri", json!(format!("{good_uri}?limit=1"))),
            ("uri", json!(good_uri.replace("127.0.0.1", "example.com"))),
            ("uri", Value::Null),
        ] {
            let mut claims = claims.clone();
            claims[field] = value;
            wrong.push((field, key.token_with(&header, &claims)));
        }
        let good = key.token_with(&header, &claims);
        let (body, _) = good.rsplit_once('.').unwrap();
        wrong.extend([("unsigned", format!("{body}.")), ("two parts", body.to_owned()), ("nothing", String::new())]);
        for (what, token) in &wrong {
            assert_eq!(status(&server, path, token).await, 401, "{what}");
        }
        assert_eq!(status(&server, path, &good).await, 200);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn item_10_a_token_lives_120_seconds_and_a_subscription_outlives_it() {
    let (server, [key, _]) = with_keys().await;
    let token = key.token(server.now().as_secs(), None);
    let mut client = Client::connect(&server.ws_url()).await;
    client.send(&json!({ "type": "subscribe", "channel": "heartbeats", "jwt": token })).await;
    client.until("subscriptions").await;
    server.advance(119_000).await;
    assert_ne!(answer_to_user_channel(&mut client, &token).await["type"], "error");
    server.advance(1_000).await;
    client.all(&server, 0).await;
    assert_eq!(answer_to_user_channel(&mut client, &token).await["message"], "authentication failure");
    server.advance(1_000).await;
    assert_eq!(client.next().await["channel"], "heartbeats", "what was subscribed flows on");
    assert_eq!(server.stats().tokens_reused, 2);
    server.shutdown().await;
}

#[tokio::test]
async fn item_10_the_user_channel_needs_a_token_and_a_public_one_refuses_a_bad_one() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribe("user", &[]).await;
    assert_eq!(client.next().await["message"], "authentication failure");
    client.send(&json!({ "type": "subscribe", "channel": "heartbeats", "jwt": "a.b.c" })).await;
    assert_eq!(client.next().await["message"], "authentication failure");
    let mut user = Client::connect(&server.user_ws_url()).await;
    user.subscribe("candles", &["BTC-USD"]).await;
    assert_eq!(user.next().await["message"], "authentication failure", "the user endpoint serves no market data");
    user.subscribe("heartbeats", &[]).await;
    assert_eq!(user.next().await["channel"], "subscriptions");
    server.shutdown().await;
}

#[tokio::test]
async fn item_10_the_user_channel_sends_a_snapshot_of_no_orders() {
    let (server, [key, _]) = with_keys().await;
    let mut client = Client::connect(&server.user_ws_url()).await;
    client
        .send(&json!({ "type": "subscribe", "channel": "user", "jwt": key.token(server.now().as_secs(), None) }))
        .await;
    let snapshot = client.until("user").await;
    assert_eq!(snapshot["events"][0]["orders"], json!([]));
    assert!(snapshot["events"][0]["positions"]["expiring_futures_positions"].is_array());
    server.shutdown().await;
}

#[tokio::test]
async fn a_key_without_the_view_permission_is_told_so() {
    let key = FakeKey::es256(8).without_view();
    let server = manual().key(key.clone()).start().await.unwrap();
    let token = |path| key.token(server.now().as_secs(), Some(&uri(&server, path)));
    assert_eq!(status(&server, "/accounts", &token("/accounts")).await, 403);
    assert_eq!(status(&server, "/key_permissions", &token("/key_permissions")).await, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn fault_good_tokens_are_refused_for_a_while() {
    let (server, [key, _]) = with_keys().await;
    server.inject(Fault::RefuseTokens { times: 2 });
    for expected in [401, 401, 200] {
        let token = key.token(server.now().as_secs(), Some(&uri(&server, "/accounts")));
        assert_eq!(status(&server, "/accounts", &token).await, expected);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn fault_a_clock_that_is_wrong_refuses_tokens_of_the_right_time() {
    let (server, [key, _]) = with_keys().await;
    let now = server.now().as_secs();
    let token = |secs| key.token(secs, Some(&uri(&server, "/accounts")));
    server.inject(Fault::Skew { offset_ms: -300_000 });
    assert_eq!(status(&server, "/accounts", &token(now)).await, 401);
    assert_eq!(status(&server, "/accounts", &token(now - 300)).await, 200);
    let (_, time) = super::client::get(&server, "/time").await;
    assert_eq!(time["epochSeconds"], (now - 300).to_string());
    server.shutdown().await;
}

#[tokio::test]
async fn tokens_can_be_checked_against_the_real_clock() {
    let key = FakeKey::ed25519(6);
    let server = manual().key(key.clone()).token_clock(TokenClock::System).start().await.unwrap();
    #[allow(clippy::disallowed_methods, reason = "the real clock is the subject")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(since.as_secs()).unwrap();
    let token = |secs| key.token(secs, Some(&uri(&server, "/accounts")));
    assert_eq!(status(&server, "/accounts", &token(now)).await, 200);
    assert_eq!(status(&server, "/accounts", &token(server.now().as_secs())).await, 401);
    server.shutdown().await;
}

#[test]
fn keys_look_as_the_portal_hands_them_out_and_stay_out_of_debug() {
    let [ed, ec] = [FakeKey::ed25519(1), FakeKey::es256(1)];
    assert!(ec.secret().starts_with("-----BEGIN EC PRIVATE KEY-----"));
    assert_eq!(ed.secret().len(), 88);
    assert_eq!(serde_json::from_str::<Value>(&ed.file()).unwrap()["id"], ed.name());
    for key in [ed, ec] {
        assert!(!format!("{key:?}").contains(&key.secret()[40..60]));
    }
}
