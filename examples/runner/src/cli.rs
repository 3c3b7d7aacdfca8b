use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use livermore_core::{
    ids::{Symbol, Timeframe},
    indicator::AtrSeed,
    market::DEFAULT_MAX_FILL,
};

#[cfg(feature = "coinbase")]
use crate::{candles::CandlesOptions, run::RunOptions, scan::ScanOptions, sim_server::SimServerOptions};
use crate::{
    command::{CommandOptions, Verb},
    doctor::DoctorOptions,
    inbox::InboxOptions,
    settings::SettingsOptions,
    store::StoreOptions,
};

/// Watches crypto markets: MACD-V from complete, final candles, and alerts. It monitors; it never trades.
///
/// Without a command it runs the demo.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch a simulated market: nothing is read, written or sent anywhere. Ctrl-C ends it.
    Demo(DemoOptions),
    /// Compute MACD-V over a candle file with the header time,open,high,low,close,volume.
    Replay(ReplayOptions),
    /// Read and change a user's settings.
    Settings(SettingsOptions),
    /// Look after the place where settings are kept.
    Store(StoreOptions),
    /// Check everything a monitor needs, and say what to type where something is wrong. Changes nothing.
    Doctor(DoctorOptions),
    /// Send any command to a running monitor, and ask what became of commands.
    #[command(name = "command")]
    ToMonitor(CommandOptions),
    #[command(flatten)]
    Verb(Verb),
    /// Decide commands as a monitor does, with a data plane that does nothing: to try commands out.
    Inbox(InboxOptions),
    /// Download candles of Coinbase, as a file for `livermore replay`. Needs no key.
    #[cfg(feature = "coinbase")]
    Candles(CandlesOptions),
    /// List what is traded most at Coinbase, and what to type to watch it. Changes nothing.
    #[cfg(feature = "coinbase")]
    Scan(ScanOptions),
    /// Watch a market at an exchange: bars, MACD-V and alerts as they come. Ctrl-C ends it.
    #[cfg(feature = "coinbase")]
    Run(RunOptions),
    /// Serve a simulated Coinbase on this machine, to try the other commands on. Ctrl-C ends it.
    #[cfg(feature = "coinbase")]
    SimServer(SimServerOptions),
}

impl Default for Command {
    fn default() -> Self {
        Self::Demo(DemoOptions {
            seed: DEFAULT_SEED,
            speed: DEFAULT_SPEED,
            duration: None,
            json: false,
            faults: false,
            #[cfg(feature = "coinbase")]
            wire: false,
        })
    }
}

pub(crate) const DEFAULT_SEED: u64 = 7;
const DEFAULT_SPEED: f64 = 60.0;

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Which market: equal seeds give equal markets.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u64,
    /// Market seconds per real second.
    #[arg(long, default_value_t = DEFAULT_SPEED, value_parser = speed)]
    pub(crate) speed: f64,
    /// End after this time, for example 20s or 2m.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Print one JSON object per event.
    #[arg(long)]
    pub(crate) json: bool,
    /// Let the feed fail on the way: repeated and lost messages, a silent product, a dropped connection.
    #[arg(long)]
    pub(crate) faults: bool,
    /// Let the market go through the protocol of a real exchange, over this machine's loopback.
    #[cfg(feature = "coinbase")]
    #[arg(long)]
    pub(crate) wire: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    /// The candle file, or - for standard input.
    pub(crate) file: String,
    /// The product, for example BTC-USD.
    #[arg(long)]
    pub(crate) symbol: Symbol,
    /// Length of the file's candles: 1m 5m 15m 30m 1h 2h 4h 6h 1d.
    #[arg(long)]
    pub(crate) timeframe: Timeframe,
    /// Aggregate into candles of this length first, from complete groups only.
    #[arg(long, value_name = "TIMEFRAME")]
    pub(crate) to: Option<Timeframe>,
    /// How bars are printed [default: table on a terminal, otherwise csv].
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Print one JSON object per alert; bars too only if --format is given.
    #[arg(long)]
    pub(crate) alerts: bool,
    /// Distances from zero at which MACD-V alerts, on both sides [default: 150,200,250,300,350,400].
    #[arg(long, value_delimiter = ',', value_name = "LEVELS", value_parser = level, allow_hyphen_values = true)]
    pub(crate) levels: Option<Vec<f64>>,
    /// Longest hole, in bars, that is taken for a quiet market.
    #[arg(long, default_value_t = DEFAULT_MAX_FILL, value_name = "BARS")]
    pub(crate) max_fill: u64,
    /// Which bars seed the ATR.
    #[arg(long, value_enum, default_value_t = Seed::FirstRange)]
    pub(crate) atr_seed: Seed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for reading.
    Table,
    /// time,close,macd_v,signal,histogram,atr,stage,synthetic in full precision, empty until valid.
    Csv,
    /// One JSON object per bar, null until valid.
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Seed {
    /// The first bar's range counts: the usual charts.
    FirstRange,
    /// The first bar has no range: TA-Lib.
    TaLib,
}

impl From<Seed> for AtrSeed {
    fn from(seed: Seed) -> Self {
        match seed {
            Seed::FirstRange => Self::FirstRange,
            Seed::TaLib => Self::TaLib,
        }
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error}; write 20s, 5m or 1h"))?;
    if duration.is_zero() { Err("is zero; write 20s, 5m or 1h".to_owned()) } else { Ok(duration) }
}

/// The range is the alert rules' to check.
fn level(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "must be numbers separated by commas, for example 150,200,250".to_owned())
}

/// More than this cannot be followed by eye and is what `replay` is for.
const MAX_SPEED: f64 = 100_000.0;

pub(crate) fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed > 0.0 && speed <= MAX_SPEED => Ok(speed),
        _ => Err(format!("must be a number over 0 and at most {MAX_SPEED}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_and_speeds() {
        assert_eq!(duration("20s"), Ok(Duration::from_secs(20)));
        assert!(duration("0s").is_err() && duration("20").is_err() && duration("soon").is_err());
        assert_eq!(speed("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "nan", "inf", "1e9", "fast"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }
}
