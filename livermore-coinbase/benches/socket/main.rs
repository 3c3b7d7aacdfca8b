//! Candle updates from an encrypted socket to domain events, beside the least a client must do:
//! `cargo bench -p livermore-coinbase --bench socket`.
//!
//! A server on a thread of its own has sent a burst before the client begins to read it, so only the client's work is
//! measured, and no case waits for the other core.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it cannot run")]

mod server;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../../../livermore-core/benches/common/table.rs"]
mod table;
#[path = "../decode/typed.rs"]
mod typed;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use livermore_coinbase::{
    Coinbase, CoinbaseConfig, MarketFeed, Tls,
    fake::{Clock, FakeMarket, FakeServer},
    wire::Decoder,
};
use livermore_core::{
    exchange::{EventBody, SimulatorConfig, Subscription},
    ids::{Symbol, Timeframe},
};
use rustls::ClientConfig;
use server::{BURST, Packing, Server};
use table::{Plan, Section};
use tokio::{net::TcpStream, runtime::Runtime};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config, tungstenite::Message,
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const FLOOR: &str = "tokio-tungstenite, serde_json typed, f64";

fn main() {
    let plan = Plan::from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut missed = 0;
    for (letter, title, packing) in [
        ("AA", "candle updates, records of 16 KB", Packing::Coalesced),
        ("AB", "candle updates, one per record", Packing::OnePerRecord),
    ] {
        if plan.wants(letter) {
            missed += measure(&plan, &runtime, &format!("{letter}. Socket to event, {title}"), packing);
        }
    }
    println!("\n{}", plan.summary(missed));
}

fn measure(plan: &Plan, runtime: &Runtime, title: &str, packing: Packing) -> usize {
    let (mut section, items) = (Section::per(title, "ns"), BURST as u64);
    let (floor_server, tls) = Server::start(packing, 0);
    let mut socket = runtime.block_on(connect(&floor_server, tls));
    section.timed(
        FLOOR,
        items,
        &[],
        bursts(floor_server, move || {
            runtime.block_on(read(&mut socket, typed::candles));
        }),
    );
    let (decoder_server, tls) = Server::start(packing, 0);
    let (mut socket, mut decoder) = (runtime.block_on(connect(&decoder_server, tls)), Decoder::new());
    section.timed(
        "tokio-tungstenite, Decoder",
        items,
        &[(FLOOR, None)],
        bursts(decoder_server, move || {
            runtime.block_on(read(&mut socket, |text| {
                black_box(decoder.decode(text).expect("a good frame"));
            }));
        }),
    );
    // Heartbeats, candles, and the channel that tells of trades.
    let (feed_server, tls) = Server::start(packing, 3);
    let mut feed = feed(runtime, &feed_server, tls);
    section.timed(
        "Coinbase::feed",
        items,
        &[(FLOOR, Some(1.05))],
        bursts(feed_server, move || {
            runtime.block_on(async {
                let mut left = BURST;
                while left > 0 {
                    let event = black_box(feed.next().await.expect("the feed goes on"));
                    match event.body {
                        EventBody::Candle { candle, .. } if !candle.is_final() => left -= 1,
                        EventBody::Disconnected { .. } | EventBody::Gap { .. } => {
                            unreachable!("nothing is lost on this machine: {:?}", event.body)
                        }
                        _ => {}
                    }
                }
            });
        }),
    );
    section.run(plan)
}

/// Measures how long bursts take to read; what it takes to have them sent does not count.
fn bursts(mut server: Server, mut read: impl FnMut()) -> impl FnMut(u32) -> Duration {
    move |times| {
        let mut sum = Duration::ZERO;
        for _ in 0..times {
            server.send_burst();
            #[allow(clippy::disallowed_methods, reason = "measuring time is what a benchmark is for")]
            let start = Instant::now();
            read();
            sum += start.elapsed();
        }
        sum
    }
}

async fn connect(server: &Server, tls: ClientConfig) -> Socket {
    let stream = TcpStream::connect(server.address()).await.expect("a connection");
    stream.set_nodelay(true).expect("an option of every socket");
    let connector = Connector::Rustls(Arc::new(tls));
    let socket = client_async_tls_with_config(server.url(), stream, None, Some(connector)).await;
    socket.expect("a WebSocket").0
}

/// Reads a burst.
async fn read(socket: &mut Socket, mut each: impl FnMut(&str)) {
    let mut left = BURST;
    while left > 0 {
        if let Message::Text(text) = socket.next().await.expect("the socket stays open").expect("a message") {
            // The server's signs of life are for the feed.
            if text.starts_with(r#"{"channel":"candles""#) {
                each(&text);
                left -= 1;
            }
        }
    }
}

/// The adapter's feed, connected and subscribed. A fake exchange tells it which products there are, and the right time.
fn feed(runtime: &Runtime, server: &Server, tls: ClientConfig) -> MarketFeed {
    let helper = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let mut config = SimulatorConfig::default();
    config.start = server::now();
    let market = FakeMarket::simulated(config);
    let exchange = FakeServer::builder().market(market).clock(Clock::Manual).start();
    let exchange = helper.block_on(exchange).expect("a fake exchange");
    let mut config = CoinbaseConfig::from_urls(server.url(), server.url(), exchange.rest_url());
    config.tls = Tls::from_config(tls);
    let feed = runtime.block_on(async {
        let coinbase = Coinbase::new(&config).expect("a good configuration");
        let mut feed = coinbase
            .feed(Subscription {
                symbols: vec![Symbol::new(server::PRODUCT).expect("a product")],
                candles: vec![Timeframe::M5],
                tickers: false,
                trades: false,
            })
            .await
            .expect("a feed");
        while !matches!(feed.next().await.expect("the feed goes on").body, EventBody::Heartbeat) {}
        feed
    });
    helper.block_on(exchange.shutdown());
    feed
}
