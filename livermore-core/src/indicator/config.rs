use serde::{Deserialize, Serialize};

use super::IndicatorError;

/// Parameters of [`MacdV`](super::MacdV). The default is the published 12/26/26/9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MacdVConfig {
    /// Period of the fast EMA, in bars. 1 to 10,000, less than `slow`.
    pub fast: u32,
    /// Period of the slow EMA, in bars. 1 to 10,000.
    pub slow: u32,
    /// Period of the ATR, in traded bars. 1 to 10,000.
    pub atr: u32,
    /// Period of the signal EMA, in bars. 1 to 10,000.
    pub signal: u32,
    /// Which bars seed the ATR.
    pub atr_seed: AtrSeed,
}

/// Which bars the first ATR value averages. The choice fades with time: its weight is under 0.1 % after 200 bars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AtrSeed {
    /// The first bar's high − low counts as a true range, so the ATR is defined from the n-th traded bar on.
    /// StockCharts, Spiroglou and most charting tools.
    #[default]
    FirstRange,
    /// The first bar has no true range (it has no previous close), so the ATR is defined one traded bar later. TA-Lib.
    TaLib,
}

impl Default for MacdVConfig {
    fn default() -> Self {
        Self { fast: 12, slow: 26, atr: 26, signal: 9, atr_seed: AtrSeed::FirstRange }
    }
}

impl MacdVConfig {
    /// History to load before values are shown, in bars: the seed's weight has fallen to 2e-5 by then.
    pub const DEFAULT_WARM_UP_BARS: u32 = 300;

    /// The same parameters with other EMA periods.
    pub const fn with_emas(mut self, fast: u32, slow: u32) -> Self {
        self.fast = fast;
        self.slow = slow;
        self
    }

    /// The same parameters with another ATR period.
    pub const fn with_atr(mut self, period: u32) -> Self {
        self.atr = period;
        self
    }

    /// The same parameters with another signal period.
    pub const fn with_signal(mut self, period: u32) -> Self {
        self.signal = period;
        self
    }

    /// The same parameters with another ATR seed.
    pub const fn with_atr_seed(mut self, seed: AtrSeed) -> Self {
        self.atr_seed = seed;
        self
    }

    /// Checks every parameter.
    pub fn validate(&self) -> Result<(), IndicatorError> {
        for (parameter, period) in
            [("fast", self.fast), ("slow", self.slow), ("atr", self.atr), ("signal", self.signal)]
        {
            check_period(parameter, period)?;
        }
        if self.fast < self.slow {
            Ok(())
        } else {
            Err(IndicatorError::Config {
                parameter: "fast",
                value: self.fast.to_string(),
                rule: "less than slow, the period of the slow EMA",
            })
        }
    }

    /// Bars needed for the first MACD-V value when every bar was traded: 26 with the defaults.
    pub fn first_value_bars(&self) -> u32 {
        self.slow.max(self.atr + self.bars_without_range())
    }

    /// Bars needed for the first signal value when every bar was traded: 34 with the defaults.
    pub fn first_signal_bars(&self) -> u32 {
        self.first_value_bars() + self.signal - 1
    }

    /// Bars after which the seeds of the EMAs and the ATR together weigh at most `weight` (for example `1e-4`).
    ///
    /// Before that, two streams of one market that began at different bars may visibly differ.
    pub fn settled_bars(&self, weight: f64) -> u32 {
        let settle = |period: u32, keep: f64| -> f64 {
            let steps = if keep > 0.0 { weight.clamp(f64::MIN_POSITIVE, 1.0).ln() / keep.ln() } else { 0.0 };
            f64::from(period) + steps.ceil()
        };
        let ema = |period: u32| settle(period, 1.0 - 2.0 / (f64::from(period) + 1.0));
        let wilder = settle(self.atr + self.bars_without_range(), 1.0 - 1.0 / f64::from(self.atr));
        let bars = wilder.max(ema(self.slow)).max(ema(self.fast)).max(f64::from(self.first_signal_bars()));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float-to-int casts saturate")]
        return bars as u32;
    }

    fn bars_without_range(&self) -> u32 {
        u32::from(self.atr_seed == AtrSeed::TaLib)
    }
}

/// The bound keeps every sum and decay factor well inside `f64`, and no market uses more.
pub(super) fn check_period(parameter: &'static str, period: u32) -> Result<(), IndicatorError> {
    if (1..=10_000).contains(&period) {
        Ok(())
    } else {
        Err(IndicatorError::Config { parameter, value: period.to_string(), rule: "from 1 to 10,000 bars" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_parameters_are_named() {
        let config = MacdVConfig::default();
        assert!(config.validate().is_ok());
        for (wrong, name) in [
            (config.with_emas(0, 26), "fast is 0"),
            (config.with_emas(26, 26), "fast is 26; it must be less than slow"),
            (config.with_atr(10_001), "atr is 10001"),
            (config.with_signal(0), "signal is 0"),
        ] {
            let message = wrong.validate().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn bars_needed() {
        let config = MacdVConfig::default();
        assert_eq!((config.first_value_bars(), config.first_signal_bars()), (26, 34));
        let ta_lib = config.with_atr_seed(AtrSeed::TaLib);
        assert_eq!((ta_lib.first_value_bars(), ta_lib.first_signal_bars()), (27, 35));
        assert!((290..=310).contains(&config.settled_bars(2e-5)), "{}", config.settled_bars(2e-5));
        assert_eq!(MacdVConfig::default().with_emas(1, 2).with_atr(1).with_signal(1).settled_bars(0.5), 3);
    }
}
