//! Coinbase's messages by livermore and by other libraries, in one run:
//! `cargo bench --manifest-path benches-peers/Cargo.toml --bench decode`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it cannot run")]

#[path = "../../../livermore-coinbase/benches/decode/frames.rs"]
mod frames;
mod nautilus;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../../../livermore-core/benches/common/table.rs"]
mod table;
#[path = "../../../livermore-coinbase/benches/decode/typed.rs"]
mod typed;

use std::hint::black_box;

use cbadv::models::websocket::Message;
use frames::{HEARTBEAT, TICKER, TRADES, UPDATE, snapshot};
use livermore_coinbase::wire::Decoder;
use nautilus::Nautilus;
use serde::Deserialize;
use table::{Plan, Section};
use typed::{Beat, CandlesEvent, Frame, TickersEvent, TradesEvent};

const OURS: &str = "Decoder::decode";
const TYPED: &str = "serde_json, typed, f64";

/// How often the time of ours a peer should take at least.
struct Targets {
    nautilus: Option<f64>,
    cbadv: Option<f64>,
}

fn main() {
    let plan = Plan::from_args();
    let nautilus = Nautilus::new();
    let all = Targets { nautilus: Some(4.0), cbadv: Some(2.3) };
    let none = || Targets { nautilus: None, cbadv: None };
    let mut missed = 0;
    for (letter, title, text, json, sonic, targets) in [
        ("V", "candles, snapshot of 100", &*snapshot(), typed::candles as fn(&str), candles as fn(&str), all),
        ("W", "candles, update", UPDATE, typed::candles, candles, none()),
        ("X", "ticker", TICKER, typed::tickers, tickers, none()),
        ("Y", "3 trades", TRADES, typed::trades, trades, none()),
        ("Z", "heartbeat", HEARTBEAT, typed::heartbeats, heartbeats, none()),
    ] {
        if !plan.wants(letter) {
            continue;
        }
        // cbadv reads no message without it.
        let text = text.replacen(r#","timestamp""#, r#","client_id":"","timestamp""#, 1);
        let mut decoder = Decoder::new();
        let mut section =
            Section::per(format!("{letter}. {title}, {} bytes, beside other libraries", text.len()), "ns");
        section.case("nautilus-coinbase 0.57, domain types", 1, &[], || nautilus.read(black_box(&text)));
        section.case("cbadv 2.0.2", 1, &[], || {
            black_box(serde_json::from_str::<Message>(black_box(&text)).expect("a good message"));
        });
        section.case(TYPED, 1, &[], || json(black_box(&text)));
        section.case("sonic-rs 0.5, typed, f64", 1, &[(TYPED, None)], || sonic(black_box(&text)));
        let ratios = [
            ("nautilus-coinbase 0.57, domain types", targets.nautilus.map(f64::recip)),
            ("cbadv 2.0.2", targets.cbadv.map(f64::recip)),
            (TYPED, None),
            ("sonic-rs 0.5, typed, f64", None),
        ];
        section.case(OURS, 1, &ratios, || {
            black_box(decoder.decode(black_box(&text)).expect("a good frame"));
        });
        missed += section.run(&plan);
    }
    println!("\n{}", plan.summary(missed));
}

fn sonic<'a, E: Deserialize<'a>>(text: &'a str) {
    black_box(sonic_rs::from_str::<Frame<'a, E>>(text).expect("a good frame"));
}

fn candles(text: &str) {
    sonic::<CandlesEvent<'_>>(text);
}

fn tickers(text: &str) {
    sonic::<TickersEvent<'_>>(text);
}

fn trades(text: &str) {
    sonic::<TradesEvent<'_>>(text);
}

fn heartbeats(text: &str) {
    sonic::<Beat<'_>>(text);
}
