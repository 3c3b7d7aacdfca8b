//! What the command says to someone who typed something wrong.

use livermore_tests::run;

const REPLAY: [&str; 6] = ["replay", "-", "--symbol", "BTC-USD", "--timeframe", "1m"];

#[test]
fn every_command_explains_itself() {
    for arguments in [
        &["--help"][..],
        &["demo", "--help"],
        &["replay", "--help"],
        &["settings", "--help"],
        &["store", "--help"],
        &["doctor", "--help"],
        &["run", "--help"],
        &["candles", "--help"],
        &["scan", "--help"],
        &["sim-server", "--help"],
        &["--version"],
    ] {
        let stdout = run(arguments, b"").success();
        assert!(stdout.contains("livermore"), "{stdout}");
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2_with_what_was_meant() {
    for (arguments, expected) in [
        (&["repaly"][..], "a similar subcommand exists: 'replay'"),
        (&["demo", "--sped", "3"], "a similar argument exists: '--speed'"),
        (&["demo", "--speed", "0"], "must be a number over 0"),
        (&["demo", "--for", "soon"], "write 20s, 5m or 1h"),
        (&["demo", "--seed", "x"], "invalid value 'x' for '--seed"),
        (&["replay"], "<FILE>"),
        (&["replay", "-", "--symbol", "btc/usd", "--timeframe", "1m"], "did you mean \"BTC-USD\"?"),
        (&["replay", "-", "--symbol", "BTC-USD", "--timeframe", "60m"], "did you mean \"1h\"?"),
        (&["replay", "-", "--symbol", "BTC-USD", "--timeframe", "4h", "--to", "6h"], "must be a whole multiple"),
        (&["replay", "-", "--symbol", "BTC-USD", "--timeframe", "1m", "--format", "tabel"], "table"),
        (&["replay", "-", "--symbol", "BTC-USD", "--timeframe", "1m", "--levels", "150,x"], "separated by commas"),
        (
            &["replay", "-", "--symbol", "BTC-USD", "--timeframe", "1m", "--levels", "-150"],
            "levels: -150 must be over 0",
        ),
        (&["replay", "-", "--symbol", "BTC-USD", "--timeframe", "1m", "--levels", "150,150"], "given once"),
        (
            &["replay", "no-such-file.csv", "--symbol", "BTC-USD", "--timeframe", "1m"],
            "no-such-file.csv: cannot be read",
        ),
        (&["replay", "/", "--symbol", "BTC-USD", "--timeframe", "1m"], "/: cannot be read"),
    ] {
        let finished = run(arguments, b"");
        assert_eq!(finished.code, Some(2), "{arguments:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(expected), "{arguments:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, "", "{arguments:?}");
    }
}

/// The reader's own tests cover every kind of mistake; here it matters that each reaches the user as one line.
#[test]
fn a_wrong_file_is_exit_code_2_with_the_place() {
    let header = "time,open,high,low,close,volume\n";
    let good = "120,1,2,0.5,1,1\n";
    for (rows, expected) in [
        (String::new(), "standard input, line 1: the file is empty"),
        (
            format!("{header}{good}60,1,2,0.5,1,1\n"),
            "line 3, field time: time 60 (1970-01-01T00:01:00Z) comes after 120",
        ),
        (format!("{header}{good}{good}"), "line 3, field time: time 120 (1970-01-01T00:02:00Z) was given twice"),
        (format!("{header}{good}185,1,2,0.5,1,1\n"), "line 3, field time: time 185"),
        (format!("{header}{good}180,1,NaN,0.5,1,1\n"), "line 3, field high: high is not a finite number"),
        (format!("{header}{good}180,1,2,-0.5,1,1\n"), "line 3, field low: low -0.5 is negative"),
        (format!("{header}{good}180,1,2,3,1,1\n"), "line 3, field low: low 3 is above high 2"),
        (format!("{header}{good}180,1,2,0.5,4,1\n"), "line 3, field high: high 2 is below close 4"),
        ("time,open,high,low,close\n".to_owned(), "line 1, field volume: the column is missing"),
        (format!("{header}{good}605040,1,2,0.5,1,1\n"), "10080 are filled"),
        ("\u{1}\u{2}\u{3}".to_owned(), "line 1: is not text"),
    ] {
        let finished = run(&REPLAY, rows.as_bytes());
        assert_eq!(finished.code, Some(2), "{rows:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(expected), "{rows:?}: {}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    }
}

/// Read as minutes, days would pass for a market with a trade a day: every hole is short enough to be filled.
#[test]
fn a_file_of_longer_candles_is_not_taken_for_a_quiet_market() {
    let days: Vec<String> = (1..40).map(|day| format!("{},1,2,0.5,1,1", day * 86_400)).collect();
    let finished = run(&REPLAY, format!("time,open,high,low,close,volume\n{}\n", days.join("\n")).as_bytes());
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    assert!(finished.stderr.contains("these are not 1m candles; use --timeframe 1d"), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
}

#[test]
fn the_longest_hole_is_a_matter_of_option() {
    let row = |time: i64| format!("{time},1,2,0.5,1,1\n");
    let file = |hole: i64| format!("time,open,high,low,close,volume\n{}{}", row(60), row(60 * (hole + 2)));
    assert_eq!(run(&REPLAY, file(10_080).as_bytes()).code, Some(0));
    let refused = run(&REPLAY, file(10_081).as_bytes());
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("10081 candles are missing"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--max-fill"), "{}", refused.stderr);
    let raised = [&REPLAY[..], &["--max-fill", "10081"]].concat();
    assert_eq!(run(&raised, file(10_081).as_bytes()).success().lines().count(), 1 + 10_083);
}
