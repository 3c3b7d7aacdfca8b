use super::{
    AtrSeed, Bar, IndicatorError, MacdVConfig, MacdVPoint, MacdVSnapshot, NotReady,
    atr::true_range,
    ema::{ema_gain, ema_step},
    fma::fused,
    seed::Seed,
    snapshot::SeedSnapshot,
    wilder::{wilder_keep, wilder_step},
};

/// Streaming MACD-V of one series.
///
/// Give it every bar in order, no-trade bars included; time and completeness are looked after by
/// [`MacdVSeries`](super::MacdVSeries), which most callers want.
///
/// ```
/// use livermore_core::indicator::{Bar, MacdV, MacdVConfig};
/// let mut macd_v = MacdV::new(MacdVConfig::default())?;
/// let mut price = 100.0;
/// for _ in 0..60 {
///     price *= 1.005;
///     macd_v.update(&Bar::new(price * 1.01, price * 0.99, price)?);
/// }
/// let point = macd_v.latest();
/// assert!((point.macd_v().unwrap() - 177.584_670_02).abs() < 1e-8);
/// assert!((point.signal().unwrap() - 177.312_117_24).abs() < 1e-8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
// The point is the state: each value is read from where the last bar left it. The order keeps the values written each
// bar away from the factors that are not; the compiler would otherwise read a pair of neighbours as one vector while
// its half is still being written, which costs four times the whole update. Aligned, because the two averages are one
// vector, and where it crossed a cache line the update would take a quarter longer.
#[repr(C, align(16))]
pub struct MacdV {
    point: MacdVPoint,
    previous_close: f64,
    bars: u64,
    factors: Factors,
    seeds: Seeds,
    config: MacdVConfig,
}

#[derive(Debug, Clone, Copy)]
struct Factors {
    fast: f64,
    slow: f64,
    signal: f64,
    atr_keep: f64,
}

/// Only looked at until everything is seeded, and when MACD-V is undefined after that.
#[derive(Debug, Clone, Copy)]
struct Seeds {
    fast: Seed,
    slow: Seed,
    atr: Seed,
    signal: Seed,
    /// The signal to go on from while the point shows none.
    held_signal: f64,
}

impl MacdV {
    /// A MACD-V that has seen nothing.
    pub fn new(config: MacdVConfig) -> Result<Self, IndicatorError> {
        config.validate()?;
        let seeds = Seeds {
            fast: Seed::new(config.fast),
            slow: Seed::new(config.slow),
            atr: Seed::new(config.atr),
            signal: Seed::new(config.signal),
            held_signal: f64::NAN,
        };
        let mut new = Self {
            point: MacdVPoint::EMPTY,
            previous_close: f64::NAN,
            bars: 0,
            factors: Factors::of(&config),
            seeds,
            config,
        };
        new.point.not_ready = new.reason();
        Ok(new)
    }

