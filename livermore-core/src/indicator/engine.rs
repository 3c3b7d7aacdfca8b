use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use super::{EngineSnapshot, IndicatorError, MacdVConfig, MacdVSeries, Reading};
use crate::{
    ids::{Symbol, Timeframe},
    market::Candle,
};

/// Indicator values of many series, each a symbol and a timeframe.
///
/// Object-safe: hold it as `Box<dyn IndicatorEngine>`. The contract below is tested clause by clause by
/// [`indicator_engine_contract!`](crate::indicator_engine_contract) (feature `test-util`); run it on your own engine.
///
/// # Contract
/// - A series begins with the first candle given for its symbol and timeframe; series do not affect each other.
/// - Only final candles change a series. A forming one is refused by [`update`](Self::update).
/// - A candle that repeats, comes out of order or leaves out a bucket is refused, and the series is unchanged: the same
///   call with the right candle succeeds afterwards.
/// - [`peek`](Self::peek) changes nothing. Peeking at a candle gives what updating with it would.
/// - [`latest`](Self::latest) is the answer of the last successful update.
/// - No value is NaN or infinite; a missing one comes with its reason.
/// - After [`restore`](Self::restore) of a [`snapshot`](Self::snapshot), every answer equals, bit for bit, that of the
///   engine the snapshot was taken of. A refused snapshot leaves the engine as it was.
/// - [`forget`](Self::forget) ends a series: the next candle for it begins a new one.
///
/// No clock, no I/O, no waiting: every call returns in time proportional to one candle (snapshots: to the series).
#[cfg_attr(feature = "test-util", mockall::automock)]
pub trait IndicatorEngine: fmt::Debug + Send + Sync + 'static {
    /// Takes the next final candle of a series.
    fn update(&mut self, symbol: &Symbol, candle: &Candle) -> Result<Reading, IndicatorError>;

    /// What [`update`](Self::update) would answer if `candle`, forming or not, were final as it stands.
    fn peek(&self, symbol: &Symbol, candle: &Candle) -> Result<Reading, IndicatorError>;

    /// The last answer of [`update`](Self::update) for a series.
    fn latest(&self, symbol: &Symbol, timeframe: Timeframe) -> Option<Reading>;

    /// Ends a series; false if there was none.
    fn forget(&mut self, symbol: &Symbol, timeframe: Timeframe) -> bool;

    /// Every series, ordered by symbol and timeframe.
    fn series(&self) -> Vec<(Symbol, Timeframe)>;

    /// The whole state.
    fn snapshot(&self) -> EngineSnapshot;

    /// Replaces the whole state.
    fn restore(&mut self, snapshot: &EngineSnapshot) -> Result<(), IndicatorError>;
}

/// The engine of this crate: one [`MacdVSeries`] per symbol and timeframe, all with the same parameters.
#[derive(Debug, Clone)]
pub struct MacdVEngine {
    config: MacdVConfig,
    series: HashMap<Symbol, BTreeMap<Timeframe, MacdVSeries>>,
}

impl MacdVEngine {
    /// An engine that has seen nothing.
    pub fn new(config: MacdVConfig) -> Result<Self, IndicatorError> {
        config.validate()?;
        Ok(Self { config, series: HashMap::new() })
    }

    fn find(&self, symbol: &Symbol, timeframe: Timeframe) -> Option<&MacdVSeries> {
        self.series.get(symbol)?.get(&timeframe)
    }
}

impl IndicatorEngine for MacdVEngine {
    fn update(&mut self, symbol: &Symbol, candle: &Candle) -> Result<Reading, IndicatorError> {
        let timeframe = candle.timeframe();
        if let Some(series) = self.series.get_mut(symbol).and_then(|frames| frames.get_mut(&timeframe)) {
            let point = *series.update(candle)?;
            return Ok(Reading::of(candle, point));
        }
        let mut series = MacdVSeries::new(timeframe, self.config)?;
        let point = *series.update(candle)?;
        self.series.entry(symbol.clone()).or_default().insert(timeframe, series);
        Ok(Reading::of(candle, point))
    }

    fn peek(&self, symbol: &Symbol, candle: &Candle) -> Result<Reading, IndicatorError> {
        let point = match self.find(symbol, candle.timeframe()) {
            Some(series) => series.peek(candle)?,
            None => MacdVSeries::new(candle.timeframe(), self.config)?.peek(candle)?,
        };
        Ok(Reading::of(candle, point))
    }

    fn latest(&self, symbol: &Symbol, timeframe: Timeframe) -> Option<Reading> {
        self.find(symbol, timeframe)?.latest()
    }

    fn forget(&mut self, symbol: &Symbol, timeframe: Timeframe) -> bool {
        let Some(frames) = self.series.get_mut(symbol) else { return false };
        let was_there = frames.remove(&timeframe).is_some();
        if frames.is_empty() {
            self.series.remove(symbol);
        }
        was_there
    }

    fn series(&self) -> Vec<(Symbol, Timeframe)> {
        let pairs = |(symbol, frames): (&Symbol, &BTreeMap<Timeframe, MacdVSeries>)| {
            frames.keys().map(|timeframe| (symbol.clone(), *timeframe)).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.series.iter().flat_map(pairs).collect();
        all.sort();
        all
    }

    fn snapshot(&self) -> EngineSnapshot {
        let one = |(symbol, timeframe)| self.find(&symbol, timeframe).map(|series| (symbol, series.snapshot()));
        EngineSnapshot { series: self.series().into_iter().filter_map(one).collect() }
    }

    fn restore(&mut self, snapshot: &EngineSnapshot) -> Result<(), IndicatorError> {
        let mut restored: HashMap<Symbol, BTreeMap<Timeframe, MacdVSeries>> = HashMap::new();
        for (symbol, snapshot) in &snapshot.series {
            let series = MacdVSeries::restore(snapshot)?;
            if series.config() != &self.config {
                let reason = format!("{symbol} was computed with other parameters ({:?})", series.config());
                return Err(IndicatorError::Snapshot { reason });
            }
            let timeframe = series.timeframe();
            if restored.entry(symbol.clone()).or_default().insert(timeframe, series).is_some() {
                return Err(IndicatorError::Snapshot { reason: format!("{symbol} {timeframe} is there twice") });
            }
        }
        self.series = restored;
        Ok(())
    }
}
