use serde::{Deserialize, Serialize};

use crate::{ErrorKind, ids::Timeframe};

/// When to alert. One immutable value per evaluation; changing it between evaluations is safe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AlertRules {
    /// Distances from zero at which a crossing alerts, on both sides. 1 to 32 different values over 0 to 10,000.
    pub levels: Vec<f64>,
    /// How far MACD-V must come back inside a level before crossing it can alert again. 0 to 1,000.
    pub hysteresis: f64,
    /// When a turn back from an extreme alerts; `None` switches it off.
    pub reversal: Option<Reversal>,
    /// How long one rule stays silent after it alerted.
    pub cooldown: Cooldown,
    /// What happens to alerts on data that is not fresh.
    pub on_bad_quality: QualityPolicy,
}

/// A turn back from an extreme: MACD-V was and is beyond `zone`, and has come back from its signal by a share of its
/// own value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reversal {
    /// Distance from zero beyond which a turn counts. Over 0 to 10,000.
    pub zone: f64,
    /// Turning up from below: histogram over this share of |MACD-V|, in percent. 0 to 100.
    pub up_percent: f64,
    /// Turning down from above: histogram under minus this share of MACD-V, in percent. 0 to 100.
    pub down_percent: f64,
}

/// Silence of one rule, for one symbol and timeframe, after it alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cooldown {
    /// At least this long, in milliseconds.
    pub min_ms: u64,
    /// And at least this many bars of the timeframe, so that a daily rule is not measured by the minute.
    pub bars: u32,
}

/// What happens to alerts on data that is not [`Fresh`](crate::market::Quality::Fresh).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum QualityPolicy {
    /// Kept back and released, oldest first, with the next fresh value of the series.
    #[default]
    Hold,
    /// Given out at once, marked with the quality.
    Mark,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            levels: vec![150.0, 200.0, 250.0, 300.0, 350.0, 400.0],
            hysteresis: 10.0,
            reversal: Some(Reversal { zone: 150.0, up_percent: 5.0, down_percent: 3.0 }),
            cooldown: Cooldown { min_ms: 300_000, bars: 3 },
            on_bad_quality: QualityPolicy::Hold,
        }
    }
}

impl AlertRules {
    /// The same rules with other levels.
    pub fn with_levels(mut self, levels: impl Into<Vec<f64>>) -> Self {
        self.levels = levels.into();
        self
    }

    /// The same rules with another hysteresis.
    pub const fn with_hysteresis(mut self, hysteresis: f64) -> Self {
        self.hysteresis = hysteresis;
        self
    }

    /// The same rules with another reversal rule.
    pub const fn with_reversal(mut self, reversal: Option<Reversal>) -> Self {
        self.reversal = reversal;
        self
    }

    /// The same rules with another cooldown.
    pub const fn with_cooldown(mut self, cooldown: Cooldown) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// The same rules with another policy for data that is not fresh.
    pub const fn with_quality_policy(mut self, policy: QualityPolicy) -> Self {
        self.on_bad_quality = policy;
        self
    }

    /// Checks every rule.
    pub fn validate(&self) -> Result<(), RulesError> {
        let refuse = |rule, value: f64, must| Err(RulesError { rule, value: value.to_string(), must });
        let distance = |value: f64| value > 0.0 && value <= 10_000.0;
        if self.levels.is_empty() || self.levels.len() > 32 {
            let value = format!("{} values", self.levels.len());
            return Err(RulesError { rule: "levels", value, must: "1 to 32 values" });
        }
        for (index, level) in self.levels.iter().enumerate() {
            if !distance(*level) {
                return refuse("levels", *level, "over 0 and at most 10,000");
            }
            if self.levels[..index].contains(level) {
                return refuse("levels", *level, "given once");
            }
        }
        if !(0.0..=1_000.0).contains(&self.hysteresis) {
            return refuse("hysteresis", self.hysteresis, "from 0 to 1,000");
        }
        if let Some(Reversal { zone, up_percent, down_percent }) = self.reversal {
            if !distance(zone) {
                return refuse("reversal.zone", zone, "over 0 and at most 10,000");
            }
            for (rule, percent) in [("reversal.upPercent", up_percent), ("reversal.downPercent", down_percent)] {
                if !(0.0..=100.0).contains(&percent) {
                    return refuse(rule, percent, "from 0 to 100");
                }
            }
        }
        Ok(())
    }
}

impl Cooldown {
    /// The silence for one timeframe, in milliseconds.
    pub fn millis(self, timeframe: Timeframe) -> i64 {
        let bars = i64::from(self.bars) * timeframe.millis();
        i64::try_from(self.min_ms).unwrap_or(i64::MAX).max(bars)
    }
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("alert rule {rule}: {value} must be {must}")]
pub struct RulesError {
    rule: &'static str,
    value: String,
    must: &'static str,
}

impl RulesError {
    /// The rule, as a path into [`AlertRules`].
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// Always [`ErrorKind::InvalidInput`].
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_rules_are_named() {
        let rules = AlertRules::default;
        assert_eq!(rules().validate(), Ok(()));
        for (wrong, message) in [
            (rules().with_levels([]), "alert rule levels: 0 values must be 1 to 32 values"),
            (rules().with_levels([150.0, f64::NAN]), "alert rule levels: NaN must be over 0 and at most 10,000"),
            (rules().with_levels([150.0, -150.0]), "alert rule levels: -150 must be over 0 and at most 10,000"),
            (rules().with_levels([150.0, 150.0]), "alert rule levels: 150 must be given once"),
            (rules().with_hysteresis(-1.0), "alert rule hysteresis: -1 must be from 0 to 1,000"),
            (
                rules().with_reversal(Some(Reversal { zone: 150.0, up_percent: 5.0, down_percent: 101.0 })),
                "alert rule reversal.downPercent: 101 must be from 0 to 100",
            ),
        ] {
            assert_eq!(wrong.validate().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn cooldown_scales_with_the_timeframe() {
        let cooldown = AlertRules::default().cooldown;
        assert_eq!(cooldown.millis(Timeframe::M1), 300_000);
        assert_eq!(cooldown.millis(Timeframe::H1), 3 * 3_600_000);
        assert_eq!(Cooldown { min_ms: u64::MAX, bars: 1 }.millis(Timeframe::M1), i64::MAX);
    }
}
