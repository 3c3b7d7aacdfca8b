//! Stories of one series, told as MACD-V values.

use livermore_core::{
    alert::{Alert, AlertKind, AlertRules, Cooldown, Direction, Evaluator, EvaluatorState, Observation, QualityPolicy},
    ids::{Symbol, Timeframe, Timestamp},
    market::Quality,
};
use proptest::prelude::*;

/// No cooldown, so that each story shows one rule at work.
fn rules() -> AlertRules {
    AlertRules::default().with_cooldown(Cooldown { min_ms: 0, bars: 0 })
}

struct Story {
    rules: AlertRules,
    evaluator: Evaluator,
    symbol: Symbol,
    minute: i64,
    suppressed: u32,
}

impl Story {
    fn new(rules: AlertRules) -> Self {
        rules.validate().unwrap();
        let symbol = Symbol::new("BTC-USD").unwrap();
        Self { rules, evaluator: Evaluator::new(), symbol, minute: 0, suppressed: 0 }
    }

    fn tell(&mut self, macd_v: f64, signal: f64, quality: Quality) -> Vec<Alert> {
        self.minute += 1;
        let evaluation = self.evaluator.evaluate(
            &self.rules,
            &Observation {
                symbol: &self.symbol,
                timeframe: Timeframe::M1,
                time: Timestamp::from_secs(self.minute * 60).unwrap(),
                price: 100.0,
                macd_v,
                signal,
                quality,
            },
        );
        self.suppressed += evaluation.suppressed;
        evaluation.alerts
    }

    /// MACD-V values with a signal that never causes a reversal; the level of each alert.
    fn levels(&mut self, values: &[f64]) -> Vec<Option<f64>> {
        let alerts: Vec<_> = values.iter().flat_map(|value| self.tell(*value, *value, Quality::Fresh)).collect();
        alerts.iter().map(|alert| alert.kind.level()).collect()
    }
}

#[test]
fn a_crossing_away_from_zero_alerts_once() {
    let mut story = Story::new(rules());
    assert_eq!(story.levels(&[100.0, 149.0, 151.0, 170.0, 199.0]), [Some(150.0)]);
    assert_eq!(story.levels(&[-149.0, -151.0, -160.0]), [Some(-150.0)]);
}

#[test]
fn the_alert_carries_what_caused_it() {
    let mut story = Story::new(rules());
    story.tell(140.0, 120.0, Quality::Fresh);
    let alert = story.tell(155.0, 125.0, Quality::Fresh).remove(0);
    assert_eq!((alert.kind, alert.direction), (AlertKind::Level { level: 150.0 }, Direction::Up));
    assert_eq!((alert.previous_macd_v, alert.macd_v, alert.signal, alert.histogram), (140.0, 155.0, 125.0, 30.0));
    let json = serde_json::to_value(&alert).unwrap();
    assert_eq!(json["kind"], "level");
    assert_eq!(json["stage"], "overbought");
    assert_eq!(serde_json::from_value::<Alert>(json).unwrap(), alert);
}

#[test]
fn the_first_value_only_primes() {
    let mut story = Story::new(rules());
    assert_eq!(story.levels(&[260.0, 265.0]), []);
    assert_eq!(story.levels(&[149.0, 151.0]), [], "still inside the hysteresis of the primed level");
    assert_eq!(story.levels(&[100.0, 151.0]), [Some(150.0)]);
}

#[test]
fn a_move_over_several_levels_alerts_for_the_furthest() {
    let mut story = Story::new(rules());
    assert_eq!(story.levels(&[0.0, 260.0]), [Some(250.0)]);
    assert_eq!(story.levels(&[240.1, 251.0]), [], "250 is latched");
    assert_eq!(story.levels(&[-310.0]), [Some(-300.0)]);
}

#[test]
fn a_value_exactly_on_a_level_has_not_crossed_it() {
    let mut story = Story::new(rules());
    assert_eq!(story.levels(&[100.0, 150.0]), []);
    assert_eq!(story.levels(&[150.000_001]), [Some(150.0)]);
}

#[test]
fn chatter_around_a_level_alerts_once_until_it_was_left_by_the_hysteresis() {
    let mut story = Story::new(rules());
    let chatter: Vec<f64> = (0..50).map(|index| if index % 2 == 0 { 149.0 } else { 151.0 }).collect();
    assert_eq!(story.levels(&chatter), [Some(150.0)]);
    assert_eq!(story.levels(&[140.0, 151.0]), [], "140 is exactly the hysteresis: not yet left");
    assert_eq!(story.levels(&[139.9, 151.0]), [Some(150.0)]);
}

#[test]
fn coming_back_inside_a_level_is_not_a_crossing() {
    let mut story = Story::new(rules());
    assert_eq!(story.levels(&[0.0, 210.0, 100.0]), [Some(200.0)]);
    assert_eq!(story.levels(&[-20.0, -160.0, 0.0]), [Some(-150.0)]);
}

#[test]
fn a_rule_is_silent_for_its_cooldown_and_says_that_it_was() {
    let mut story = Story::new(AlertRules::default()); // five minutes on 1m bars
    assert_eq!(story.levels(&[0.0, 151.0]), [Some(150.0)]); // minute 2
    assert_eq!(story.levels(&[0.0, 151.0, 0.0]), []); // minute 4 is silent
    assert_eq!(story.suppressed, 1);
    assert_eq!(story.levels(&[-151.0]), [Some(-150.0)], "the other side is another rule");
    assert_eq!(story.levels(&[151.0]), [Some(150.0)], "minute 7 is five minutes after minute 2");
}

