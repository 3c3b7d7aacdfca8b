//! What commands mean: the table of `decide`.

use livermore_core::{
    control::{
        Backfill, CacheScope, Case, Command, Decision, Desired, OutcomeCode, PauseLevel, Phase, SettingsAnswer, Step,
        Verdict, decide,
    },
    ids::{Revision, Timeframe, Timestamp},
    settings::Mode,
    testkit::ControlScenario,
};
use serde_json::json;

use super::parsing::{every_command, id, record_of, symbol};

fn backfill() -> Command {
    Command::ForceBackfill(Backfill { symbols: vec![symbol("BTC-USD")], timeframes: Vec::new(), days: None })
}

fn pause(level: PauseLevel) -> Command {
    Command::Pause { level }
}

fn in_phase(phase: Phase) -> Desired {
    Desired { phase, ..Desired::default() }
}

#[test]
fn case_3_a_pause_while_paused_changes_nothing() {
    for level in PauseLevel::ALL {
        let scenario = ControlScenario::given()
            .earlier(&pause(level))
            .when(&pause(level))
            .then(Verdict::Applied, &OutcomeCode::UNCHANGED)
            .then_desired(|desired| desired.generation.get() == 1 && desired.made_by.is_some());
        let outcome = scenario.records()[1].outcome.clone().unwrap();
        assert_eq!((outcome.changed, outcome.generation.get(), outcome.detail), (false, 1, None));
    }
}

#[test]
fn a_lighter_pause_never_starts_anything() {
    let phases = [Phase::Running, Phase::Muted, Phase::Held, Phase::Stopped];
    for before in phases {
        for level in PauseLevel::ALL {
            let wanted = Phase::from(level);
            let scenario = ControlScenario::given_desired(in_phase(before)).when(&pause(level));
            assert_eq!(scenario.desired().phase, before.max(wanted), "{level} while {before}");
            let outcome = scenario.records()[0].outcome.as_ref().unwrap();
            assert_eq!(
                (outcome.verdict, outcome.changed),
                (Verdict::Applied, wanted > before),
                "{level} while {before}"
            );
            let told = outcome.detail.as_deref().unwrap_or_default();
            assert_eq!(told.contains("resume first"), before > wanted, "{level} while {before}: {told:?}");
        }
        let scenario = ControlScenario::given_desired(in_phase(before)).when(&Command::Resume);
        assert_eq!(scenario.desired().phase, Phase::Running, "resume while {before}");
    }
}

#[test]
fn case_6_a_mode_that_is_not_there_is_refused() {
    ControlScenario::given()
        .when(&Command::SwitchMode { mode: Mode::ScalperOrderbook })
        .then_outcome(
            |outcome| {
                let detail = outcome.detail.as_deref().unwrap_or_default();
                outcome.verdict == Verdict::Rejected
                    && outcome.code == OutcomeCode::NOT_IMPLEMENTED
                    && detail.contains("position-monitor, scalper-macdv")
            },
            "a refusal with the accepted modes",
        )
        .then_desired(|desired| *desired == Desired::default());
}

#[test]
fn changes_of_the_settings_raise_their_revision() {
    let changes = every_command().into_iter().filter(|command| command.kind().changes_settings());
    for change in changes.filter(|change| *change != Command::SwitchMode { mode: Mode::ScalperOrderbook }) {
        ControlScenario::given()
            .when(&change)
            .then(Verdict::Applied, &OutcomeCode::CHANGED)
            .then_desired(|desired| desired.settings_revision.get() == 1 && desired.generation.get() == 1);
        ControlScenario::given()
            .settings_refuse("500 symbols are there already")
            .when(&change)
            .then_outcome(
                |outcome| {
                    outcome.code == OutcomeCode::SETTINGS_REFUSED
                        && outcome.detail.as_deref() == Some("500 symbols are there already")
                },
                "what the settings said",
            )
            .then_desired(|desired| *desired == Desired::default());
    }
}

#[test]
fn reload_settings_takes_what_is_stored_and_refuses_what_is_not() {
    let at = |number| Some(Revision::new(number).unwrap());
    let stored = || ControlScenario::given().earlier(&Command::AddSymbol { symbol: symbol("BTC-USD") });
    let reload = |revision| Command::ReloadSettings { revision };
    for revision in [None, at(0), at(1)] {
        stored().when(&reload(revision)).then(Verdict::Applied, &OutcomeCode::UNCHANGED);
    }
    stored().when(&reload(at(2))).then(Verdict::Rejected, &OutcomeCode::NO_SUCH_REVISION);
    stored().too_late().when(&reload(None)).then(Verdict::Expired, &OutcomeCode::EXPIRED);
    // A newer revision made elsewhere is taken over.
    let record = record_of(&reload(None));
    let answer = SettingsAnswer::At { revision: Revision::new(7).unwrap(), changed: false };
    let decision = decided(&record, &Desired::default(), Some(&answer));
    assert_eq!(decision.desired.map(|desired| desired.settings_revision.get()), Some(7));
    assert!((decision.changed, decision.is_done) == (true, false), "a reload is not done before it is decided");
    // The desired revision never goes back.
    let ahead = Desired { settings_revision: Revision::new(9).unwrap(), ..Desired::default() };
    assert_eq!(decided(&record, &ahead, Some(&answer)).desired, None);
}

