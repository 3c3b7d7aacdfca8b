use std::time::Duration;

use livermore_coinbase::fake::{Channel, FakeServer, Fault, FaultScript, Garbage, Keep, Stage, Target, When};
use livermore_core::ids::{Symbol, Timeframe, Timestamp};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};

use super::{
    client::{Client, of},
    manual, started,
};

/// Long enough to say that nothing comes, where something would come at once.
const SILENCE: Duration = Duration::from_millis(200);

fn btc() -> Symbol {
    Symbol::new("BTC-USD").unwrap()
}

/// A client that hears heartbeats and the trades of two products.
async fn listening(server: &FakeServer) -> Client {
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(server, "heartbeats", &[]).await;
    client.subscribed(server, "market_trades", &["BTC-USD", "ETH-USD"]).await;
    client
}

fn gaps(client: &Client) -> u64 {
    client.sequence.windows(2).map(|pair| pair[1].saturating_sub(pair[0] + 1)).sum()
}

#[tokio::test]
async fn close_sends_the_code() {
    for code in [1000, 1001, 1008, 1011, 1013] {
        let server = started().await;
        let mut client = listening(&server).await;
        server.inject(Fault::Close { target: Target::All, code, reason: "maintenance".to_owned() });
        assert_eq!(client.end().await, Some(code));
        assert_eq!(server.fault_log()[0].connections, [0]);
        server.shutdown().await;
    }
}

#[tokio::test]
async fn vanish_ends_without_a_close_frame_and_reset_resets() {
    let server = started().await;
    let mut vanishing = listening(&server).await;
    server.inject(Fault::Vanish(Target::Connection(0)));
    assert!(matches!(vanishing.raw().await, Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)))));
    let mut reset = Client::connect(&server.ws_url()).await;
    super::client::until("the client is known", || server.open_connections() == [1]).await;
    server.inject(Fault::Reset(Target::Connection(1)));
    match reset.raw().await {
        Some(Err(Error::Io(error))) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        other => panic!("{other:?}"),
    }
    server.shutdown().await;
}

#[tokio::test]
async fn half_open_keeps_the_socket_and_says_nothing_more() {
    let server = started().await;
    let mut client = listening(&server).await;
    server.inject(Fault::HalfOpen(Target::All));
    server.advance(10_000).await;
    client.send_text("{}").await;
    assert!(timeout(SILENCE, client.raw()).await.is_err(), "neither a frame nor an end");
    server.shutdown().await;
}

