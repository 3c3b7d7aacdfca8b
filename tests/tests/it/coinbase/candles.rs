//! `livermore candles`.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use livermore_core::{
    ids::{Symbol, Timeframe, Timestamp},
    market::Candle,
};
use livermore_tests::{livermore, run};
use serde_json::Value;
use tempfile::TempDir;

use super::{Exchange, START, at};

const HEADER: &str = "time,open,high,low,close,volume";

/// What the market really was, as a candle file has it.
fn truth(exchange: &Exchange, symbol: &str, timeframe: Timeframe, from: i64, to: i64) -> Vec<[f64; 6]> {
    let [from, to] = [from, to].map(|secs| Timestamp::from_secs(secs).unwrap());
    let candles = exchange.server.truth_candles(&Symbol::new(symbol).unwrap(), timeframe, from, to);
    candles.iter().map(row).collect()
}

#[allow(clippy::cast_precision_loss, reason = "seconds are small")]
fn row(candle: &Candle) -> [f64; 6] {
    [
        candle.open_time().as_secs() as f64,
        candle.open(),
        candle.high(),
        candle.low(),
        candle.close(),
        candle.ohlcv().volume,
    ]
}

#[track_caller]
fn rows(text: &str) -> Vec<[f64; 6]> {
    let (header, rows) = text.split_once('\n').unwrap();
    assert_eq!(header, HEADER);
    assert!(rows.is_empty() || rows.ends_with('\n'), "{rows:?}");
    let numbers = |line: &str| -> Vec<f64> { line.split(',').map(|number| number.parse().unwrap()).collect() };
    rows.lines().map(|line| numbers(line).try_into().unwrap()).collect()
}

/// 1,440 candles are five pages.
#[test]
fn a_day_comes_whole_and_replay_reads_it() {
    let exchange = Exchange::standing();
    let day = ["candles", "BTC-USD", "--timeframe", "1m", "--from", "2026-01-04", "--to", "2026-01-04T23:58:00Z"];
    let ended = exchange.run(&day);
    assert!(ended.stderr.contains("1,43") && ended.stderr.contains("1m candles of BTC-USD"), "{}", ended.stderr);
    let text = ended.success();
    let expected = truth(&exchange, "BTC-USD", Timeframe::M1, START - 86_400, START - 120);
    assert!(expected.len() > 1_400);
    assert_eq!(rows(&text), expected);
    let replayed = run(&["replay", "-", "--symbol", "BTC-USD", "--timeframe", "1m"], text.as_bytes());
    assert!(replayed.stderr.contains("bars read"), "{}", replayed.stderr);
    assert_eq!(replayed.success().lines().count(), 1 + 1_438);
}

#[test]
fn without_an_end_it_is_everything_that_is_settled() {
    let exchange = Exchange::standing();
    let ended = exchange.run(&["candles", "ETH-USD", "--timeframe", "5m", "--from", "1767567600", "--format", "jsonl"]);
    let text = ended.success();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let expected = truth(&exchange, "ETH-USD", Timeframe::M5, START - 3_600, START);
    for (name, value) in ["time", "open", "high", "low", "close", "volume"].iter().zip(expected[0]) {
        assert_eq!(first[name].as_f64().unwrap(), value, "{name}");
    }
    // The last five minutes have ended this very moment, and may still be corrected.
    assert_eq!(text.lines().count(), expected.len() - 1);
}

