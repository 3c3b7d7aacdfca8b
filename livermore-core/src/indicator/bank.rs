use super::{
    Bar, IndicatorError, MacdV, MacdVConfig, MacdVPoint,
    ema::{ema_gain, ema_step},
    fma::fused,
    macd_v::macd_v,
    wilder::{wilder_keep, wilder_step},
};

/// MACD-V of many series that advance together, one bar of each a step: all symbols of one timeframe at its boundary.
///
/// Lane by lane the values are those of [`MacdV`], bit for bit; stepping them side by side is several times faster.
///
/// ```
/// use livermore_core::indicator::{Bar, BankBars, MacdVBank, MacdVConfig};
/// let mut bank = MacdVBank::new(MacdVConfig::default(), 1_024)?;
/// let mut bars = BankBars::new(1_024);
/// bars.set(7, &Bar::new(101.0, 99.0, 100.0)?);
/// bank.step(&bars);
/// assert!(bank.point(7).is_some_and(|point| point.macd_v().is_none()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct MacdVBank {
    config: MacdVConfig,
    lanes: Lanes,
    /// Lanes in which some value is missing, kept as single indicators until all are there.
    seeding: Vec<(usize, MacdV)>,
}

/// The bars of one step, a column each for high, low and close.
#[derive(Debug, Clone)]
pub struct BankBars {
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    traded: Vec<bool>,
}

#[derive(Debug, Clone)]
struct Lanes {
    fast: Vec<f64>,
    slow: Vec<f64>,
    atr: Vec<f64>,
    macd_v: Vec<f64>,
    signal: Vec<f64>,
    previous_close: Vec<f64>,
}

impl BankBars {
    /// Bars for `lanes` lanes, all without trades at price 0.
    pub fn new(lanes: usize) -> Self {
        let zeros = || vec![0.0; lanes];
        Self { high: zeros(), low: zeros(), close: zeros(), traded: vec![false; lanes] }
    }

    /// Puts a bar into a lane; false if there is no such lane.
    #[inline]
    pub fn set(&mut self, lane: usize, bar: &Bar) -> bool {
        let columns =
            (self.high.get_mut(lane), self.low.get_mut(lane), self.close.get_mut(lane), self.traded.get_mut(lane));
        let (Some(high), Some(low), Some(close), Some(traded)) = columns else { return false };
        (*high, *low, *close, *traded) = (bar.high, bar.low, bar.close, bar.traded);
        true
    }

    fn bar(&self, lane: usize) -> Bar {
        Bar { high: self.high[lane], low: self.low[lane], close: self.close[lane], traded: self.traded[lane] }
    }
}

impl MacdVBank {
    /// A bank of `lanes` series that have seen nothing.
    pub fn new(config: MacdVConfig, lanes: usize) -> Result<Self, IndicatorError> {
        let empty = MacdV::new(config)?;
        let zeros = || vec![0.0; lanes];
        Ok(Self {
            config,
            lanes: Lanes {
                fast: zeros(),
                slow: zeros(),
                atr: zeros(),
                macd_v: zeros(),
                signal: zeros(),
                previous_close: zeros(),
            },
            seeding: (0..lanes).map(|lane| (lane, empty)).collect(),
        })
    }

    /// Number of lanes.
    pub fn lanes(&self) -> usize {
        self.lanes.fast.len()
    }

    /// Takes one bar for every lane. Lanes beyond those of `bars` take nothing; extra bars are not looked at.
    pub fn step(&mut self, bars: &BankBars) {
        let count = self.lanes().min(bars.close.len());
        if self.seeding.len() < self.lanes() {
            let config = self.config;
            let lanes = &mut self.lanes;
            fused(
                #[inline(always)]
                || lanes.step(&config, bars, count),
            );
        }
        let was_seeding = self.seeding.len();
        let lanes = &mut self.lanes;
        self.seeding.retain_mut(|(lane, macd_v)| {
            if *lane >= count {
                return true;
            }
            let ready = macd_v.update(&bars.bar(*lane)).is_ready();
            if ready {
                lanes.put(*lane, macd_v.latest(), bars.close[*lane]);
            }
            !ready
        });
        debug_assert!(self.seeding.len() <= was_seeding, "lanes leave seeding, they never return");
    }