#[test]
fn jobs_have_a_most_and_make_room_when_they_end() {
    let mut scenario = ControlScenario::given();
    for _ in 0..Desired::MAX_JOBS {
        scenario = scenario.when(&backfill()).then(Verdict::Applied, &OutcomeCode::CHANGED);
    }
    scenario
        .when(&Command::ClearCache { scope: CacheScope::All })
        .then(Verdict::Rejected, &OutcomeCode::TOO_MANY_JOBS)
        .then_desired(|desired| desired.jobs.len() == Desired::MAX_JOBS)
        .jobs_finish()
        .when(&Command::ClearCache { scope: CacheScope::All })
        .then(Verdict::Applied, &OutcomeCode::CHANGED)
        .then_desired(|desired| desired.jobs.len() == 1 && desired.jobs[0].seq.get() == 18);
}

#[test]
fn a_backfill_waits_while_everything_is_stopped() {
    let told = |scenario: ControlScenario| scenario.records().last().unwrap().outcome.clone().unwrap().detail;
    let stopped = ControlScenario::given_desired(in_phase(Phase::Stopped)).when(&backfill());
    assert!(told(stopped).is_some_and(|detail| detail.contains("after a resume")));
    for phase in [Phase::Running, Phase::Muted, Phase::Held] {
        assert_eq!(told(ControlScenario::given_desired(in_phase(phase)).when(&backfill())), None, "{phase}");
    }
    // What needs no exchange need not wait.
    let clear = Command::ClearCache { scope: CacheScope::Timeframe { timeframe: Timeframe::H1 } };
    assert_eq!(told(ControlScenario::given_desired(in_phase(Phase::Stopped)).when(&clear)), None);
}

#[test]
fn what_comes_too_late_expires_except_what_only_stops() {
    for command in every_command() {
        let scenario = ControlScenario::given().too_late().when(&command);
        let outcome = scenario.records()[0].outcome.as_ref().unwrap();
        let expected = match command {
            Command::SwitchMode { mode: Mode::ScalperOrderbook } => Verdict::Rejected,
            _ if command.kind().stops() => Verdict::Applied,
            _ => Verdict::Expired,
        };
        assert_eq!(outcome.verdict, expected, "{command:?}");
    }
}

#[test]
fn case_9_what_is_begun_too_often_is_given_up() {
    for attempts in [1, 2, 3] {
        ControlScenario::given()
            .at_attempt(attempts)
            .when(&pause(PauseLevel::Stop))
            .then(Verdict::Applied, &OutcomeCode::CHANGED);
    }
    for command in [pause(PauseLevel::Stop), Command::AddSymbol { symbol: symbol("BTC-USD") }, backfill()] {
        ControlScenario::given()
            .at_attempt(4)
            .when(&command)
            .then(Verdict::Failed, &OutcomeCode::POISON)
            .at_attempt(1)
            .when(&Command::Resume)
            .then(Verdict::Applied, &OutcomeCode::UNCHANGED);
    }
}

#[test]
fn a_change_of_the_settings_that_is_late_or_poison_is_asked_for_first() {
    let mut record = record_of(&Command::AddSymbol { symbol: symbol("BTC-USD") });
    let only_if_made = |record: &_, now| match decide(case(record, &Desired::default(), now), None) {
        Step::AskSettings { only_if_made, .. } => only_if_made,
        step @ Step::Decided(_) => panic!("the settings were not asked: {step:?}"),
    };
    assert!(!only_if_made(&record, Timestamp::EPOCH));
    assert!(only_if_made(&record, Timestamp::MAX), "too late");
    for attempts in [4, 5, 6] {
        record.attempts = attempts;
        assert!(only_if_made(&record, Timestamp::EPOCH), "attempt {attempts}");
        let at = SettingsAnswer::At { revision: Revision::new(1).unwrap(), changed: true };
        let made = decided(&record, &Desired::default(), Some(&at));
        assert_eq!((made.verdict, made.is_done), (Verdict::Applied, true), "it was made before");
    }
    record.attempts = 7;
    assert_eq!(decided(&record, &Desired::default(), None).code, OutcomeCode::POISON, "not even asking works");
}

fn case<'a>(record: &'a livermore_core::control::CommandRecord, desired: &'a Desired, now: Timestamp) -> Case<'a> {
    Case { record, desired, observed: None, now, max_attempts: 3 }
}

fn decided(
    record: &livermore_core::control::CommandRecord,
    desired: &Desired,
    answer: Option<&SettingsAnswer>,
) -> Decision {
    match decide(case(record, desired, Timestamp::EPOCH), answer) {
        Step::Decided(decision) => decision,
        step @ Step::AskSettings { .. } => panic!("undecided: {step:?}"),
    }
}

/// The same case has the same decision; the sender's clock and name are not part of it.
#[test]
fn deciding_is_deterministic() {
    for command in every_command() {
        let (first, mut second) = (record_of(&command), record_of(&command));
        second.submitted_at = Timestamp::MAX;
        second.sender = livermore_core::settings::Actor::new("somebody else").unwrap();
        for phase in [Phase::Running, Phase::Stopped] {
            let desired = Desired { made_by: Some(id(9)), ..in_phase(phase) };
            let decide = |record| decide(case(record, &desired, Timestamp::EPOCH), None);
            assert_eq!(decide(&first), decide(&first), "{command:?}");
            assert_eq!(decide(&first), decide(&second), "{command:?}");
        }
    }
}

#[test]
#[should_panic(expected = "1 pause: applied (changed)")]
fn a_scenario_that_is_not_met_says_what_was_seen() {
    let scenario =
        ControlScenario::given().when_sent("pause", &json!({})).then(Verdict::Rejected, &OutcomeCode::INVALID);
    drop(scenario);
}
