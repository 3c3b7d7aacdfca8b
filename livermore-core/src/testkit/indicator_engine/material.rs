use crate::{
    exchange::SplitMix64,
    ids::{Symbol, Timeframe, Timestamp},
    indicator::{EngineSnapshot, IndicatorEngine, Reading},
    market::{Candle, CandleSource, Finality, Ohlcv},
};

/// Long enough for every value of the published parameters to be there, and for many after it.
pub(super) const BARS: usize = 120;

/// Makes an engine that has seen nothing.
pub(super) type Fresh<'a> = &'a dyn Fn() -> Box<dyn IndicatorEngine>;

pub(super) fn symbol(name: &str) -> Symbol {
    Symbol::new(name).expect("a valid symbol")
}

/// A random walk with some quiet buckets, from a moment that begins a bucket of every timeframe.
pub(super) fn walk(seed: u64, timeframe: Timeframe) -> Vec<Candle> {
    let mut rng = SplitMix64::new(seed);
    let mut price = 10_000;
    let bars = (0..BARS).map(|index| {
        let quiet = index > 0 && rng.chance(10);
        let (open, close) = (price, price + rng.between(-60, 60));
        let (high, low) = (open.max(close) + rng.between(0, 30), open.min(close) - rng.between(0, 30));
        if quiet {
            return no_trade(timeframe, index, cents(price));
        }
        price = close;
        let ohlcv = Ohlcv { open: cents(open), high: cents(high), low: cents(low), close: cents(close), volume: 1.5 };
        candle(timeframe, index, ohlcv)
    });
    bars.collect()
}

#[allow(clippy::cast_precision_loss, reason = "prices are small")]
fn cents(price: i64) -> f64 {
    price as f64 / 100.0
}

pub(super) fn open_time(timeframe: Timeframe, index: usize) -> Timestamp {
    let index = i64::try_from(index).expect("a small number");
    let start = Timeframe::D1.millis() * 20_000;
    Timestamp::from_millis(start + index * timeframe.millis()).expect("a time in range")
}

pub(super) fn candle(timeframe: Timeframe, index: usize, ohlcv: Ohlcv) -> Candle {
    let time = open_time(timeframe, index);
    Candle::new(timeframe, time, ohlcv, Finality::Closed, CandleSource::Rest).expect("a valid candle")
}

pub(super) fn no_trade(timeframe: Timeframe, index: usize, close: f64) -> Candle {
    Candle::no_trade(timeframe, open_time(timeframe, index), close).expect("a valid candle")
}

pub(super) fn update(engine: &mut dyn IndicatorEngine, symbol: &Symbol, candle: &Candle) -> Reading {
    engine.update(symbol, candle).unwrap_or_else(|error| panic!("{symbol} {candle:?} was refused: {error}"))
}

/// An engine that was given `candles` of one symbol.
pub(super) fn grown(fresh: Fresh<'_>, symbol: &Symbol, candles: &[Candle]) -> Box<dyn IndicatorEngine> {
    let mut engine = fresh();
    for candle in candles {
        update(&mut *engine, symbol, candle);
    }
    engine
}

/// Everything an engine shows without being changed.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    series: Vec<(Symbol, Timeframe)>,
    latest: Vec<Option<String>>,
    snapshot: EngineSnapshot,
}

pub(super) fn shown(engine: &dyn IndicatorEngine) -> Shown {
    let series = engine.series();
    let latest =
        |(symbol, timeframe): &(Symbol, Timeframe)| engine.latest(symbol, *timeframe).map(|reading| bits(&reading));
    Shown { latest: series.iter().map(latest).collect(), series, snapshot: engine.snapshot() }
}

/// A reading to the last bit, where equality of numbers would take 0.0 for -0.0.
pub(super) fn bits(reading: &Reading) -> String {
    let point = &reading.point;
    let values = [point.macd_v(), point.signal(), point.histogram(), point.atr(), point.fast_ema(), point.slow_ema()];
    let values = values.map(|value| value.map(f64::to_bits));
    format!("{reading:?} {:x} {values:x?}", reading.close.to_bits())
}
