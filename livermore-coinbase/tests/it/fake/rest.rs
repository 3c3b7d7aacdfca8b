use livermore_coinbase::fake::{Clock, FakeKey, FakeServer, Limits};
use livermore_core::{
    ids::{Symbol, Timeframe, Timestamp},
    market::Candle,
};
use serde_json::{Value, json};

use super::{
    client::{get, http},
    manual, started,
};

fn candles(answer: &Value) -> Vec<i64> {
    let candles = answer["candles"].as_array().unwrap();
    candles.iter().map(|candle| candle["start"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn item_12_350_candles_pass_and_351_are_refused() {
    let server = started().await;
    let end = server.now().as_secs() - 60;
    let path = |count: i64| {
        let start = end - (count - 1) * 60;
        format!("/market/products/BTC-USD/candles?start={start}&end={end}&granularity=ONE_MINUTE&limit=350")
    };
    let (status, page) = get(&server, &path(350)).await;
    assert_eq!((status, candles(&page).len()), (200, 350));
    let (status, refusal) = get(&server, &path(351)).await;
    let message = "start and end argument is invalid - number of candles requested should be less than 350";
    assert_eq!(status, 400);
    assert_eq!(refusal, json!({ "error": "INVALID_ARGUMENT", "error_details": message, "message": message }));
    server.shutdown().await;
}

#[tokio::test]
async fn item_12_candles_are_newest_first_and_quiet_buckets_are_omitted() {
    let server = started().await;
    server.advance(90_000).await;
    let (from, now) = (server.now().as_secs() - 300 * 60, server.now().as_secs());
    let path = format!("/market/products/LTC-USD/candles?start={from}&end={now}&granularity=ONE_MINUTE");
    let (_, page) = get(&server, &path).await;
    let starts = candles(&page);
    assert!(starts.windows(2).all(|pair| pair[0] > pair[1]));
    assert!((200..300).contains(&starts.len()), "LTC-USD is traded thinly: {}", starts.len());
    let symbol = Symbol::new("LTC-USD").unwrap();
    let (from, to) = (Timestamp::from_secs(from).unwrap(), Timestamp::from_secs(now + 1).unwrap());
    let truth = server.truth_candles(&symbol, Timeframe::M1, from, to);
    let expected: Vec<i64> = truth.iter().rev().map(|candle| candle.open_time().as_secs()).collect();
    assert_eq!(starts, expected);
    assert_eq!(page["candles"][0]["close"], truth.last().unwrap().close().to_string());
    assert_eq!(page["candles"][0].as_object().unwrap().len(), 6);
    server.shutdown().await;
}

#[tokio::test]
async fn item_12_every_granularity_folds_the_same_minutes() {
    let server = started().await;
    let symbol = Symbol::new("ETH-USD").unwrap();
    for (name, timeframe) in [
        ("FIVE_MINUTE", Timeframe::M5),
        ("FIFTEEN_MINUTE", Timeframe::M15),
        ("THIRTY_MINUTE", Timeframe::M30),
        ("ONE_HOUR", Timeframe::H1),
        ("TWO_HOUR", Timeframe::H2),
        ("FOUR_HOUR", Timeframe::H4),
        ("SIX_HOUR", Timeframe::H6),
        ("ONE_DAY", Timeframe::D1),
    ] {
        let end = timeframe.floor(server.now());
        let start = end.checked_add_millis(-timeframe.millis()).unwrap();
        let (from, to) = (start.as_secs(), end.as_secs() - 1);
        let (_, page) =
            get(&server, &format!("/market/products/ETH-USD/candles?start={from}&end={to}&granularity={name}")).await;
        let minutes = server.truth_candles(&symbol, Timeframe::M1, start, end);
        let high = minutes.iter().map(Candle::high).fold(0.0, f64::max);
        assert_eq!(candles(&page), [from], "{name}");
        assert_eq!(page["candles"][0]["open"], minutes[0].open().to_string());
        assert_eq!(page["candles"][0]["high"], high.to_string());
    }
    for wrong in ["granularity=ONE_YEAR", "start=1&end=0&granularity=ONE_DAY", "start=x&end=1&granularity=ONE_DAY", ""]
    {
        let (status, body) = get(&server, &format!("/market/products/ETH-USD/candles?{wrong}")).await;
        assert_eq!((status, body["error"].as_str()), (400, Some("INVALID_ARGUMENT")), "{wrong}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn item_12_at_most_100_trades_newest_first_and_500_above_1000() {
    let server = started().await;
    for (limit, count) in [(5, 5), (100, 100), (101, 100), (1000, 100)] {
        let (_, body) = get(&server, &format!("/market/products/BTC-USD/ticker?limit={limit}")).await;
        let trades = body["trades"].as_array().unwrap();
        let ids: Vec<u64> = trades.iter().map(|trade| trade["trade_id"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(ids.len(), count);
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1] + 1));
        assert_eq!((&trades[0]["bid"], &trades[0]["exchange"]), (&json!(""), &json!("coinbase")));
    }
    let (status, body) = get(&server, "/market/products/BTC-USD/ticker?limit=1001").await;
    assert_eq!((status, body["error"].as_str()), (500, Some("INTERNAL")));
    server.shutdown().await;
}

#[tokio::test]
async fn item_12_unknown_products_are_404_and_missing_tokens_plain_text_401() {
    let server = started().await;
    let (status, body) = get(&server, "/market/products/NOPE-USD").await;
    assert_eq!(status, 404);
    assert_eq!(body, json!({ "error": "NOT_FOUND", "message": "Product NOPE-USD not supported" }));
    let response = http().get(format!("{}/accounts", server.rest_url())).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(response.text().await.unwrap(), "Unauthorized\n");
    server.shutdown().await;
}

#[tokio::test]
async fn item_12_too_many_requests_get_html_with_or_without_retry_after() {
    for retry_after in [None, Some("3".to_owned())] {
        let mut limits = Limits::default();
        limits.public_requests_per_second = 1;
        limits.retry_after.clone_from(&retry_after);
        let server = FakeServer::builder().clock(Clock::Manual).limits(limits).start().await.unwrap();
        let client = http();
        let url = format!("{}/time", server.rest_url());
        let asked = futures_util::future::join_all((0..10).map(|_| client.get(&url).send())).await;
        let refused = asked.into_iter().map(Result::unwrap).find(|response| response.status() == 429).unwrap();
        let header = refused.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header, retry_after);
        assert!(refused.text().await.unwrap().starts_with("<html>"));
        let stats = server.stats();
        assert!(stats.too_many_requests > 0 && stats.most_requests_in_a_second > 1, "{stats:?}");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn item_12_public_answers_ask_to_be_cached_for_hours() {
    let server = started().await;
    let response = http().get(format!("{}/time", server.rest_url())).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "public, max-age=14400");
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    let time: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let expected =
        json!({ "iso": "2026-01-05T00:00:00Z", "epochSeconds": "1767571200", "epochMillis": "1767571200000" });
    assert_eq!(time, expected);
    server.shutdown().await;
}

#[tokio::test]
async fn products_are_ranked_with_aliases_and_a_delisted_one() {
    let server = started().await;
    let (_, body) = get(&server, "/market/products").await;
    let products = body["products"].as_array().unwrap();
    assert_eq!(body["num_products"], products.len());
    let find = |name: &str| products.iter().find(|product| product["product_id"] == name).unwrap();
    assert_eq!(find("BTC-USDC")["alias"], "BTC-USD");
    assert_eq!(find("BTC-USD")["alias_to"], json!(["BTC-USDC"]));
    assert_eq!(find("OLD-USD")["status"], "delisted");
    assert!(!products.iter().any(|product| product["product_id"] == "USDT-USDC"));
    let volume = |product: &Value| product["approximate_quote_24h_volume"].as_str().unwrap().parse::<f64>().unwrap();
    let own: Vec<f64> =
        products.iter().filter(|product| product["alias"] == "" && product["status"] == "online").map(volume).collect();
    assert!(own.len() == 6 && own.windows(2).all(|pair| pair[0] >= pair[1]), "{own:?}");
    let (_, one) = get(&server, "/market/products/BTC-USDC").await;
    assert_eq!(one["product_id"], "BTC-USDC");
    let (_, named) = get(&server, "/market/products?product_ids=ETH-USD&product_ids=SOL-USD").await;
    assert_eq!(named["num_products"], 2);
    let (_, futures) = get(&server, "/market/products?product_type=FUTURE").await;
    assert_eq!(futures["products"], json!([]));
    server.shutdown().await;
}

#[tokio::test]
async fn a_book_has_bids_below_asks_and_a_limit() {
    let server = started().await;
    let (_, body) = get(&server, "/market/product_book?product_id=BTC-USD&limit=3").await;
    let price = |side: &str, n: usize| body["pricebook"][side][n]["price"].as_str().unwrap().parse::<f64>().unwrap();
    assert_eq!(body["pricebook"]["bids"].as_array().unwrap().len(), 3);
    assert!(price("bids", 1) < price("bids", 0) && price("bids", 0) < price("asks", 0));
    server.shutdown().await;
}

#[tokio::test]
async fn accounts_come_in_pages_and_private_answers_tell_their_limits() {
    let key = FakeKey::ed25519(5);
    let server = manual().key(key.clone()).start().await.unwrap();
    let base = server.rest_url();
    let ask = async |path: &str, query: &str| {
        let uri = format!("GET {}{path}", base.trim_start_matches("http://"));
        let token = key.token(server.now().as_secs(), Some(&uri));
        let response = http().get(format!("{base}{path}{query}")).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.headers().contains_key("x-ratelimit-remaining"));
        serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap()
    };
    let first = ask("/accounts", "?limit=1").await;
    assert_eq!((&first["size"], &first["has_next"]), (&json!(1), &json!(true)));
    let second = ask("/accounts", &format!("?limit=1&cursor={}", first["cursor"].as_str().unwrap())).await;
    assert_eq!((&second["has_next"], &second["cursor"]), (&json!(false), &json!("")));
    assert_ne!(first["accounts"][0]["uuid"], second["accounts"][0]["uuid"]);
    assert_eq!(ask("/orders/historical/batch", "").await["orders"], json!([]));
    assert_eq!(ask("/best_bid_ask", "?product_ids=BTC-USD").await["pricebooks"][0]["product_id"], "BTC-USD");
    assert!(!ask("/products", "").await["products"].as_array().unwrap().is_empty(), "the private twin");
    server.shutdown().await;
}
