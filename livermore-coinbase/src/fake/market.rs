use std::io;

use livermore_core::{
    exchange::{CandleCsv, CsvError, ExchangeError, SimulatorConfig},
    ids::{Symbol, Timeframe, Timestamp},
    market::Candle,
};

use super::source::{CandleSource, SimSource, Source};

/// What is traded on the fake exchange.
#[derive(Debug)]
pub struct FakeMarket(Kind);

#[derive(Debug)]
enum Kind {
    Simulated(SimulatorConfig),
    Candles { start: Timestamp, series: Vec<(Symbol, Vec<Candle>)> },
}

impl FakeMarket {
    /// The seeded market of [`SimMarket`](livermore_core::exchange::SimMarket): six products, one of them traded
    /// thinly. Live data begins at the configuration's start; its speed and faults are the server's part and ignored.
    pub fn simulated(config: SimulatorConfig) -> Self {
        Self(Kind::Simulated(config))
    }

    /// A market that repeats one-minute candles: what opens before `start` is history, the rest happens live, four
    /// trades a minute. Add series by [`with_candles`](Self::with_candles) or [`with_csv`](Self::with_csv).
    pub fn replaying(start: Timestamp) -> Self {
        Self(Kind::Candles { start: Timeframe::M1.floor(start), series: Vec::new() })
    }

    /// A replaying market with this product too. Candles that are not one-minute candles, or not after the one before
    /// them, are left out. A simulated market stays as it is.
    pub fn with_candles(mut self, symbol: Symbol, candles: Vec<Candle>) -> Self {
        if let Kind::Candles { series, .. } = &mut self.0 {
            let mut kept: Vec<Candle> = Vec::with_capacity(candles.len());
            for candle in candles.into_iter().filter(|candle| candle.timeframe() == Timeframe::M1) {
                if kept.last().is_none_or(|last| last.open_time() < candle.open_time()) {
                    kept.push(candle);
                }
            }
            series.push((symbol, kept));
        }
        self
    }

    /// A replaying market with a product from CSV text of one-minute candles; `name` is what errors call it.
    pub fn with_csv(self, symbol: Symbol, name: &str, text: impl io::Read) -> Result<Self, CsvError> {
        let mut file = CandleCsv::new(name, text, Timeframe::M1)?;
        let mut candles = Vec::new();
        while let Some(candle) = file.read()? {
            candles.push(candle);
        }
        Ok(self.with_candles(symbol, candles))
    }

    /// The source of trades, its products, the history before the start, and the start.
    pub(super) fn open(self) -> Result<Source, ExchangeError> {
        match self.0 {
            Kind::Simulated(config) => SimSource::open(config).map(Source::Sim),
            Kind::Candles { start, series } => Ok(Source::Candles(CandleSource::new(start, series))),
        }
    }
}

impl Default for FakeMarket {
    fn default() -> Self {
        Self::simulated(SimulatorConfig::default().with_history_minutes(3_000))
    }
}