    /// Takes the next finished bar and returns the values after it.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> &MacdVPoint {
        fused(
            #[inline(always)]
            || self.step(bar),
        );
        &self.point
    }

    /// The values the next finished bar would give if it were `bar`. Changes nothing: use it on a forming bar.
    #[inline]
    pub fn peek(&self, bar: &Bar) -> MacdVPoint {
        fused(
            #[inline(always)]
            || match self.advanced(bar) {
                Some(point) => point,
                None => self.seeding_peek(bar),
            },
        )
    }

    /// Takes many bars and shows the values after each: [`update`](Self::update) in a loop, at about half the cost.
    #[inline]
    pub fn update_all<'a>(&mut self, bars: impl IntoIterator<Item = &'a Bar>, mut each: impl FnMut(&MacdVPoint)) {
        fused(
            #[inline(always)]
            || {
                let mut bars = bars.into_iter();
                loop {
                    while !self.point.is_ready() {
                        let Some(bar) = bars.next() else { return };
                        each(self.seeding_step(bar));
                    }
                    // A local that no reference leaves lives in registers.
                    let mut local = *self;
                    let undefined = loop {
                        let Some(bar) = bars.next() else {
                            *self = local;
                            return;
                        };
                        let Some(point) = local.advanced(bar) else { break bar };
                        local.accept(bar, &point);
                        each(&point);
                    };
                    *self = local;
                    each(self.seeding_step(undefined));
                }
            },
        );
    }

    /// The values after the last bar.
    #[inline]
    pub const fn latest(&self) -> &MacdVPoint {
        &self.point
    }

    /// The parameters.
    pub const fn config(&self) -> &MacdVConfig {
        &self.config
    }

    pub(super) const fn previous_close(&self) -> f64 {
        self.previous_close
    }

    /// Bars taken so far.
    pub const fn bars(&self) -> u64 {
        self.bars
    }

    /// The whole state. A MACD-V restored from it goes on bit for bit as this one would.
    pub fn snapshot(&self) -> MacdVSnapshot {
        let signal_value = if self.point.signal.is_nan() { self.seeds.held_signal } else { self.point.signal };
        MacdVSnapshot {
            config: self.config,
            bars: self.bars,
            previous_close: some(self.previous_close),
            fast: SeedSnapshot::of(&self.seeds.fast, self.point.fast),
            slow: SeedSnapshot::of(&self.seeds.slow, self.point.slow),
            atr: SeedSnapshot::of(&self.seeds.atr, self.point.atr),
            signal: SeedSnapshot::of(&self.seeds.signal, signal_value),
            macd_v: some(self.point.macd_v),
        }
    }

    /// Goes on from a snapshot; refuses one that this code could not have made.
    pub fn restore(snapshot: &MacdVSnapshot) -> Result<Self, IndicatorError> {
        snapshot.check()?;
        let mut restored = Self::new(snapshot.config)?;
        let config = &snapshot.config;
        (restored.seeds.fast, restored.point.fast) = snapshot.fast.resume(config.fast)?;
        (restored.seeds.slow, restored.point.slow) = snapshot.slow.resume(config.slow)?;
        (restored.seeds.atr, restored.point.atr) = snapshot.atr.resume(config.atr)?;
        (restored.seeds.signal, restored.seeds.held_signal) = snapshot.signal.resume(config.signal)?;
        restored.bars = snapshot.bars;
        restored.previous_close = snapshot.previous_close.unwrap_or(f64::NAN);
        restored.point.macd_v = snapshot.macd_v.unwrap_or(f64::NAN);
        if snapshot.macd_v.is_some() && restored.seeds.signal.is_complete() {
            restored.point.signal = restored.seeds.held_signal;
        }
        restored.point.not_ready = restored.reason();
        Ok(restored)
    }

    #[inline(always)]
    fn step(&mut self, bar: &Bar) {
        match self.advanced(bar) {
            Some(point) => self.accept(bar, &point),
            None => {
                self.seeding_step(bar);
            }
        }
    }

    #[inline(always)]
    fn accept(&mut self, bar: &Bar, point: &MacdVPoint) {
        // Field by field: a copy of the whole point would be read as vectors right after being written as words.
        self.point.fast = point.fast;
        self.point.slow = point.slow;
        self.point.atr = point.atr;
        self.point.macd_v = point.macd_v;
        self.point.signal = point.signal;
        self.previous_close = bar.close;
        self.bars += 1;
    }

    /// The values after `bar`, if all were there before it and are there after it. Nearly every bar.
    #[inline(always)]
    fn advanced(&self, bar: &Bar) -> Option<MacdVPoint> {
        if !self.point.is_ready() {
            return None;
        }
        let fast = ema_step(self.point.fast, self.factors.fast, bar.close);
        let slow = ema_step(self.point.slow, self.factors.slow, bar.close);
        let smoothed = wilder_step(self.point.atr, self.factors.atr_keep, true_range(bar, self.previous_close));
        let atr = if bar.traded { smoothed } else { self.point.atr };
        let macd_v = macd_v(fast, slow, atr);
        let signal = ema_step(self.point.signal, self.factors.signal, macd_v);
        // A range of zero makes the quotient infinite or NaN, and the signal with it.
        signal.is_finite().then_some(MacdVPoint { fast, slow, atr, macd_v, signal, not_ready: None })
    }

    #[cold]
    #[inline(never)]
    fn seeding_peek(&self, bar: &Bar) -> MacdVPoint {
        *{ *self }.seeding_step(bar)
    }

    /// [`step`](Self::step) in every other case: some value is still being seeded, or MACD-V is undefined.
    #[cold]
    #[inline(never)]
    fn seeding_step(&mut self, bar: &Bar) -> &MacdVPoint {
        let Factors { fast, slow, signal, atr_keep } = self.factors;
        let ema = |seed: &mut Seed, value: f64, gain: f64, x: f64| {
            if seed.is_complete() { ema_step(value, gain, x) } else { seed.add(x).unwrap_or(f64::NAN) }
        };
        self.point.fast = ema(&mut self.seeds.fast, self.point.fast, fast, bar.close);
        self.point.slow = ema(&mut self.seeds.slow, self.point.slow, slow, bar.close);
        if bar.traded && (self.bars > 0 || self.config.atr_seed == AtrSeed::FirstRange) {
            let range = true_range(bar, self.previous_close);
            self.point.atr = if self.seeds.atr.is_complete() {
                wilder_step(self.point.atr, atr_keep, range)
            } else {
                self.seeds.atr.add(range).unwrap_or(f64::NAN)
            };
        }
        let macd_v = macd_v(self.point.fast, self.point.slow, self.point.atr);
        let held = if self.point.signal.is_nan() { self.seeds.held_signal } else { self.point.signal };
        let before = self.seeds.signal;
        let next = if macd_v.is_finite() { ema(&mut self.seeds.signal, held, signal, macd_v) } else { f64::NAN };
        if macd_v.is_finite() && !next.is_infinite() {
            (self.point.macd_v, self.point.signal) = (macd_v, next);
        } else {
            // Undefined on this bar: nothing is shown, and the signal goes on later from where it was.
            (self.point.macd_v, self.point.signal, self.seeds.signal) = (f64::NAN, f64::NAN, before);
        }
        self.seeds.held_signal = if self.point.signal.is_nan() { held } else { self.point.signal };
        self.previous_close = bar.close;
        self.bars += 1;
        self.point.not_ready = self.reason();
        &self.point
    }

    fn reason(&self) -> Option<NotReady> {
        let Seeds { fast, slow, atr, signal, .. } = &self.seeds;
        let price_bars = fast.missing().max(slow.missing());
        let skipped_first = u32::from(self.bars == 0 && self.config.atr_seed == AtrSeed::TaLib);
        let range_bars = if atr.is_complete() { 0 } else { atr.missing() + skipped_first };
        // Quiet bars are to blame once there were more bars than a busy market would have needed.
        if range_bars > 0 && self.bars >= u64::from(self.config.first_value_bars()) {
            Some(NotReady::LowTradingActivity { traded_bars_needed: range_bars })
        } else if price_bars.max(range_bars) > 0 {
            Some(NotReady::WarmingUp { bars_needed: price_bars.max(range_bars) })
        } else if self.point.macd_v.is_nan() {
            Some(NotReady::ZeroRange)
        } else if !signal.is_complete() {
            Some(NotReady::SignalWarmingUp { bars_needed: signal.missing() })
        } else {
            None
        }
    }
}

