use std::path::PathBuf;

use clap::{Args, ValueEnum};
use livermore_core::ids::{Symbol, Timeframe, Timestamp};

use crate::coinbase::CoinbaseOptions;

#[derive(Debug, Args)]
pub(crate) struct CandlesOptions {
    /// The product, for example BTC-USD.
    pub(crate) symbol: Symbol,
    /// Length of the candles: 1m 5m 15m 30m 1h 2h 4h 6h 1d.
    #[arg(long)]
    pub(crate) timeframe: Timeframe,
    /// Candles that begin at or after this time: 2026-11-01, 2026-11-01T12:00:00Z or UNIX seconds.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Timestamp,
    /// Candles that begin before this time [default: all that have ended].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<Timestamp>,
    /// How candles are written.
    #[arg(long, value_enum, default_value_t = CandleFormat::Csv)]
    pub(crate) format: CandleFormat,
    /// The file to write, or to go on with where it ends; CSV only.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) coinbase: CoinbaseOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CandleFormat {
    /// time,open,high,low,close,volume: what `livermore replay` reads.
    Csv,
    /// One JSON object per candle.
    Jsonl,
}

/// A moment as people and programs write it.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    const FORMS: &str = "write 2026-11-01, 2026-11-01T12:00:00Z or UNIX seconds";
    if let Ok(secs) = text.parse::<i64>() {
        return Timestamp::from_secs(secs).map_err(|error| format!("{}; {FORMS}", error.reason()));
    }
    let midnight = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time = humantime::parse_rfc3339(&midnight).map_err(|_| format!("is no time; {FORMS}"))?;
    let passed = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(passed.as_millis())
        .ok()
        .and_then(|millis| Timestamp::from_millis(millis).ok())
        .ok_or_else(|| format!("is not between 1970 and 9999; {FORMS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_three_ways() {
        let expected = Timestamp::from_secs(1_793_491_200).unwrap();
        for text in ["2026-11-01", "2026-11-01T00:00:00Z", "1793491200"] {
            assert_eq!(time(text), Ok(expected), "{text}");
        }
        for wrong in ["", "yesterday", "2026-13-01", "2026-11-01T00:00", "-5", "1793491200000", "1.5"] {
            let error = time(wrong).unwrap_err();
            assert!(error.contains("UNIX seconds"), "{wrong}: {error}");
        }
    }
}