#[tokio::test]
async fn stall_silences_one_product_while_the_rest_lives() {
    let server = started().await;
    let mut client = listening(&server).await;
    let fault =
        Fault::Stall { target: Target::All, symbol: btc(), channel: Some(Channel::MarketTrades), for_ms: 30_000 };
    server.inject(fault);
    server.advance(29_750).await;
    let during = client.all(&server, 0).await;
    let products = |messages: &[Value]| -> Vec<String> {
        let trades = of("market_trades", messages).into_iter();
        trades.map(|message| message["events"][0]["trades"][0]["product_id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(products(&during).contains(&"ETH-USD".to_owned()) && !products(&during).contains(&"BTC-USD".to_owned()));
    server.advance(10_000).await;
    let after = client.all(&server, 0).await;
    assert!(products(&after).contains(&"BTC-USD".to_owned()));
    assert_eq!(gaps(&client), 0, "a stall leaves no trace in the sequence");
    server.shutdown().await;
}

#[tokio::test]
async fn silence_keeps_what_it_is_told_to_keep() {
    let server = started().await;
    let mut client = listening(&server).await;
    server.inject(Fault::Silence { target: Target::All, keep: Keep::Heartbeats, for_ms: 20_000 });
    server.advance(10_000).await;
    let messages = client.all(&server, 0).await;
    assert_eq!((of("heartbeats", &messages).len(), messages.len()), (10, 10));

    server.inject(Fault::Silence { target: Target::All, keep: Keep::Pings, for_ms: 20_000 });
    server.advance(3_000).await;
    for _ in 0..3 {
        assert!(matches!(client.raw().await, Some(Ok(Message::Ping(_)))));
    }

    server.inject(Fault::Silence { target: Target::All, keep: Keep::Nothing, for_ms: 20_000 });
    server.advance(10_000).await;
    assert!(timeout(SILENCE, client.raw()).await.is_err());
    server.advance(20_000).await;
    assert!(client.all(&server, 0).await.len() > 5, "it speaks again");
    assert_eq!(gaps(&client), 0);
    server.shutdown().await;
}

#[tokio::test]
async fn lost_frames_take_their_numbers() {
    let server = started().await;
    let mut client = listening(&server).await;
    server.inject(Fault::LoseFrames { target: Target::All, frames: 3 });
    server.advance(20_000).await;
    client.all(&server, 0).await;
    assert_eq!(gaps(&client), 3);
    server.shutdown().await;
}

#[tokio::test]
async fn skipped_heartbeats_show_in_the_counter_and_in_the_sequence() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(&server, "heartbeats", &[]).await;
    server.advance(1_000).await;
    let before = client.next().await;
    server.inject(Fault::SkipHeartbeats { target: Target::All, beats: 4 });
    server.advance(5_000).await;
    let after = client.next().await;
    let step = |field: fn(&Value) -> &Value| field(&after).as_i64().unwrap() - field(&before).as_i64().unwrap();
    assert_eq!(step(|message| &message["events"][0]["heartbeat_counter"]), 5);
    assert_eq!(step(|message| &message["sequence_num"]), 5);
    server.shutdown().await;
}

#[tokio::test]
async fn duplicates_and_reordered_frames_keep_their_numbers() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(&server, "heartbeats", &[]).await;
    server.inject(Fault::Duplicate(Target::All));
    server.advance(1_000).await;
    assert_eq!(client.next().await, client.next().await);
    server.inject(Fault::Reorder(Target::All));
    server.advance(2_000).await;
    let (first, second) = (client.next().await, client.next().await);
    assert_eq!(first["sequence_num"].as_u64(), second["sequence_num"].as_u64().map(|number| number + 1));
    server.shutdown().await;
}

#[tokio::test]
async fn a_late_correction_differs_from_the_truth() {
    let server = manual().late_corrections(0).start().await.unwrap();
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(&server, "candles", &["BTC-USD"]).await;
    server.inject(Fault::LateCorrection { target: Target::All, symbol: btc() });
    let messages = client.all(&server, 0).await;
    let candle = &messages[0]["events"][0]["candles"][0];
    let truth = server.truth_candles(&btc(), Timeframe::M5, Timestamp::EPOCH, server.now());
    let last = truth.last().unwrap();
    assert_eq!(candle["start"], last.open_time().as_secs().to_string());
    assert!(candle["volume"].as_str().unwrap().parse::<f64>().unwrap() > last.volume());
    server.shutdown().await;
}

#[tokio::test]
async fn a_holed_snapshot_lacks_traded_buckets() {
    let server = manual().snapshot_holes(0).start().await.unwrap();
    let mut spans = Vec::new();
    for id in 0..2 {
        let mut client = Client::connect(&server.ws_url()).await;
        client.subscribe("heartbeats", &[]).await;
        client.until("subscriptions").await;
        if id == 1 {
            server.inject(Fault::HoledSnapshots { target: Target::Connection(1), snapshots: 1 });
        }
        client.subscribe("candles", &["BTC-USD"]).await;
        let snapshot = client.until("candles").await;
        let candles = snapshot["events"][0]["candles"].as_array().unwrap().clone();
        let starts: Vec<i64> = candles.iter().map(|c| c["start"].as_str().unwrap().parse().unwrap()).collect();
        spans.push((starts.iter().max().unwrap() - starts.iter().min().unwrap()) / 300);
    }
    assert_eq!(spans[0], 99);
    assert!(spans[1] > 140, "{spans:?}");
    server.shutdown().await;
}

#[tokio::test]
async fn slow_bytes_arrive_as_one_message_in_the_end() {
    let server = started().await;
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribed(&server, "heartbeats", &[]).await;
    server.inject(Fault::SlowBytes { target: Target::All, frames: 1, bytes: 1, pause_ms: 1 });
    server.advance(1_000).await;
    let begun = tokio::time::Instant::now();
    let message = client.next().await;
    assert_eq!(message["channel"], "heartbeats");
    assert!(begun.elapsed() >= Duration::from_millis(message.to_string().len() as u64 / 2), "byte by byte");
    server.shutdown().await;
}

#[tokio::test]
async fn garbage_is_what_it_says() {
    let server = started().await;
    let mut client = listening(&server).await;
    let inject = |garbage| server.inject(Fault::Garbage { target: Target::All, garbage });
    inject(Garbage::Binary);
    assert!(matches!(client.raw().await, Some(Ok(Message::Binary(_)))));
    inject(Garbage::NotJson);
    match client.raw().await {
        Some(Ok(Message::Text(text))) => assert!(serde_json::from_str::<Value>(&text).is_err()),
        other => panic!("{other:?}"),
    }
    inject(Garbage::UnknownChannel);
    assert_eq!(client.next().await["channel"], "weather");
    inject(Garbage::Oversized(3_000_000));
    assert!(client.next().await.to_string().len() > 3_000_000);
    inject(Garbage::InvalidUtf8);
    assert!(matches!(client.raw().await, Some(Err(Error::Utf8(_)))));
    server.shutdown().await;
}

#[tokio::test]
async fn a_partial_answer_leaves_a_product_out_as_often_as_told() {
    let server = started().await;
    server.inject(Fault::PartialAck { symbol: btc(), times: 2 });
    let mut client = Client::connect(&server.ws_url()).await;
    for expected in [json!(["ETH-USD"]), json!(["ETH-USD"]), json!(["BTC-USD", "ETH-USD"])] {
        client.subscribe("candles", &["BTC-USD", "ETH-USD"]).await;
        assert_eq!(client.until("subscriptions").await["events"][0]["subscriptions"]["candles"], expected);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn upgrades_are_refused_with_the_status_told() {
    let server = started().await;
    for status in [401, 403, 429, 503] {
        server.inject(Fault::RefuseUpgrade { status, times: 1 });
        assert_eq!(Client::refused(&server.ws_url()).await, status);
    }
    Client::connect(&server.ws_url()).await;
    server.shutdown().await;
}

#[tokio::test]
async fn connections_hang_at_the_stage_told() {
    let server = started().await;
    for stage in [Stage::Accept, Stage::Upgrade] {
        server.inject(Fault::Hang { stage, times: 1 });
        let url = server.ws_url();
        assert!(timeout(SILENCE, Client::try_connect(&url)).await.is_err(), "{stage:?}");
    }
    Client::connect(&server.ws_url()).await;
    server.shutdown().await;
}

#[tokio::test]
async fn planned_faults_happen_at_their_moment_and_are_logged() {
    let lose = Fault::LoseFrames { target: Target::All, frames: 1 };
    let close = Fault::Close { target: Target::Connection(0), code: 1001, reason: String::new() };
    let script = FaultScript::new()
        .at(When::Frame(2), lose.clone())
        .at(When::Connection(0), Fault::Duplicate(Target::Any))
        .at(When::Market(3_000), lose.clone())
        .at(When::Elapsed(4_000), close.clone());
    let server = manual().faults(script).start().await.unwrap();
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribe("heartbeats", &[]).await;
    assert_eq!(client.next().await, client.next().await, "the first frame comes twice");
    server.advance(10_000).await;
    assert_eq!(client.end().await, Some(1001));
    let log: Vec<(u64, Fault)> =
        server.fault_log().into_iter().map(|record| (record.elapsed_ms, record.fault)).collect();
    let expected = vec![(0, Fault::Duplicate(Target::Any)), (2_000, lose.clone()), (3_000, lose), (4_000, close)];
    assert_eq!(log, expected);
    server.shutdown().await;
}
