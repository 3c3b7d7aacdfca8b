use livermore_coinbase::fake::AckOrder;
use livermore_core::ids::{Symbol, Timeframe, Timestamp};
use serde_json::{Value, json};

use super::{
    client::{Client, of},
    manual, started,
};

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

fn numbers(candle: &Value) -> [f64; 5] {
    ["open", "high", "low", "close", "volume"].map(|field| candle[field].as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn item_3_the_answer_is_cumulative_and_leaves_unknown_products_out() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribe("candles", &["BTC-USD", "NOPE-USD", "ETH-USD"]).await;
    let first = client.until("subscriptions").await;
    assert_eq!(first["events"], json!([{ "subscriptions": { "candles": ["BTC-USD", "ETH-USD"] } }]));
    client.subscribe("heartbeats", &[]).await;
    let second = client.until("subscriptions").await;
    let both = json!({ "candles": ["BTC-USD", "ETH-USD"], "heartbeats": ["heartbeats"] });
    assert_eq!(second["events"][0]["subscriptions"], both);
    client.send(&json!({ "type": "unsubscribe", "channel": "candles", "product_ids": ["BTC-USD"] })).await;
    let third = client.until("subscriptions").await;
    assert_eq!(third["events"][0]["subscriptions"]["candles"], json!(["ETH-USD"]));
    client.send(&json!({ "type": "unsubscribe", "channel": "candles" })).await;
    client.send(&json!({ "type": "unsubscribe", "channel": "heartbeats" })).await;
    client.until("subscriptions").await;
    assert_eq!(client.until("subscriptions").await["events"], json!([{ "subscriptions": {} }]));
    server.shutdown().await;
}

#[tokio::test]
async fn item_3_nonsense_is_refused_and_the_connection_lives() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    for nonsense in ["{", "[]", r#"{"type":"dance"}"#, r#"{"type":"subscribe","channel":["candles"]}"#] {
        client.send_text(nonsense).await;
        assert_eq!(client.next().await["type"], "error", "{nonsense}");
    }
    client.subscribe("heartbeats", &[]).await;
    assert_eq!(client.next().await["channel"], "subscriptions");
    server.shutdown().await;
}

#[tokio::test]
async fn item_4_the_answer_may_come_after_the_snapshot() {
    for (order, expected) in
        [(AckOrder::First, ["subscriptions", "candles"]), (AckOrder::Last, ["candles", "subscriptions"])]
    {
        let server = manual().ack_order(order).start().await.unwrap();
        let mut client = Client::connect(&server.ws_url()).await;
        let messages = client.subscribed(&server, "candles", &["BTC-USD"]).await;
        let channels: Vec<&str> = messages.iter().filter_map(|message| message["channel"].as_str()).collect();
        assert_eq!(channels, expected);
        server.shutdown().await;
    }
}

#[tokio::test]
async fn item_5_heartbeats_count_by_one_a_second_in_the_time_format_of_go() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(&server, "heartbeats", &[]).await;
    server.advance(10_000).await;
    let messages = client.all(&server, 0).await;
    let counters: Vec<i64> =
        messages.iter().map(|beat| beat["events"][0]["heartbeat_counter"].as_i64().unwrap()).collect();
    assert_eq!(counters, (counters[0]..counters[0] + 10).collect::<Vec<_>>());
    assert!(counters[0] > 1, "it belongs to the server, not to the connection");
    let time = messages[0]["events"][0]["current_time"].as_str().unwrap();
    assert!(time.starts_with("2026-01-05 00:00:01") && time.contains(" +0000 UTC m=+"), "{time}");
    assert!(messages[0]["events"][0].get("type").is_none());
    server.shutdown().await;
}

