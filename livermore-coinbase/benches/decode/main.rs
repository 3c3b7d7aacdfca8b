//! Frames to domain events beside the least a typed parser must do: `cargo bench -p livermore-coinbase --bench decode`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and stops when it cannot run")]

mod frames;
#[allow(dead_code, reason = "every benchmark uses its part of it")]
#[path = "../../../livermore-core/benches/common/table.rs"]
mod table;
mod typed;

use std::hint::black_box;

use frames::{HEARTBEAT, TICKER, TRADES, UPDATE, snapshot};
use livermore_coinbase::wire::Decoder;
use table::{Plan, Section};

const FLOOR: &str = "serde_json, typed, f64";

fn main() {
    let plan = Plan::from_args();
    let mut missed = 0;
    for (letter, title, text, floor) in [
        ("V", "candles, snapshot of 100", snapshot(), typed::candles as fn(&str)),
        ("W", "candles, update", UPDATE.to_owned(), typed::candles),
        ("X", "ticker", TICKER.to_owned(), typed::tickers),
        ("Y", "3 trades", TRADES.to_owned(), typed::trades),
        ("Z", "heartbeat", HEARTBEAT.to_owned(), typed::heartbeats),
    ] {
        if !plan.wants(letter) {
            continue;
        }
        let with = |key: &str| text.replacen(r#","timestamp""#, &format!(r#","{key}":1,"timestamp""#), 1);
        // An escape leaves the quick way unused.
        let (new, escaped) = (with("new"), with(r"n\u0065w"));
        let mut decoders = [Decoder::new(), Decoder::new(), Decoder::new()];
        let [quick, other, general] = &mut decoders;
        let mut section = Section::per(format!("{letter}. {title}, {} bytes", text.len()), "ns");
        section.case(FLOOR, 1, &[], || floor(black_box(&text)));
        section.case("Decoder::decode", 1, &[(FLOOR, Some(1.1))], || decode(quick, &text));
        section.case("the same, a new key in it", 1, &[(FLOOR, Some(1.1))], || decode(other, &new));
        section.case("the same, an escape in it", 1, &[(FLOOR, Some(1.1))], || decode(general, &escaped));
        missed += section.run(&plan);
    }
    println!("\n{}", plan.summary(missed));
}

fn decode(decoder: &mut Decoder, text: &str) {
    black_box(decoder.decode(black_box(text)).expect("a good frame"));
}
