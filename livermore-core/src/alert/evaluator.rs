use std::collections::BTreeMap;

use super::{Alert, AlertKind, AlertRules, Direction, EvaluatorState, Fired, QualityPolicy, Reversal, SeriesState};
use crate::{
    ids::{Symbol, Timeframe, Timestamp},
    indicator::Stage,
    market::Quality,
};

/// Turns settled indicator values into alerts.
///
/// Per series (symbol and timeframe):
/// - The first value only primes: nothing was crossed yet.
/// - A **level** alerts when MACD-V moves over it, away from zero; of several crossed at once, the furthest. It cannot
///   alert again before MACD-V has come back inside by the hysteresis.
/// - A **reversal** alerts once per extreme: a further crossing, or leaving the zone by the hysteresis, re-arms it.
/// - A rule that alerted is silent for its cooldown. What it would have said is counted, not hidden.
/// - A bar is evaluated once: values at or before the last evaluated time change nothing.
///
/// State is kept by [`state`](Self::state) and [`from_state`](Self::from_state); an evaluator restored from it behaves
/// as if it had never stopped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluator {
    series: BTreeMap<Symbol, BTreeMap<Timeframe, SeriesState>>,
}

/// One settled value of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation<'a> {
    /// The product.
    pub symbol: &'a Symbol,
    /// Length of the bar.
    pub timeframe: Timeframe,
    /// Start of the bar.
    pub time: Timestamp,
    /// Close of the bar.
    pub price: f64,
    /// MACD-V at the close.
    pub macd_v: f64,
    /// Signal at the close.
    pub signal: f64,
    /// Quality of the data behind the values.
    pub quality: Quality,
}

/// What an evaluation decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// Alerts to give out now, oldest first.
    pub alerts: Vec<Alert>,
    /// Alerts not made because their rule is in its cooldown.
    pub suppressed: u32,
    /// Alerts kept back because the data is not fresh.
    pub held: u32,
}

/// Keeps a series that stays stale for days from growing; the oldest go first.
const MAX_HELD: usize = 32;

impl Evaluator {
    /// An evaluator that has seen nothing.
    pub const fn new() -> Self {
        Self { series: BTreeMap::new() }
    }

    /// An evaluator that goes on from `state`.
    pub fn from_state(state: EvaluatorState) -> Self {
        let mut evaluator = Self::new();
        for series in state.series {
            evaluator.series.entry(series.symbol.clone()).or_default().insert(series.timeframe, series);
        }
        evaluator
    }

    /// Everything to remember, ordered by symbol and timeframe.
    pub fn state(&self) -> EvaluatorState {
        EvaluatorState { series: self.series.values().flat_map(BTreeMap::values).cloned().collect() }
    }

    /// Forgets one series, for example when its symbol is no longer watched.
    pub fn forget(&mut self, symbol: &Symbol, timeframe: Timeframe) {
        if let Some(timeframes) = self.series.get_mut(symbol) {
            timeframes.remove(&timeframe);
        }
    }

    /// Evaluates one settled value under `rules`. Values that are not real numbers change nothing.
    pub fn evaluate(&mut self, rules: &AlertRules, observation: &Observation<'_>) -> Evaluation {
        let Some(stage) = Stage::of(observation.macd_v, observation.signal) else { return Evaluation::default() };
        let known = self.series.get_mut(observation.symbol).and_then(|all| all.get_mut(&observation.timeframe));
        if let Some(series) = known {
            return if observation.time > series.last_time {
                series.evaluate(rules, observation, stage)
            } else {
                Evaluation::default()
            };
        }
        let primed = SeriesState::primed(rules, observation);
        self.series.entry(observation.symbol.clone()).or_default().insert(observation.timeframe, primed);
        Evaluation::default()
    }
}

impl SeriesState {
    fn primed(rules: &AlertRules, observation: &Observation<'_>) -> Self {
        let mut series = Self {
            symbol: observation.symbol.clone(),
            timeframe: observation.timeframe,
            last_time: observation.time,
            last_macd_v: observation.macd_v,
            latched_levels: Vec::new(),
            latched_reversals: Vec::new(),
            fired: Vec::new(),
            held: Vec::new(),
        };
        for direction in [Direction::Up, Direction::Down] {
            let beyond = |level: &&f64| observation.macd_v * direction.sign() > **level;
            series.latched_levels.extend(rules.levels.iter().filter(beyond).map(|level| level * direction.sign()));
        }
        series
    }