impl Factors {
    fn of(config: &MacdVConfig) -> Self {
        Self {
            fast: ema_gain(config.fast),
            slow: ema_gain(config.slow),
            signal: ema_gain(config.signal),
            atr_keep: wilder_keep(config.atr),
        }
    }
}

#[inline(always)]
pub(super) fn macd_v(fast: f64, slow: f64, atr: f64) -> f64 {
    (fast - slow) / atr * 100.0
}

/// MACD-V of a whole history: the same values, bit for bit, as [`MacdV::update`] bar by bar.
pub fn macd_v_batch(config: MacdVConfig, bars: &[Bar]) -> Result<Vec<MacdVPoint>, IndicatorError> {
    let mut points = Vec::with_capacity(bars.len());
    MacdV::new(config)?.update_all(bars, |point| points.push(*point));
    Ok(points)
}

fn some(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{exchange::SplitMix64, indicator::fma::portable};

    /// Runs the same updates with and without the processor's own fused multiply-add.
    #[test]
    fn the_bits_do_not_depend_on_the_processor() {
        let mut rng = SplitMix64::new(11);
        let mut uniform = |low: i64, high: i64| f64::from(i32::try_from(rng.between(low, high)).unwrap());
        let mut here = MacdV::new(MacdVConfig::default()).unwrap();
        let mut elsewhere = here;
        let mut close = 10_000.0;
        for _ in 0..20_000 {
            close += uniform(-150, 150) / 7.0;
            let bar = Bar::new(close + uniform(0, 90) / 11.0, close - uniform(0, 90) / 13.0, close).unwrap();
            let forming = portable(|| elsewhere.advanced(&bar));
            if let Some(forming) = forming {
                assert_eq!(bits(&here.peek(&bar)), bits(&forming));
            }
            here.update(&bar);
            portable(|| elsewhere.step(&bar));
            assert_eq!(bits(here.latest()), bits(elsewhere.latest()));
        }
        assert!(here.latest().is_ready());
    }

    fn bits(point: &MacdVPoint) -> [u64; 5] {
        [point.fast, point.slow, point.atr, point.macd_v, point.signal].map(f64::to_bits)
    }
}