#[test]
fn a_reversal_alerts_once_per_extreme() {
    let mut story = Story::new(rules());
    let kinds = |alerts: Vec<Alert>| alerts.iter().map(|alert| (alert.kind, alert.direction)).collect::<Vec<_>>();
    let up = [(AlertKind::Reversal, Direction::Up)];
    story.tell(0.0, 0.0, Quality::Fresh);
    story.tell(-180.0, -180.0, Quality::Fresh); // crosses -150
    assert_eq!(kinds(story.tell(-170.0, -178.0, Quality::Fresh)), [], "8 is under 5 % of 170");
    assert_eq!(kinds(story.tell(-170.0, -179.0, Quality::Fresh)), up, "9 is over");
    assert_eq!(kinds(story.tell(-165.0, -180.0, Quality::Fresh)), [], "once");
    story.tell(-210.0, -190.0, Quality::Fresh); // a further level re-arms
    assert_eq!(kinds(story.tell(-200.0, -220.0, Quality::Fresh)), up);
    story.tell(-100.0, -100.0, Quality::Fresh); // leaving the zone re-arms
    story.tell(-180.0, -180.0, Quality::Fresh);
    assert_eq!(kinds(story.tell(-170.0, -180.0, Quality::Fresh)), up);
}

#[test]
fn a_turn_down_needs_its_own_share() {
    let mut story = Story::new(rules());
    story.tell(0.0, 0.0, Quality::Fresh);
    story.tell(180.0, 180.0, Quality::Fresh);
    assert!(story.tell(200.0, 205.9, Quality::Fresh).is_empty(), "5.9 is under 3 % of 200");
    let alert = story.tell(200.0, 206.1, Quality::Fresh).remove(0);
    assert_eq!((alert.kind, alert.direction), (AlertKind::Reversal, Direction::Down));
}

#[test]
fn alerts_on_bad_data_wait_for_good_data() {
    let mut story = Story::new(rules());
    story.tell(100.0, 100.0, Quality::Fresh);
    assert!(story.tell(160.0, 160.0, Quality::Gapped).is_empty());
    assert!(story.tell(210.0, 210.0, Quality::Repairing).is_empty());
    let released = story.tell(211.0, 211.0, Quality::Fresh);
    assert_eq!(released.iter().map(|alert| alert.kind.level()).collect::<Vec<_>>(), [Some(150.0), Some(200.0)]);
    assert_eq!(released[0].quality, Quality::Gapped, "the quality at the time stays visible");
    assert!(story.tell(212.0, 212.0, Quality::Fresh).is_empty());

    let mut marked = Story::new(rules().with_quality_policy(QualityPolicy::Mark));
    marked.tell(100.0, 100.0, Quality::Fresh);
    assert_eq!(marked.tell(160.0, 160.0, Quality::Stale)[0].quality, Quality::Stale);
}

#[test]
fn a_bar_is_evaluated_once_and_nonsense_never() {
    let mut story = Story::new(rules());
    story.tell(100.0, 100.0, Quality::Fresh);
    story.minute -= 1;
    assert!(story.tell(160.0, 160.0, Quality::Fresh).is_empty(), "the same bar again");
    assert!(story.tell(f64::NAN, 0.0, Quality::Fresh).is_empty());
    assert!(story.tell(f64::INFINITY, 0.0, Quality::Fresh).is_empty());
    assert_eq!(story.tell(160.0, 160.0, Quality::Fresh).len(), 1);
}

#[test]
fn series_do_not_affect_each_other() {
    let (rules, mut evaluator) = (rules(), Evaluator::new());
    let symbols = ["BTC-USD", "ETH-USD"].map(|name| Symbol::new(name).unwrap());
    let mut tell = |symbol: &Symbol, timeframe, minute: i64, macd_v| {
        let time = Timestamp::from_secs(minute * 60).unwrap();
        let observation =
            Observation { symbol, timeframe, time, price: 1.0, macd_v, signal: macd_v, quality: Quality::Fresh };
        evaluator.evaluate(&rules, &observation).alerts.len()
    };
    assert_eq!(tell(&symbols[0], Timeframe::M1, 1, 100.0), 0);
    assert_eq!(tell(&symbols[1], Timeframe::M1, 1, 160.0), 0, "first of its series");
    assert_eq!(tell(&symbols[0], Timeframe::M5, 5, 160.0), 0, "first of its series");
    assert_eq!(tell(&symbols[0], Timeframe::M1, 2, 160.0), 1);
}

proptest! {
    /// A restart at any point changes nothing: no alert twice, none lost.
    #[test]
    fn a_restored_evaluator_goes_on_as_if_nothing_happened(
        values in prop::collection::vec((-420.0..420.0_f64, -20.0..20.0_f64, 0..4_usize), 1..80),
        cut in any::<prop::sample::Index>(),
        default_rules in any::<bool>(),
    ) {
        let rules = if default_rules { AlertRules::default() } else { rules() };
        let quality = [Quality::Fresh, Quality::Fresh, Quality::Fresh, Quality::Gapped];
        let run = |story: &mut Story, values: &[(f64, f64, usize)]| -> Vec<Vec<Alert>> {
            values.iter().map(|(value, offset, q)| story.tell(*value, value + offset, quality[*q])).collect()
        };
        let whole = run(&mut Story::new(rules.clone()), &values);
        let cut = cut.index(values.len() + 1);
        let mut story = Story::new(rules);
        let mut parts = run(&mut story, &values[..cut]);
        let stored = serde_json::to_string(&story.evaluator.state()).unwrap();
        let state: EvaluatorState = serde_json::from_str(&stored).unwrap();
        story.evaluator = Evaluator::from_state(state);
        parts.extend(run(&mut story, &values[cut..]));
        prop_assert_eq!(parts, whole);
    }
}