#[tokio::test]
async fn item_6_a_candle_snapshot_has_100_true_buckets_with_holes_and_the_forming_one() {
    let server = started().await;
    server.advance(60_000).await;
    let mut client = Client::connect(&server.ws_url()).await;
    let messages = client.subscribed(&server, "candles", &["BTC-USD"]).await;
    let snapshot = of("candles", &messages)[0];
    assert_eq!(snapshot["events"][0]["type"], "snapshot");
    let candles = snapshot["events"][0]["candles"].as_array().unwrap();
    assert_eq!(candles.len(), 100);
    let truth = server.truth_candles(&symbol("BTC-USD"), Timeframe::M5, Timestamp::EPOCH, Timestamp::MAX);
    let mut starts = Vec::new();
    for candle in candles {
        let start: i64 = candle["start"].as_str().unwrap().parse().unwrap();
        let real = truth.iter().find(|real| real.open_time().as_secs() == start).unwrap();
        assert_eq!(numbers(candle), [real.open(), real.high(), real.low(), real.close(), real.volume()]);
        starts.push(start);
    }
    starts.sort_unstable();
    assert_eq!(*starts.last().unwrap(), server.now().as_secs() / 300 * 300, "the forming bucket");
    assert!(starts[99] - starts[0] > 99 * 300, "BTC-USD trades all the time, so what is missing is a hole");
    server.shutdown().await;
}

#[tokio::test]
async fn item_6_updates_come_for_traded_buckets_and_end_in_the_truth() {
    let server = manual().late_corrections(0).start().await.unwrap();
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(&server, "candles", &["BTC-USD", "LTC-USD"]).await;
    let start = server.now();
    server.advance(900_000).await;
    let messages = client.all(&server, 0).await;
    for name in ["BTC-USD", "LTC-USD"] {
        let updates = of("candles", &messages).into_iter().map(|message| &message["events"][0]["candles"][0]);
        let updates: Vec<&Value> = updates.filter(|candle| candle["product_id"] == name).collect();
        let ended = start.checked_add_millis(900_000).unwrap();
        let truth = server.truth_candles(&symbol(name), Timeframe::M5, start, ended);
        assert_eq!(truth.len(), 3);
        for real in &truth {
            let start = real.open_time().as_secs().to_string();
            let of_bucket = |candle: &&&Value| candle["start"] == start;
            let last = updates.iter().rfind(of_bucket).unwrap();
            assert_eq!(numbers(last), [real.open(), real.high(), real.low(), real.close(), real.volume()]);
        }
    }
    server.shutdown().await;
}

#[tokio::test]
async fn item_6_now_and_then_a_bucket_is_corrected_after_its_end() {
    let server = manual().late_corrections(100).start().await.unwrap();
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(&server, "candles", &["BTC-USD"]).await;
    server.advance(310_000).await;
    let messages = client.all(&server, 0).await;
    let candles: Vec<&Value> =
        of("candles", &messages).into_iter().map(|message| &message["events"][0]["candles"][0]).collect();
    let newer = candles.iter().position(|candle| candle["start"] != candles[0]["start"]).unwrap();
    let late = candles[newer..].iter().find(|candle| candle["start"] == candles[0]["start"]).unwrap();
    assert!(numbers(late)[4] > numbers(candles[newer - 1])[4], "the correction brings the full volume");
    server.shutdown().await;
}

