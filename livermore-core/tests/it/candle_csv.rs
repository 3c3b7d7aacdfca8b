//! What a candle file may look like, and what the reader says when it does not.

use livermore_core::{
    exchange::CandleCsv,
    ids::Timeframe,
    market::{Candle, CandleSource, Finality},
};

const HEADER: &str = "time,open,high,low,close,volume";

fn read(bytes: &[u8]) -> Result<Vec<Candle>, String> {
    let mut file = CandleCsv::new("x.csv", bytes, Timeframe::M1).map_err(|error| error.to_string())?;
    let mut candles = Vec::new();
    while let Some(candle) = file.read().map_err(|error| error.to_string())? {
        candles.push(candle);
    }
    Ok(candles)
}

#[test]
fn spellings_that_are_accepted() {
    for text in [
        format!("{HEADER}\n60,1,2,0.5,1.5,3\n"),
        format!("{HEADER}\r\n60,1,2,0.5,1.5,3\r\n"),
        format!("{HEADER}\n60,1,2,0.5,1.5,3"),
        format!("\u{feff}{HEADER}\n60,1,2,0.5,1.5,3\n"),
        "volume,close,low,high,open,time\n3,1.5,0.5,2,1,60\n".to_owned(),
        format!("{HEADER}\n60,1.0,2e0,5e-1,1.50,3.000\n"),
    ] {
        let candles = read(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(candles.len(), 1);
        assert_eq!((candles[0].low(), candles[0].volume()), (0.5, 3.0));
        assert_eq!((candles[0].finality(), candles[0].source()), (Finality::Verified, CandleSource::File));
    }
    assert_eq!(read(format!("{HEADER}\n").as_bytes()), Ok(vec![]));
}

#[test]
fn every_mistake_is_placed_and_explained() {
    let row = |row: &str| format!("{HEADER}\n60,1,2,0.5,1.5,3\n{row}\n").into_bytes();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "x.csv, line 1: the file is empty"),
        (b"\n\n".to_vec(), "x.csv, line 1: the file is empty"),
        (b"60,1,2,0.5,1.5,3\n".to_vec(), "x.csv, line 1: unknown column \"60\" in the header"),
        (b"time,open,high,low,close\n".to_vec(), "x.csv, line 1, field volume: the column is missing"),
        (
            b"time,open,high,low,colse,volume\n".to_vec(),
            "unknown column \"colse\" in the header; it must be time,open,high,low,close,volume (did you mean \"close\"?)",
        ),
        (b"time,open,high,low,close,close\n".to_vec(), "x.csv, line 1, field close: the column is named twice"),
        (b"time,open,high,low,close,volume,trades\n".to_vec(), "x.csv, line 1: unknown column \"trades\""),
        (row("120,1,2,0.5,1.5"), "x.csv, line 3, field volume: is missing: the line has 5 fields, not 6"),
        (row("120,1,2,0.5,1.5,3,4"), "x.csv, line 3: the line has 7 fields, not 6"),
        (row("120,1,2,,1.5,3"), "x.csv, line 3, field low: is empty"),
        (row("120,1,abc,0.5,1.5,3"), "x.csv, line 3, field high: \"abc\" is not a number"),
        (row("120,1,\"2\",0.5,1.5,3"), "x.csv, line 3, field high: \"\\\"2\\\"\" is not a number"),
        (row("120,NaN,2,0.5,1.5,3"), "x.csv, line 3, field open: open is not a finite number"),
        (row("120,1,inf,0.5,1.5,3"), "x.csv, line 3, field high: high is not a finite number"),
        (row("120,1,2,-0.5,1.5,3"), "x.csv, line 3, field low: low -0.5 is negative"),
        (row("120,1,2,0.5,1.5,-3"), "x.csv, line 3, field volume: volume -3 is negative"),
        (row("120,1,2,2.5,1.5,3"), "x.csv, line 3, field low: low 2.5 is above high 2"),
        (row("120,1,2,0.5,2.5,3"), "x.csv, line 3, field high: high 2 is below close 2.5"),
        (
            row("121,1,2,0.5,1.5,3"),
            "x.csv, line 3, field time: time 121 (1970-01-01T00:02:01Z) is not the start of a 1m bucket (the bucket starts at 120)",
        ),
        (row("120.5,1,2,0.5,1.5,3"), "x.csv, line 3, field time: \"120.5\" is not a whole number of UNIX seconds"),
        (row("1522800000000,1,2,0.5,1.5,3"), "x.csv, line 3, field time: 1522800000000 looks like milliseconds"),
        (row("-60,1,2,0.5,1.5,3"), "x.csv, line 3, field time: -60 is not between 1970 and 9999"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\n\0\0".to_vec(), "x.csv, line 1: is not text; a candle file is UTF-8 CSV"),
        (row("120,1,2,0.5,1.5,\u{0}3"), "x.csv, line 3: is not text"),
        ([HEADER.as_bytes(), b"\n60,1,2,0.5,\xff\xfe,3\n"].concat(), "x.csv, line 2: is not text"),
    ];
    for (bytes, expected) in cases {
        let message = read(&bytes).unwrap_err();
        assert!(
            message.contains(expected),
            "{}\n  gives {message}\n  not   {expected}",
            String::from_utf8_lossy(&bytes)
        );
    }
}
