//! Getting connected, and not getting connected.

use std::time::Duration;

use futures_util::StreamExt;
use livermore_coinbase::{
    Coinbase, CoinbaseConfig,
    fake::{Fault, FaultScript, Stage, When},
};
use livermore_core::exchange::{EventBody, supervisor::FeedState};
use tokio::time::{Instant, timeout};

use crate::fake::client;

use super::{PATIENCE, adapter, config, everything, fast, feed, impatient, is_connected, symbol, until};

#[tokio::test]
async fn case_77_a_hang_in_any_stage_of_connecting_is_left() {
    for tls in [false, true] {
        for stage in [Stage::Accept, Stage::Upgrade] {
            let script = FaultScript::new().at(When::Connection(0), Fault::Hang { stage, times: 1 });
            let script = script.at(When::Elapsed(0), Fault::Hang { stage, times: 1 });
            let builder = fast(60.0).faults(script);
            let server = if tls { builder.tls() } else { builder }.start().await.unwrap();
            let config = CoinbaseConfig { connect_timeout_ms: 500, ..config(&server) };
            let coinbase = Coinbase::with_supervisor(&config, impatient()).unwrap();
            let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
            let read = until(&mut events, is_connected).await;
            let reason = format!("{:?}", events.status().await.unwrap().last_reason);
            assert!(reason.contains("Timeout"), "{stage:?} tls {tls}: {reason}");
            assert!(matches!(read[0].body, EventBody::Reconnecting { attempt: 1, .. }), "{:?}", read[0]);
        }
    }
}

#[tokio::test]
async fn case_78_a_refusal_ends_the_feed_and_everything_else_is_tried_again() {
    for status in [401, 403] {
        let script = FaultScript::new().at(When::Elapsed(0), Fault::RefuseUpgrade { status, times: 1_000 });
        let server = fast(60.0).faults(script).start().await.unwrap();
        let (_coinbase, mut events) = feed(&server, &["BTC-USD"]).await;
        let told: Vec<_> = timeout(PATIENCE, events.by_ref().collect()).await.unwrap();
        let [refused] = &told[..] else { panic!("{told:?}") };
        let EventBody::Refused { reason } = &refused.body else { panic!("{refused:?}") };
        assert!(reason.contains(&status.to_string()) && reason.contains("start again"), "{reason}");
        assert_eq!(server.stats().connection_attempts, 1, "a refusal is not asked for twice");
    }
    for status in [429, 500, 503] {
        let script = FaultScript::new().at(When::Elapsed(0), Fault::RefuseUpgrade { status, times: 1 });
        let server = fast(60.0).faults(script).start().await.unwrap();
        let coinbase = Coinbase::with_supervisor(&config(&server), impatient()).unwrap();
        let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
        let read = until(&mut events, is_connected).await;
        assert!(matches!(read[0].body, EventBody::Reconnecting { .. }), "{status}: {:?}", read[0]);
    }
}

#[tokio::test]
async fn case_80_a_product_left_out_of_the_answer_is_asked_for_again() {
    let left_out = Fault::PartialAck { symbol: symbol("ETH-USD"), times: 3 };
    let server = fast(60.0).faults(FaultScript::new().at(When::Elapsed(0), left_out)).start().await.unwrap();
    let (_coinbase, mut events) = feed(&server, &["BTC-USD", "ETH-USD"]).await;
    until(&mut events, |body| body.symbol() == Some(&symbol("ETH-USD"))).await;
    let begun = Instant::now();
    loop {
        let status = events.status().await.unwrap();
        let states = status.channels.iter().flat_map(|channel| channel.subscriptions.values());
        if states.clone().all(|subscription| subscription.confirmed) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{status:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(server.stats().most_messages_in_a_second <= 8, "{:?}", server.stats());
}

#[tokio::test]
async fn case_94_a_feed_that_is_not_wanted_leaves_no_socket() {
    // In the middle of a handshake, of a pause, and connected.
    for (fault, connected) in [
        (Some(Fault::Hang { stage: Stage::Upgrade, times: 1_000 }), false),
        (Some(Fault::RefuseUpgrade { status: 503, times: 1_000 }), false),
        (None, true),
    ] {
        let script = fault.into_iter().fold(FaultScript::new(), |script, fault| script.at(When::Elapsed(0), fault));
        let server = fast(60.0).faults(script).start().await.unwrap();
        let (coinbase, mut events) = feed(&server, &["BTC-USD"]).await;
        if connected {
            until(&mut events, is_connected).await;
        } else {
            client::until("an attempt to connect", || server.stats().connection_attempts > 0).await;
        }
        let begun = Instant::now();
        livermore_core::exchange::ExchangeAdapter::close(&coinbase).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        timeout(PATIENCE, events.by_ref().for_each(|_| async {})).await.unwrap();
        let attempts = server.stats().connection_attempts;
        client::until("every socket closed", || server.open_connections().is_empty()).await;
        assert_eq!(server.stats().connection_attempts, attempts, "nothing is tried after the end");
    }
}

#[tokio::test]
async fn products_change_without_a_new_connection() {
    let server = fast(60.0).start().await.unwrap();
    let (_coinbase, mut events) = feed(&server, &["BTC-USD"]).await;
    until(&mut events, |body| body.symbol() == Some(&symbol("BTC-USD"))).await;
    events.change(vec![symbol("ETH-USD")]).await.unwrap();
    until(&mut events, |body| body.symbol() == Some(&symbol("ETH-USD"))).await;
    let status = events.status().await.unwrap();
    assert_eq!((status.counts.connects, status.state), (1, FeedState::Live));
    let error = events.change(vec![symbol("BTC-USX")]).await.unwrap_err();
    assert!(error.to_string().contains("did you mean BTC-USD"), "{error}");
}

#[tokio::test]
async fn an_encrypted_feed_needs_a_certificate_that_is_trusted() {
    let server = fast(60.0).tls().start().await.unwrap();
    let untrusting = CoinbaseConfig { attempts: 1, tls: livermore_coinbase::Tls::default(), ..config(&server) };
    let error = Coinbase::new(&untrusting).unwrap().feed(everything(&["BTC-USD"])).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("cannot be reached"), "{error}");
    let coinbase = adapter(&server);
    let mut events = coinbase.feed(everything(&["BTC-USD"])).await.unwrap();
    until(&mut events, is_connected).await;
}
