//! `livermore demo` as a stranger meets it.

use std::collections::BTreeSet;

use livermore_tests::run;
use serde_json::Value;

/// Twenty minutes of market time or more in a second or two of real time.
fn events(more: &[&str]) -> Vec<Value> {
    let arguments = [&["demo", "--json", "--speed", "1800"], more].concat();
    let stdout = run(&arguments, b"").success();
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == kind)
}

#[test]
fn equal_seeds_tell_equal_stories() {
    let story =
        |seed| run(&["demo", "--json", "--speed", "1200", "--for", "1s", "--faults", "--seed", seed], b"").success();
    let first = story("7");
    assert!(first.lines().count() > 100, "{first}");
    assert_eq!(first, story("7"));
    assert_ne!(first, story("8"));
}

/// What a visitor sees in the first minute at the default speed: an hour of the market.
#[test]
fn the_first_hour_shows_every_stage_and_an_alert_from_warm_indicators() {
    let events = events(&["--for", "2s"]);
    let stages: BTreeSet<&str> = of_kind(&events, "bar").filter_map(|bar| bar["stage"].as_str()).collect();
    let all = ["overbought", "oversold", "rallying", "ranging", "rebounding", "retracing", "reversing"];
    assert_eq!(stages, BTreeSet::from(all));
    assert!(of_kind(&events, "alert").count() >= 1);
    let cold: Vec<_> = of_kind(&events, "bar").filter(|bar| !bar["notReady"].is_null()).collect();
    assert!(cold.is_empty(), "{cold:?}");
    assert_eq!(events.first().unwrap()["event"], "start");
    assert_eq!(events.last().unwrap()["event"], "end");
}

/// Lost, repeated and missing messages change when a bar is told, never what it says.
#[test]
fn a_failing_feed_leads_to_the_same_bars() {
    let bars = |more: &[&str]| -> BTreeSet<String> {
        let events = events(&[&["--for", "1s"], more].concat());
        of_kind(&events, "bar").map(Value::to_string).collect()
    };
    let (whole, repaired) = (bars(&[]), bars(&["--faults"]));
    assert!(whole.len() > 150);
    assert_eq!(whole, repaired);
}

#[test]
fn faults_are_told() {
    let events = events(&["--for", "1s", "--faults"]);
    let told: Vec<&str> = of_kind(&events, "feed").filter_map(|event| event["what"].as_str()).collect();
    for expected in ["messages lost", "silent since", "speaks again", "disconnected", "reconnecting", "repaired"] {
        assert!(told.iter().any(|what| what.contains(expected)), "{expected} in {told:?}");
    }
}

#[test]
fn a_pipe_gets_plain_lines() {
    let stdout = run(&["demo", "--speed", "1800", "--for", "1s"], b"").success();
    assert!(stdout.starts_with("demo: a simulated market of 6 products, seed 7, 1800x speed"), "{stdout}");
    assert!(stdout.contains("ALERT MACD-V crossed"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "no terminal codes in a pipe");
}

#[cfg(unix)]
mod signals {
    use std::{
        io::{BufRead, BufReader, Read},
        process::Stdio,
        time::{Duration, Instant},
    };

    use livermore_tests::livermore;
    use rustix::process::{Pid, Signal, kill_process};

    /// Starts the demo, waits until it has told something, and ends it by a signal.
    #[allow(clippy::disallowed_methods, reason = "measures the process from outside")]
    fn end_by(signal: Signal) {
        let mut child = livermore(&["demo", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut told = String::new();
        while !told.contains("\"bar\"") {
            assert!(stdout.read_line(&mut told).unwrap() > 0, "{told}");
        }
        let asked = Instant::now();
        kill_process(Pid::from_child(&child), signal).unwrap();
        stdout.read_to_string(&mut told).unwrap();
        let status = child.wait().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        assert_eq!(status.code(), Some(0));
        assert!(told.lines().last().unwrap().contains("\"end\""), "{told}");
    }

    #[test]
    fn ctrl_c_ends_it_cleanly_within_a_second() {
        end_by(Signal::INT);
    }

    #[test]
    fn a_request_of_the_system_ends_it_too() {
        end_by(Signal::TERM);
    }
}