    /// The values of a lane after the last step; `None` if there is no such lane.
    pub fn point(&self, lane: usize) -> Option<MacdVPoint> {
        match self.seeding.binary_search_by_key(&lane, |(lane, _)| *lane) {
            Ok(index) => Some(*self.seeding[index].1.latest()),
            Err(_) => self.lanes.point(lane),
        }
    }

    /// Puts a running indicator into a lane, for example one warmed up from history. Refused if its parameters differ
    /// or there is no such lane.
    pub fn replace(&mut self, lane: usize, macd_v: MacdV) -> Result<(), IndicatorError> {
        if *macd_v.config() != self.config {
            return Err(IndicatorError::Config {
                parameter: "config",
                value: format!("{:?}", macd_v.config()),
                rule: "equal to the bank's",
            });
        }
        if lane >= self.lanes() {
            return Err(IndicatorError::Config {
                parameter: "lane",
                value: lane.to_string(),
                rule: "a lane of the bank",
            });
        }
        let position = self.seeding.binary_search_by_key(&lane, |(lane, _)| *lane);
        match (macd_v.latest().is_ready(), position) {
            (true, position) => {
                self.lanes.put(lane, macd_v.latest(), macd_v.previous_close());
                if let Ok(index) = position {
                    self.seeding.remove(index);
                }
            }
            (false, Ok(index)) => self.seeding[index].1 = macd_v,
            (false, Err(index)) => self.seeding.insert(index, (lane, macd_v)),
        }
        Ok(())
    }
}

impl Lanes {
    #[inline(always)]
    fn step(&mut self, config: &MacdVConfig, bars: &BankBars, count: usize) {
        let (fast_gain, slow_gain) = (ema_gain(config.fast), ema_gain(config.slow));
        let (signal_gain, atr_keep) = (ema_gain(config.signal), wilder_keep(config.atr));
        // Slices of one length let the compiler drop the bounds checks and work on four lanes at a time.
        let (high, low) = (&bars.high[..count], &bars.low[..count]);
        let (close, traded) = (&bars.close[..count], &bars.traded[..count]);
        let (fast, slow) = (&mut self.fast[..count], &mut self.slow[..count]);
        let (atr, macd) = (&mut self.atr[..count], &mut self.macd_v[..count]);
        let (signal, previous) = (&mut self.signal[..count], &mut self.previous_close[..count]);
        for lane in 0..count {
            let bar = Bar { high: high[lane], low: low[lane], close: close[lane], traded: true };
            // Read first, write last: a value written only in some lanes becomes a masked store, which is slow.
            let (kept_atr, kept_signal) = (atr[lane], signal[lane]);
            let next_fast = ema_step(fast[lane], fast_gain, bar.close);
            let next_slow = ema_step(slow[lane], slow_gain, bar.close);
            let smoothed = wilder_step(kept_atr, atr_keep, super::true_range(&bar, previous[lane]));
            let next_atr = if traded[lane] { smoothed } else { kept_atr };
            let value = macd_v(next_fast, next_slow, next_atr);
            let next = ema_step(kept_signal, signal_gain, value);
            // Undefined values are not shown, and the signal goes on later from where it was.
            let defined = next.is_finite();
            (fast[lane], slow[lane], atr[lane]) = (next_fast, next_slow, next_atr);
            macd[lane] = if defined { value } else { f64::NAN };
            signal[lane] = if defined { next } else { kept_signal };
            previous[lane] = bar.close;
        }
    }

    fn put(&mut self, lane: usize, point: &MacdVPoint, previous_close: f64) {
        self.fast[lane] = point.fast;
        self.slow[lane] = point.slow;
        self.atr[lane] = point.atr;
        self.macd_v[lane] = point.macd_v;
        self.signal[lane] = point.signal;
        self.previous_close[lane] = previous_close;
    }

    fn point(&self, lane: usize) -> Option<MacdVPoint> {
        let macd_v = *self.macd_v.get(lane)?;
        Some(MacdVPoint {
            fast: self.fast[lane],
            slow: self.slow[lane],
            atr: self.atr[lane],
            macd_v,
            signal: if macd_v.is_nan() { f64::NAN } else { self.signal[lane] },
            not_ready: macd_v.is_nan().then_some(super::NotReady::ZeroRange),
        })
    }
}
