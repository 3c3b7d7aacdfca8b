use livermore_core::market::{Candle, Ohlcv};

use super::CandleFormat;
use crate::number::{push_exact, push_integer};

/// The first line of a candle file.
pub(super) const HEADER: &[u8] = b"time,open,high,low,close,volume\n";

/// Appends a candle as a line.
pub(super) fn push(out: &mut Vec<u8>, format: CandleFormat, candle: &Candle) {
    let Ohlcv { open, high, low, close, volume } = candle.ohlcv();
    let time = candle.open_time().as_secs();
    let values = [("open", open), ("high", high), ("low", low), ("close", close), ("volume", volume)];
    match format {
        CandleFormat::Csv => {
            push_integer(out, time);
            for (_, value) in values {
                out.push(b',');
                push_exact(out, Some(value));
            }
        }
        CandleFormat::Jsonl => {
            out.extend_from_slice(b"{\"time\":");
            push_integer(out, time);
            for (name, value) in values {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                push_exact(out, Some(value));
            }
            out.push(b'}');
        }
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use livermore_core::exchange::COLUMNS;

    use super::*;

    #[test]
    fn the_header_names_the_columns_in_their_order() {
        let names = COLUMNS.map(|column| column.to_string()).join(",");
        assert_eq!(HEADER, format!("{names}\n").as_bytes());
    }
}