#[test]
fn a_product_that_is_not_listed_is_named_with_what_was_meant() {
    let exchange = Exchange::standing();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.csv");
    let arguments = ["candles", "BTC-USDD", "--timeframe", "1m", "--from", "2026-01-04", "--output"];
    let ended = exchange.run(&[&arguments[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("does not list BTC-USDD"), "{}", ended.stderr);
    assert!(ended.stderr.contains("BTC-USD"), "{}", ended.stderr);
    assert!(!file.exists());
}

/// Downloads minutes before the start into a file.
fn into(
    exchange: &Exchange,
    file: &std::path::Path,
    symbol: &str,
    minutes: i64,
    until: i64,
) -> livermore_tests::Finished {
    let (from, to) = ((START - minutes * 60).to_string(), (START - until * 60).to_string());
    exchange.run(&[
        "candles",
        symbol,
        "--timeframe",
        "1m",
        "--from",
        &from,
        "--to",
        &to,
        "--output",
        file.to_str().unwrap(),
    ])
}

#[test]
fn a_file_is_gone_on_with_after_its_last_whole_line() {
    let exchange = Exchange::standing();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("btc.csv");
    into(&exchange, &file, "BTC-USD", 2_000, 10).success();
    let whole = fs::read(&file).unwrap();
    let lines = String::from_utf8_lossy(&whole).lines().count();
    // Cut anywhere: in the header, after it, in a line, at the end of one.
    for length in [0, 1, 20, 31, 32, 33, 90, 5_000, whole.len() / 2, whole.len() - 1, whole.len()] {
        fs::write(&file, &whole[..length]).unwrap();
        let ended = into(&exchange, &file, "BTC-USD", 2_000, 10);
        assert_eq!(ended.code, Some(0), "{length}: {}", ended.stderr);
        assert_eq!(fs::read(&file).unwrap(), whole, "cut to {length}");
    }
    let again = into(&exchange, &file, "BTC-USD", 2_000, 10);
    assert!(
        again.stderr.contains(&format!("0 1m candles of BTC-USD, 1,{:03} were there", lines - 1 - 1_000)),
        "{}",
        again.stderr
    );
    // A later end goes on from there.
    into(&exchange, &file, "BTC-USD", 2_000, 5).success();
    let expected = truth(&exchange, "BTC-USD", Timeframe::M1, START - 120_000, START - 300);
    assert_eq!(rows(&fs::read_to_string(&file).unwrap()), expected);
}

#[test]
fn a_file_of_something_else_is_refused_and_stays_as_it_is() {
    let exchange = Exchange::standing();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.csv");
    into(&exchange, &file, "ETH-USD", 60, 50).success();
    let other = fs::read_to_string(&file).unwrap();
    let five = "time,open,high,low,close,volume\n1767567300,1,2,0.5,1,3\n".to_owned();
    for (text, expected) in [
        (other.clone(), "is not what the exchange tells: it is of another product or timeframe"),
        (five, "is not what the exchange tells: it is of another product or timeframe"),
        ("volume,time,open,high,low,close\n".to_owned(), "line 1: is not time,open,high,low,close,volume"),
        ("my notes".to_owned(), "line 1: is not time,open,high,low,close,volume"),
        (format!("{HEADER}\n1767567301,1,2,0.5,1,3\n"), "line 2, field time"),
        (format!("{HEADER}\n1767567360,1,2,0.5,1,3\n1767567360,1,2,0.5,1,3\n"), "line 3: comes before"),
        (format!("{HEADER}\n1767500040,1,2,0.5,1,3\n"), "would leave a hole; give --from 2026-01-04T04:15:00Z"),
    ] {
        fs::write(&file, &text).unwrap();
        let ended = into(&exchange, &file, "BTC-USD", 120, 10);
        assert_eq!(ended.code, Some(2), "{text}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{text}: {}", ended.stderr);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn two_processes_do_not_write_to_one_file() {
    let exchange = Exchange::standing();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.csv");
    let held = fs::File::create(&file).unwrap();
    held.lock().unwrap();
    let ended = into(&exchange, &file, "BTC-USD", 60, 10);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("another process writes to"), "{}", ended.stderr);
}

/// Begins a long download, ends it by `end` while it writes, and goes on.
#[cfg(unix)]
#[allow(clippy::disallowed_methods, reason = "a test waits with a deadline")]
fn halted(end: impl FnOnce(&mut std::process::Child)) {
    let exchange = Exchange::standing();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("btc.csv");
    let (from, to) = ((START - 3_000 * 60).to_string(), (START - 600).to_string());
    let path = file.to_str().unwrap();
    let command = ["candles", "BTC-USD", "--timeframe", "1m", "--from", &from, "--to", &to, "--output", path];
    let urls = exchange.urls();
    let mut child = livermore(&at(&urls, &command)).stderr(Stdio::piped()).spawn().unwrap();
    // The rate leaves time: eight pages at once, and then five a second.
    let deadline = Instant::now() + Duration::from_secs(20);
    while fs::metadata(&file).map_or(0, |found| found.len()) < 20_000 {
        assert!(Instant::now() < deadline, "nothing was written");
        std::thread::sleep(Duration::from_millis(2));
    }
    end(&mut child);
    let found = rows_of_whole_lines(&fs::read_to_string(&file).unwrap());
    let expected = truth(&exchange, "BTC-USD", Timeframe::M1, START - 180_000, START - 600);
    assert_eq!(found, expected[..found.len()]);
    exchange.run(&command).success();
    assert_eq!(rows(&fs::read_to_string(&file).unwrap()), expected);
}

#[cfg(unix)]
fn rows_of_whole_lines(text: &str) -> Vec<[f64; 6]> {
    rows(&text[..=text.rfind('\n').unwrap()])
}

#[cfg(unix)]
#[test]
fn after_kill_9_the_same_command_goes_on() {
    halted(|child| {
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_whole() {
    use rustix::process::{Pid, Signal, kill_process};
    halted(|child| {
        kill_process(Pid::from_child(child), Signal::INT).unwrap();
        let status = child.wait().unwrap();
        let mut told = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut told).unwrap();
        assert_eq!(status.code(), Some(130), "{told}");
        assert!(told.contains("which are whole; the same command goes on from there"), "{told}");
    });
}
