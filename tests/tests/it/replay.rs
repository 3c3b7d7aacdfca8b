//! `livermore replay` on made-up files.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    process::Stdio,
};

use livermore_tests::{livermore, reference, run};
use serde_json::Value;

/// A walk with some empty minutes, from a fixed generator.
fn csv(rows: usize, start: i64) -> String {
    let mut text = String::from("time,open,high,low,close,volume\n");
    let (mut state, mut close, mut time) = (42_u64, 50_000_i64, start);
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % bound).unwrap()
    };
    for row in 0..rows {
        let open = close;
        // Drifts that turn, so that levels are crossed.
        close += next(121) - 60 + if row / 97 % 2 == 0 { 25 } else { -25 };
        close = close.max(1_000);
        let (high, low) = (open.max(close) + next(30), open.min(close) - next(30));
        let cents = |value: i64| format!("{}.{:02}", value / 100, value % 100);
        writeln!(text, "{time},{},{},{},{},{}", cents(open), cents(high), cents(low), cents(close), next(1000))
            .unwrap();
        time += if next(20) == 0 { 180 } else { 60 };
    }
    text
}

fn replay(input: &str, more: &[&str]) -> livermore_tests::Finished {
    run(&[&["replay", "-", "--symbol", "BTC-USD", "--timeframe", "1m"], more].concat(), input.as_bytes())
}

#[test]
fn csv_has_the_documented_columns_and_the_values_of_the_definition() {
    let input = csv(3_000, 1_522_800_120);
    for (to, seconds) in [("1m", 60), ("5m", 300), ("15m", 900), ("1h", 3_600)] {
        let stdout = replay(&input, &["--to", to, "--format", "csv"]).success();
        let minutes = reference::read(&input, 60);
        let bars = if seconds == 60 { minutes } else { reference::aggregate(&minutes, 60, seconds) };
        crate::recorded::compare(&stdout, &bars);
    }
}

#[test]
fn csv_is_the_format_of_a_pipe() {
    let input = csv(100, 1_522_800_000);
    assert_eq!(replay(&input, &[]).success(), replay(&input, &["--format", "csv"]).success());
}

#[test]
fn jsonl_says_the_same_as_csv() {
    let input = csv(300, 1_522_800_000);
    let csv = replay(&input, &["--format", "csv"]).success();
    let jsonl = replay(&input, &["--format", "jsonl"]).success();
    assert_eq!(csv.lines().count(), jsonl.lines().count() + 1);
    for (row, line) in csv.lines().skip(1).zip(jsonl.lines()) {
        let value: Value = serde_json::from_str(line).unwrap();
        let keys = ["time", "close", "macdV", "signal", "histogram", "atr", "stage", "synthetic"];
        for (field, key) in row.split(',').zip(keys) {
            let text = match &value[key] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let same_number = field.parse::<f64>().ok().zip(value[key].as_f64()).is_some_and(|(a, b)| {
                // serde_json may read the last bit otherwise.
                (a - b).abs() <= a.abs() * 1e-15
            });
            assert!(text == field || same_number, "{key}: {field} and {text}");
        }
        assert_eq!(value.as_object().unwrap().len(), keys.len());
    }
}

#[test]
fn the_table_explains_missing_values() {
    let stdout = replay(&csv(60, 1_522_800_000), &["--format", "table"]).success();
    assert!(stdout.contains("warming up: 25 more bars needed"), "{stdout}");
    assert!(stdout.contains("signal warming up: 1 more bar needed"), "{stdout}");
    assert!(stdout.contains("no trades"), "{stdout}");
}

#[test]
fn alerts_are_json_objects_that_fit_the_bars() {
    let input = csv(3_000, 1_522_800_000);
    let alerts = replay(&input, &["--alerts", "--levels", "150,200"]).success();
    let bars = replay(&input, &["--format", "csv"]).success();
    assert!(alerts.lines().count() >= 5, "{alerts}");
    let mut kinds = std::collections::BTreeSet::new();
    for line in alerts.lines() {
        let alert: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<&str> = alert.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "time",
            "symbol",
            "timeframe",
            "kind",
            "level",
            "direction",
            "price",
            "macdV",
            "signal",
            "histogram",
            "stage",
        ];
        expected.sort_unstable();
        assert_eq!(keys, expected);
        let bar = bars.lines().find(|bar| bar.starts_with(&format!("{},", alert["time"]))).expect("the alert's bar");
        let fields: Vec<&str> = bar.split(',').collect();
        assert!((fields[2].parse::<f64>().unwrap() - alert["macdV"].as_f64().unwrap()).abs() < 1e-9);
        assert_eq!(fields[6], alert["stage"]);
        kinds.insert(alert["kind"].as_str().unwrap().to_owned());
        if let Some(level) = alert["level"].as_f64() {
            assert!([150.0, 200.0].contains(&level.abs()));
            assert!(alert["macdV"].as_f64().unwrap() * level.signum() > level.abs());
            assert_eq!(alert["direction"], if level > 0.0 { "up" } else { "down" });
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["level", "reversal"]);
    // With a format both are printed, each alert after its bar.
    let both = replay(&input, &["--alerts", "--levels", "150,200", "--format", "jsonl"]).success();
    assert_eq!(both.lines().count(), bars.lines().count() - 1 + alerts.lines().count());
}

#[test]
fn the_summary_accounts_for_every_bar() {
    let input = csv(1_000, 1_522_800_120);
    let rows = input.lines().count() - 1;
    let minutes = reference::read(&input, 60);
    let groups = reference::aggregate(&minutes, 60, 300).len();
    let finished = replay(&input, &["--to", "5m"]);
    let summary = finished.stderr.lines().last().unwrap().replace(',', "");
    let number = |word: &str| -> usize {
        let words: Vec<&str> = summary.split_whitespace().collect();
        let at = words.iter().position(|other| *other == word).unwrap_or_else(|| panic!("{word} in {summary}"));
        words[at - 1].parse().unwrap()
    };
    assert_eq!((number("filled"), number("aggregated")), (minutes.len() - rows, groups));
    assert!(summary.starts_with(&format!("{rows} bars read")), "{summary}");
    // The first group lacks two minutes; the last may be unfinished.
    let unfinished = usize::from((minutes.last().unwrap().time + 60) % 300 != 0);
    assert_eq!(number("incomplete"), 1 + unfinished);
    assert!(number("bars/s") > 0, "{summary}");
}

#[test]
fn a_reader_that_has_seen_enough_is_not_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), csv(200_000, 1_522_800_000)).unwrap();
    let path = file.path().to_str().unwrap();
    let mut child = livermore(&["replay", path, "--symbol", "BTC-USD", "--timeframe", "1m", "--format", "csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap(); // and then the pipe is closed
    assert_eq!(first, "time,close,macd_v,signal,histogram,atr,stage,synthetic\n");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
}

#[test]
fn the_seed_of_ta_lib_starts_one_bar_later() {
    let input = csv(60, 1_522_800_000);
    let first = |more: &[&str]| {
        let stdout = replay(&input, more).success();
        stdout.lines().skip(1).position(|row| !row.split(',').nth(5).unwrap().is_empty()).unwrap()
    };
    assert_eq!(first(&["--atr-seed", "ta-lib"]), first(&[]) + 1);
}
