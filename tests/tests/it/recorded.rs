//! Real market history through the command, compared with an independent implementation.

use std::path::Path;

use livermore_tests::{recorded_candles, reference, run};

/// Compares replay CSV with reference values to 1e-9, relative for values over 1.
///
/// Under 1 the measure is absolute: while a market stands still MACD-V falls to the rounding noise of the averages it is
/// the difference of, and no two implementations agree on noise.
pub(crate) fn compare(csv: &str, bars: &[reference::Bar]) {
    let values = reference::macd_v(bars);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("time,close,macd_v,signal,histogram,atr,stage,synthetic"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), bars.len());
    let same = |field: &str, expected: f64| match field {
        "" => expected.is_nan(),
        text => (text.parse::<f64>().unwrap() - expected).abs() <= 1e-9 * expected.abs().max(1.0),
    };
    for ((row, bar), value) in rows.iter().zip(bars).zip(&values) {
        let histogram = value.macd_v - value.signal;
        let expected = [bar.close, value.macd_v, value.signal, histogram, value.atr];
        for (field, expected) in row[1..6].iter().zip(expected) {
            assert!(same(field, expected), "{row:?} should be {value:?}");
        }
        assert_eq!(row[0], bar.time.to_string());
        assert_eq!(row[6].is_empty(), value.signal.is_nan(), "{row:?}");
        assert_eq!(row[7], (!bar.traded).to_string(), "{row:?}");
    }
}

#[test]
fn the_example_file_has_the_values_of_the_definition() {
    check_folder(&livermore_tests::workspace().join("examples/candles"));
}

#[test]
fn recorded_history_has_the_values_of_the_definition() {
    if let Some(folder) = recorded_candles() {
        check_folder(&folder);
    }
}

/// Replays every candle file of a folder, named like `BTC-USD_1m_20180404.csv`, as it is and aggregated.
fn check_folder(folder: &Path) {
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut parts = name.strip_suffix(".csv").into_iter().flat_map(|stem| stem.split('_'));
        let Some((symbol, timeframe)) = parts.next().zip(parts.next()) else { continue };
        let text = std::fs::read_to_string(&path).unwrap();
        let targets: &[(&str, i64)] = match timeframe {
            "1m" => &[("1m", 60), ("5m", 300), ("15m", 900), ("30m", 1_800), ("1h", 3_600)],
            "1d" => &[("1d", 86_400)],
            other => panic!("{name}: add the timeframe {other}"),
        };
        let step = targets[0].1;
        for (to, seconds) in targets {
            let path = path.to_str().unwrap();
            let arguments =
                ["replay", path, "--symbol", symbol, "--timeframe", timeframe, "--to", to, "--format", "csv"];
            let stdout = run(&arguments, b"").success();
            let bars = reference::read(&text, step);
            let bars = if *seconds == step { bars } else { reference::aggregate(&bars, step, *seconds) };
            compare(&stdout, &bars);
            compared += 1;
        }
    }
    assert!(compared > 0, "no candle file in {}", folder.display());
}