#[tokio::test]
async fn item_7_trades_are_newest_first_dense_and_fold_into_the_candle() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(&server, "market_trades", &["BTC-USD"]).await;
    server.advance(60_000).await;
    let messages = client.all(&server, 0).await;
    let (mut ids, mut prices, mut volume) = (Vec::new(), Vec::new(), 0.0);
    let mut batches = 0;
    for message in &messages {
        let trades = message["events"][0]["trades"].as_array().unwrap();
        batches += usize::from(trades.len() > 1);
        for trade in trades.iter().rev() {
            ids.push(trade["trade_id"].as_str().unwrap().parse::<u64>().unwrap());
            prices.push(trade["price"].as_str().unwrap().parse::<f64>().unwrap());
            volume += trade["size"].as_str().unwrap().parse::<f64>().unwrap();
            assert!(["BUY", "SELL"].contains(&trade["side"].as_str().unwrap()));
        }
    }
    assert!(batches > 0, "some trades met more than one order");
    // The first trade of the next minute happens at its very beginning.
    let next_minute = server.now();
    let truth = server.truth_candles(&symbol("BTC-USD"), Timeframe::M1, Timestamp::EPOCH, next_minute);
    let minute = truth.last().unwrap();
    assert_eq!(ids, (ids[0]..ids[0] + ids.len() as u64).collect::<Vec<_>>());
    assert_eq!(prices[0], minute.open());
    assert!(volume >= minute.volume() - 1e-6);
    let again = client.subscribed(&server, "market_trades", &["BTC-USD"]).await;
    let snapshot = of("market_trades", &again)[0]["events"][0]["trades"].as_array().unwrap();
    let of_snapshot: Vec<u64> =
        snapshot.iter().map(|trade| trade["trade_id"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(of_snapshot[0], *ids.last().unwrap(), "the snapshot repeats what is known, newest first");
    assert!(of_snapshot.windows(2).all(|pair| pair[0] == pair[1] + 1));
    server.shutdown().await;
}

#[tokio::test]
async fn item_8_books_are_called_l2_data_and_can_be_megabytes() {
    let server = manual().book_depth(22_000).start().await.unwrap();
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribe("level2", &["BTC-USD"]).await;
    let snapshot = client.until("l2_data").await;
    assert!(snapshot.to_string().len() > 4_000_000);
    let updates = snapshot["events"][0]["updates"].as_array().unwrap();
    assert_eq!(updates.iter().filter(|update| update["side"] == "offer").count(), 22_000);
    assert_eq!(updates.iter().filter(|update| update["side"] == "bid").count(), 22_000);
    server.advance(60_000).await;
    let messages = client.all(&server, 0).await;
    let updates = of("l2_data", &messages).into_iter().flat_map(|m| m["events"][0]["updates"].as_array().unwrap());
    assert!(updates.into_iter().any(|update| update["new_quantity"] == "0"), "levels are removed");
    server.shutdown().await;
}

#[tokio::test]
async fn item_9_a_usdc_product_is_answered_as_the_usd_product() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    let mut messages = client.subscribed(&server, "candles", &["BTC-USDC", "USDT-USDC"]).await;
    server.advance(10_000).await;
    messages.extend(client.all(&server, 0).await);
    let ack = of("subscriptions", &messages)[0];
    assert_eq!(ack["events"][0]["subscriptions"]["candles"], json!(["BTC-USD"]), "USDT-USDC has a book of its own");
    for message in of("candles", &messages) {
        assert_eq!(message["events"][0]["candles"][0]["product_id"], "BTC-USD");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn item_13_noise_brings_what_other_versions_of_the_exchange_say() {
    let server = manual().noise(true).start().await.unwrap();
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(&server, "heartbeats", &[]).await;
    server.advance(30_000).await;
    let messages = client.all(&server, 0).await;
    assert!(messages.iter().all(|message| message["client_id"] == ""));
    assert!(!of("weather", &messages).is_empty(), "an unknown channel");
    let counter = |message: &&Value| message["events"][0]["heartbeat_counter"].is_string();
    let beats = of("heartbeats", &messages);
    assert!(beats.iter().any(counter) && !beats.iter().all(counter));
    let digits = |message: &&Value| message["timestamp"].as_str().unwrap().split('.').nth(1).map_or(0, str::len);
    assert!(beats.iter().map(digits).min() < beats.iter().map(digits).max());
    server.shutdown().await;
}

#[tokio::test]
async fn tickers_and_status_carry_every_documented_field() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    let mut messages = client.subscribed(&server, "ticker", &["BTC-USD", "ETH-USD"]).await;
    messages.extend(client.subscribed(&server, "ticker_batch", &["BTC-USD"]).await);
    messages.extend(client.subscribed(&server, "status", &["BTC-USD"]).await);
    server.advance(5_000).await;
    messages.extend(client.all(&server, 0).await);
    let ticker = &of("ticker", &messages)[0]["events"][0]["tickers"][0];
    for field in ["price", "volume_24_h", "low_24_h", "high_24_h", "low_52_w", "high_52_w", "best_bid", "best_ask"] {
        assert!(ticker[field].as_str().unwrap().parse::<f64>().unwrap() > 0.0, "{field}");
    }
    let batch = of("ticker_batch", &messages);
    assert!(batch.len() >= 2 && batch[1]["events"][0]["tickers"][0].get("best_bid").is_none());
    let status = &of("status", &messages)[0]["events"][0]["products"][0];
    assert_eq!((status["id"].as_str(), status["status"].as_str()), (Some("BTC-USD"), Some("online")));
    server.shutdown().await;
}