    fn evaluate(&mut self, rules: &AlertRules, now: &Observation<'_>, stage: Stage) -> Evaluation {
        self.release_latches(rules, now.macd_v);
        let crossed = self.crossed_level(rules, now.macd_v);
        let reversed = self.reversed(rules, now);
        let mut evaluation = Evaluation::default();
        for (kind, direction) in crossed.into_iter().chain(reversed) {
            if self.is_silent(rules, kind, direction, now.time) {
                evaluation.suppressed += 1;
                continue;
            }
            self.fired.push(Fired { level: kind.level(), direction, time: now.time });
            self.held.push(self.alert(now, kind, direction, stage));
        }
        self.last_time = now.time;
        self.last_macd_v = now.macd_v;
        if now.quality.is_fresh() || rules.on_bad_quality == QualityPolicy::Mark {
            evaluation.alerts = std::mem::take(&mut self.held);
        } else {
            evaluation.held = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
            self.held.drain(..self.held.len().saturating_sub(MAX_HELD));
        }
        evaluation
    }

    /// Re-arms what MACD-V has left by the hysteresis.
    fn release_latches(&mut self, rules: &AlertRules, macd_v: f64) {
        let left = |level: f64| macd_v * level.signum() < level.abs() - rules.hysteresis;
        self.latched_levels.retain(|level| !left(*level));
        if let Some(Reversal { zone, .. }) = rules.reversal {
            // A turn up happens below the negative zone, a turn down above the positive one.
            self.latched_reversals.retain(|direction| !left(-zone * direction.sign()));
        }
    }

    /// The furthest level crossed away from zero since the last value, if its latch is open.
    fn crossed_level(&mut self, rules: &AlertRules, macd_v: f64) -> Option<(AlertKind, Direction)> {
        let direction = if macd_v > self.last_macd_v { Direction::Up } else { Direction::Down };
        let sign = direction.sign();
        let (was, is) = (self.last_macd_v * sign, macd_v * sign);
        let mut furthest: Option<f64> = None;
        for level in rules.levels.iter().copied().filter(|level| was <= *level && is > *level) {
            if !self.latched_levels.contains(&(level * sign)) {
                self.latched_levels.push(level * sign);
                furthest = Some(furthest.map_or(level, |other| other.max(level)));
            }
        }
        let level = furthest? * sign;
        // A deeper extreme may reverse anew, whether or not its crossing is told.
        self.latched_reversals.retain(|reversal| *reversal == direction);
        Some((AlertKind::Level { level }, direction))
    }

    fn reversed(&mut self, rules: &AlertRules, now: &Observation<'_>) -> Option<(AlertKind, Direction)> {
        let Reversal { zone, up_percent, down_percent } = rules.reversal?;
        let histogram = now.macd_v - now.signal;
        let direction =
            if self.last_macd_v < -zone && now.macd_v < -zone && histogram > -now.macd_v * up_percent / 100.0 {
                Direction::Up
            } else if self.last_macd_v > zone && now.macd_v > zone && histogram < -now.macd_v * down_percent / 100.0 {
                Direction::Down
            } else {
                return None;
            };
        if self.latched_reversals.contains(&direction) {
            return None;
        }
        self.latched_reversals.push(direction);
        Some((AlertKind::Reversal, direction))
    }

    fn is_silent(&mut self, rules: &AlertRules, kind: AlertKind, direction: Direction, now: Timestamp) -> bool {
        let cooldown = rules.cooldown.millis(self.timeframe);
        self.fired.retain(|fired| now.millis_since(fired.time) < cooldown);
        self.fired.iter().any(|fired| fired.level == kind.level() && fired.direction == direction)
    }

    fn alert(&self, now: &Observation<'_>, kind: AlertKind, direction: Direction, stage: Stage) -> Alert {
        Alert {
            time: now.time,
            symbol: self.symbol.clone(),
            timeframe: self.timeframe,
            kind,
            direction,
            price: now.price,
            macd_v: now.macd_v,
            previous_macd_v: self.last_macd_v,
            signal: now.signal,
            histogram: now.macd_v - now.signal,
            stage,
            quality: now.quality,
        }
    }
}
