use livermore_core::{
    alert::{AlertRules, Evaluation, Evaluator, Observation},
    ids::{Symbol, Timeframe, Timestamp},
    indicator::{MacdVConfig, MacdVPoint, MacdVSeries, Reading},
    market::{Aggregator, Candle, NoTradeFill, Quality},
};

use crate::failure::Failure;

/// The way of one product's candles to values and alerts: no-trade bars into quiet buckets, longer candles from
/// complete groups, MACD-V of each timeframe, alerts. Recorded and live candles take the same way.
#[derive(Debug)]
pub(crate) struct Pipeline {
    symbol: Symbol,
    fill: NoTradeFill,
    frames: Vec<Frame>,
    evaluator: Evaluator,
    rules: AlertRules,
}

#[derive(Debug)]
struct Frame {
    /// `None` for the candles as they come.
    aggregator: Option<Aggregator>,
    series: MacdVSeries,
    aggregated: u64,
}

/// What a pipeline is made of.
#[derive(Debug, Clone)]
pub(crate) struct PipelineConfig {
    pub(crate) symbol: Symbol,
    pub(crate) timeframe: Timeframe,
    /// The timeframes to compute; each is `timeframe` or a multiple of it.
    pub(crate) targets: Vec<Timeframe>,
    pub(crate) indicator: MacdVConfig,
    pub(crate) rules: AlertRules,
    pub(crate) max_fill: u64,
}

impl Pipeline {
    pub(crate) fn new(config: PipelineConfig) -> Result<Self, Failure> {
        config.rules.validate()?;
        let frame = |target: &Timeframe| -> Result<Frame, Failure> {
            let same = *target == config.timeframe;
            let aggregator = if same { None } else { Some(Aggregator::new(config.timeframe, *target)?) };
            Ok(Frame { aggregator, series: MacdVSeries::new(*target, config.indicator)?, aggregated: 0 })
        };
        Ok(Self {
            frames: config.targets.iter().map(frame).collect::<Result<_, _>>()?,
            symbol: config.symbol,
            fill: NoTradeFill::new(config.timeframe, config.max_fill),
            evaluator: Evaluator::new(),
            rules: config.rules,
        })
    }

    /// Takes the next final candle and gives each value it leads to, with the alerts on it.
    pub(crate) fn push(
        &mut self,
        candle: &Candle,
        quality: Quality,
        mut each: impl FnMut(&Reading, Evaluation) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Self { symbol, fill, frames, evaluator, rules } = self;
        for candle in fill.push(candle)? {
            for frame in &mut *frames {
                if let Some(reading) = frame.push(&candle)? {
                    let evaluation = observe(symbol, &reading, quality)
                        .map_or_else(Evaluation::default, |observation| evaluator.evaluate(rules, &observation));
                    each(&reading, evaluation)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the next candle of the history before the first live one: values, but no alerts on the past.
    pub(crate) fn warm(&mut self, candle: &Candle) -> Result<(), Failure> {
        for candle in self.fill.push(candle)? {
            for frame in &mut self.frames {
                frame.push(&candle)?;
            }
        }
        Ok(())
    }

    /// Ends the warm-up: what is true now is the state that later alerts are measured against.
    pub(crate) fn prime_alerts(&mut self) {
        for frame in &self.frames {
            let reading = frame.series.latest();
            if let Some(observation) =
                reading.as_ref().and_then(|reading| observe(&self.symbol, reading, Quality::Fresh))
            {
                self.evaluator.evaluate(&self.rules, &observation);
            }
        }
    }

    /// The values if the forming `candle` ended now; `None` where the candle is not the next of its series.
    pub(crate) fn peek(&self, candle: &Candle) -> Option<MacdVPoint> {
        let frame = self.frames.iter().find(|frame| frame.series.timeframe() == candle.timeframe())?;
        frame.series.peek(candle).ok()
    }

    /// The last value of each timeframe.
    pub(crate) fn latest(&self) -> impl Iterator<Item = Reading> + '_ {
        self.frames.iter().filter_map(|frame| frame.series.latest())
    }

    /// Start of the first bucket that no candle was taken for; `None` before the first candle.
    pub(crate) fn next_time(&self) -> Option<Timestamp> {
        self.fill.next_time()
    }

    pub(crate) fn filled(&self) -> u64 {
        self.fill.filled()
    }

    /// Longer candles made, and incomplete groups dropped, the unfinished ones included.
    pub(crate) fn aggregated_and_dropped(&self) -> (u64, u64) {
        self.frames.iter().fold((0, 0), |(made, dropped), frame| {
            let dropped_here = frame.aggregator.clone().map_or(0, Aggregator::finish);
            (made + frame.aggregated, dropped + dropped_here)
        })
    }
}

impl Frame {
    fn push(&mut self, candle: &Candle) -> Result<Option<Reading>, Failure> {
        let Some(aggregator) = &mut self.aggregator else { return self.read(candle).map(Some) };
        let Some(longer) = aggregator.push(candle)? else { return Ok(None) };
        self.aggregated += 1;
        self.read(&longer).map(Some)
    }

    fn read(&mut self, candle: &Candle) -> Result<Reading, Failure> {
        Ok(Reading::of(candle, *self.series.update(candle)?))
    }
}

fn observe<'a>(symbol: &'a Symbol, reading: &Reading, quality: Quality) -> Option<Observation<'a>> {
    let (macd_v, signal) = reading.point.macd_v().zip(reading.point.signal())?;
    let Reading { time, timeframe, close: price, .. } = *reading;
    Some(Observation { symbol, timeframe, time, price, macd_v, signal, quality })
}
