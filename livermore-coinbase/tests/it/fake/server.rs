use std::{sync::Arc, time::Duration};

use livermore_coinbase::fake::{Clock, FakeMarket, FakeServer, Fault, FaultScript, Keep, Limits, StartError, Target};
use livermore_core::{
    exchange::SimulatorConfig,
    ids::{Symbol, Timeframe, Timestamp},
};
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

use super::{
    client::{Client, until},
    manual,
};

/// Everything one client hears in five minutes of a server with these faults, and what the server says went wrong.
async fn session(seed: u64) -> (Vec<Value>, String) {
    let script = FaultScript::new()
        .random(20.0, Fault::LoseFrames { target: Target::Any, frames: 1 })
        .random(20.0, Fault::Duplicate(Target::All));
    let market = FakeMarket::simulated(SimulatorConfig::default().with_seed(seed).with_history_minutes(1_000));
    let server = manual().seed(seed).market(market).faults(script).start().await.unwrap();
    let mut client = Client::connect(&server.ws_url()).await;
    let mut messages = Vec::new();
    for channel in ["heartbeats", "candles", "ticker", "market_trades", "level2"] {
        messages.extend(client.subscribed(&server, channel, &["BTC-USD", "LTC-USD"]).await);
    }
    server.advance(300_000).await;
    // A heartbeat is always the last message of its second; the last may have been lost.
    let last = *client.sequence.last().unwrap();
    server.inject(Fault::Close { target: Target::All, code: 1000, reason: String::new() });
    while let Some(Ok(message)) = client.raw().await {
        if let Ok(text) = message.to_text()
            && let Ok(value) = serde_json::from_str(text)
        {
            messages.push(value);
        }
    }
    assert!(server.stats().frames[0] > last);
    let log = format!("{:?}", server.fault_log());
    server.shutdown().await;
    (messages, log)
}

#[tokio::test]
async fn equal_seeds_give_equal_sessions_and_others_do_not() {
    let (first, second, other) = (session(5).await, session(5).await, session(6).await);
    assert!(first.0.len() > 500 && first.1.matches("LoseFrames").count() > 20, "{}", first.0.len());
    assert!(first == second, "the same frames and the same faults");
    assert!(first.0 != other.0 && first.1 != other.1);
}

#[tokio::test]
async fn with_a_speed_time_passes_by_itself() {
    let server = FakeServer::builder().clock(Clock::Speed(60.0)).start().await.unwrap();
    let start = server.now();
    let mut client = Client::connect(&server.ws_url()).await;
    client.subscribe("heartbeats", &[]).await;
    client.subscribe("candles", &["BTC-USD"]).await;
    client.until("heartbeats").await;
    until("five minutes of the market pass in five seconds", || server.now().millis_since(start) >= 300_000).await;
    loop {
        let message = client.until("candles").await;
        let bucket = message["events"][0]["candles"][0]["start"].as_str().unwrap().parse::<i64>().unwrap();
        if message["events"][0]["type"] == "update" && bucket >= start.as_secs() + 300 {
            break;
        }
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_replayed_file_comes_out_as_it_went_in() {
    let text = "time,open,high,low,close,volume\n\
        1522800000,7424.91,7424.91,7422,7422,7.14319709\n\
        1522800060,7422,7430.5,7421,7429,3.5\n\
        1522800180,7429,7429,7410.01,7411,1.25\n";
    let symbol = Symbol::new("BTC-USD").unwrap();
    let start = Timestamp::from_secs(1_522_800_060).unwrap();
    let market = FakeMarket::replaying(start).with_csv(symbol.clone(), "btc.csv", text.as_bytes()).unwrap();
    let server = manual().market(market).start().await.unwrap();
    server.advance(180_000).await;
    let all = server.truth_candles(&symbol, Timeframe::M1, Timestamp::EPOCH, Timestamp::MAX);
    let told: Vec<_> = all.iter().map(|candle| (candle.open_time().as_secs(), candle.ohlcv())).collect();
    assert_eq!(told.len(), 3);
    assert_eq!((told[0].0, told[0].1.volume), (1_522_800_000, 7.143_197_09));
    assert_eq!((told[1].1.high, told[1].1.low, told[1].1.close, told[1].1.volume), (7430.5, 7421.0, 7429.0, 3.5));
    assert_eq!((told[2].0, told[2].1.close), (1_522_800_180, 7411.0));
    let five = server.truth_candles(&symbol, Timeframe::M5, Timestamp::EPOCH, Timestamp::MAX);
    assert_eq!((five.len(), five[0].high(), five[0].low()), (1, 7430.5, 7410.01));
    server.shutdown().await;
}

#[tokio::test]
async fn tls_is_trusted_through_its_own_authority_only() {
    let server = manual().tls().start().await.unwrap();
    let config = |trusts: bool| {
        let mut roots = rustls::RootCertStore::empty();
        if trusts {
            roots.add(server.ca_der().unwrap().to_vec().into()).unwrap();
        }
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    };
    assert!(server.ca_pem().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    for trusts in [true, false] {
        let connector = Connector::Rustls(Arc::new(config(trusts)));
        let ws = connect_async_tls_with_config(server.ws_url(), None, true, Some(connector)).await;
        assert_eq!(ws.is_ok(), trusts, "{ws:?}");
        let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config(trusts)).build().unwrap();
        let rest = client.get(format!("{}/time", server.rest_url())).send().await;
        assert_eq!(rest.is_ok(), trusts, "{rest:?}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn shutdown_ends_connections_in_every_state() {
    let server = manual().limits(Limits::without_rates()).start().await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::connect(&server.ws_url()).await);
    }
    until("all are known", || server.open_connections().len() == 4).await;
    server.inject(Fault::HalfOpen(Target::Connection(0)));
    server.inject(Fault::Silence { target: Target::Connection(1), keep: Keep::Nothing, for_ms: 1_000_000 });
    // A connection of the REST side that was never used.
    let address = server.rest_url().trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let idle = tokio::net::TcpStream::connect(&address).await.unwrap();
    timeout(Duration::from_secs(4), server.shutdown()).await.expect("nothing holds the server");
    for mut client in clients {
        assert_eq!(client.end().await, None);
    }
    drop(idle);
    assert!(tokio::net::TcpStream::connect(&address).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn a_speed_that_is_none_is_refused() {
    for speed in [0.0, -1.0, f64::NAN, 1e9] {
        let refused = FakeServer::builder().clock(Clock::Speed(speed)).start().await;
        assert!(matches!(refused, Err(StartError::Speed(_))), "{speed}");
    }
}
