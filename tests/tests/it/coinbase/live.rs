//! `livermore run` and `livermore demo --wire`.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::Stdio,
};

use livermore_coinbase::fake::{Clock, Fault, Target};
use livermore_core::{
    ids::{Symbol, Timeframe, Timestamp},
    market::Candle,
};
use livermore_tests::{livermore, run};
use serde_json::Value;

use super::{Exchange, at};
use crate::settings_json::json;

fn events(text: &str) -> Vec<Value> {
    text.lines().map(json).collect()
}

fn of_kind<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == kind)
}

/// Follows a market 120 times as fast as the real one until `enough`, and lets `each` see every event.
fn follow(exchange: &Exchange, mut each: impl FnMut(&Value) -> bool) -> Vec<Value> {
    let urls = exchange.urls();
    let arguments = ["run", "--market", "coinbase", "--symbols", "BTC-USD,ETH-USD", "--json", "--for", "60s"];
    let mut child = livermore(&at(&urls, &arguments)).stdout(Stdio::piped()).spawn().unwrap();
    let mut events = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event = json(&line.unwrap());
        let enough = each(&event);
        events.push(event);
        if enough {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    events
}

/// Every bar is the market's, none is missing or comes twice.
fn assert_true(exchange: &Exchange, events: &[Value]) {
    let mut told: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
    for bar in of_kind(events, "bar").filter(|bar| bar["timeframe"] == "5m") {
        let close = bar["close"].as_f64().unwrap();
        told.entry(bar["symbol"].as_str().unwrap()).or_default().push((bar["time"].as_i64().unwrap(), close));
    }
    assert_eq!(told.len(), 2, "{told:?}");
    for (symbol, bars) in told {
        let (from, to) = (bars[0].0, bars.last().unwrap().0 + 1);
        let start = of_kind(events, "warm").next().unwrap()["marketTime"].as_i64().unwrap();
        assert!((start - 600_000..=start).contains(&from), "{symbol}: bars from {from}, history to {start}");
        let [from, to] = [from, to].map(|time| Timestamp::from_millis(time).unwrap());
        let truth = exchange.server.truth_candles(&Symbol::new(symbol).unwrap(), Timeframe::M5, from, to);
        let expected: Vec<(i64, f64)> =
            truth.iter().map(|candle: &Candle| (candle.open_time().as_millis(), candle.close())).collect();
        let about = |event: &&Value| event["symbol"] == symbol || event["event"] == "feed";
        let told: Vec<String> = events.iter().filter(about).map(ToString::to_string).collect();
        assert_eq!(bars, expected, "{symbol}: {told:#?}");
    }
}

#[test]
fn live_bars_follow_the_history_without_a_hole() {
    let exchange = Exchange::with(Clock::Speed(120.0));
    let mut bars = 0;
    let events = follow(&exchange, |event| {
        bars += u32::from(event["event"] == "bar" && event["timeframe"] == "5m");
        bars >= 8
    });
    assert_eq!((&events[0]["event"], &events[0]["exchange"]), (&"start".into(), &"coinbase".into()));
    assert_eq!(events[1]["event"], "warm");
    assert!(of_kind(&events, "feed").any(|event| event["what"] == "connected"));
    assert_true(&exchange, &events);
}

#[test]
fn a_lost_connection_is_told_and_costs_no_bar() {
    let exchange = Exchange::with(Clock::Speed(120.0));
    let (mut bars, mut faults) = (0, 0);
    let events = follow(&exchange, |event| {
        if event["event"] == "bar" && event["timeframe"] == "5m" {
            bars += 1;
            if bars % 4 == 0 && faults < 2 {
                faults += 1;
                exchange.server.inject(Fault::Reset(Target::All));
            }
        }
        bars >= 16
    });
    let told: Vec<&str> = of_kind(&events, "feed").filter_map(|event| event["what"].as_str()).collect();
    for expected in ["disconnected", "reconnecting", "repaired"] {
        assert!(told.iter().any(|what| what.contains(expected)), "{expected} in {told:?}");
    }
    assert_true(&exchange, &events);
}

#[test]
fn a_product_that_is_not_listed_ends_it() {
    let ended = Exchange::standing().run(&["run", "--market", "coinbase", "--symbols", "BTC-USDD"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("does not list BTC-USDD"), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_with_a_summary() {
    use rustix::process::{Pid, Signal, kill_process};
    let exchange = Exchange::standing();
    let urls = exchange.urls();
    let arguments = at(&urls, &["run", "--market", "coinbase"]);
    let mut child = livermore(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("coinbase: 2 products, from 2026-01-05T00:00:00Z"));
    assert!(lines.any(|line| line.unwrap().contains("warm: 6 series")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(lines.last().unwrap().unwrap(), "ended");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("0 repaired after faults"));
}

#[test]
fn the_demo_goes_through_the_wire() {
    let text = run(&["demo", "--wire", "--json", "--speed", "600", "--for", "6s"], b"").success();
    let events = events(&text);
    assert_eq!(events[0]["seed"], 7);
    assert_eq!(events[0]["symbols"].as_array().unwrap().len(), 6);
    assert_eq!(events.last().unwrap()["event"], "end");
    let bars = of_kind(&events, "bar").filter(|bar| bar["timeframe"] == "5m").count();
    assert!(bars >= 12, "{bars} bars in an hour of the market");
    let told: Vec<String> = of_kind(&events, "feed").map(ToString::to_string).collect();
    assert!(told.iter().all(|what| !what.contains("disconnected")), "{told:?}");
}
