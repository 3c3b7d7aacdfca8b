//! The JSON Schemas in `docs/schema/commands` are those of the code, and say what the code accepts.

use std::{env, fs, path::Path};

use jsonschema::{Validator, validator_for};
use livermore_core::{
    control::{
        Backfill, CacheScope, Command, CommandKind, CommandStatus, Desired, Effect, Health, Job, JobReport, JobState,
        Observed, Outcome, OutcomeCode, Phase, Task, Verdict, schema, schemas,
    },
    ids::{Epoch, Generation, Revision, Seq, Timeframe, Timestamp},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::parsing::{id, record_of, symbol};

#[test]
fn the_published_schemas_of_commands_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/commands");
    let update = env::var_os("UPDATE_SCHEMA").is_some_and(|update| update == "1");
    let schemas = schemas();
    for (name, schema) in &schemas {
        let file = folder.join(format!("{name}.json"));
        let current = serde_json::to_string_pretty(schema).unwrap() + "\n";
        if update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &current).unwrap();
        }
        let published = fs::read_to_string(&file).unwrap_or_default();
        // A checkout may have other line ends.
        assert!(
            published.replace('\r', "") == current,
            "{} is not the schema of the code; look at the change and run\n    \
             UPDATE_SCHEMA=1 scripts/test -p livermore-core the_published_schemas_of_commands",
            file.display()
        );
    }
    for file in fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let known = name.strip_suffix(".json").is_some_and(|name| schemas.contains_key(name));
        assert!(known, "{name} is the schema of nothing");
    }
}

#[test]
fn every_schema_is_one_and_stands_alone() {
    for (name, schema) in schemas() {
        assert!(jsonschema::meta::is_valid(&schema), "{name} is not a JSON Schema");
        assert!(!schema.to_string().contains("$ref"), "{name} refers to another schema");
        assert_eq!(schema["title"], name);
        assert!(schema["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} has no description");
    }
}

/// Values of which some fit some member, and some fit nothing.
fn value() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        proptest::sample::select(vec!["BTC-USD", "ETH-USD", "A", "btc-usd", "", "BTC USD", "*", "X".repeat(33).leak()])
            .prop_map(Value::from),
        proptest::sample::select(vec!["mute", "hold", "stop", "halt", "all", "symbol", "timeframe"])
            .prop_map(Value::from),
        proptest::sample::select(vec!["position-monitor", "scalper-orderbook", "1m", "5m", "1d", "7m"])
            .prop_map(Value::from),
        proptest::sample::select(vec![json!(0), json!(1), json!(365), json!(366), json!(-1), json!(1.5), json!(true)]),
        proptest::sample::select(vec![json!(9_007_199_254_740_991_u64), json!(9_007_199_254_740_992_u64)]),
    ];
    prop_oneof![4 => one.clone(), 2 => proptest::collection::vec(one, 1..4).prop_map(Value::from)]
}

fn payload() -> impl Strategy<Value = Value> {
    let names = vec!["level", "revision", "mode", "symbol", "symbols", "timeframes", "timeframe", "days", "scope", "x"];
    let member = (proptest::sample::select(names), value());
    let members = proptest::collection::vec(member, 0..4);
    members.prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn validators() -> Vec<(CommandKind, Validator)> {
    CommandKind::ALL.into_iter().map(|kind| (kind, validator_for(&schema(kind)).unwrap())).collect()
}

#[test]
fn schema_and_parser_agree() {
    let validators = validators();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(4_000));
    let mut accepted = 0;
    let agree = runner.run(&payload(), |payload| {
        for (kind, validator) in &validators {
            let parsed = Command::parse(*kind, &payload);
            prop_assert_eq!(validator.is_valid(&payload), parsed.is_ok(), "{} {}: {:?}", kind, payload, parsed);
        }
        Ok(())
    });
    agree.unwrap();
    // What is written is accepted by both.
    for command in super::parsing::every_command() {
        let (_, validator) = validators.iter().find(|(kind, _)| *kind == command.kind()).unwrap();
        let payload = command.payload();
        assert!(validator.is_valid(&payload), "{} writes {payload}", command.kind());
        assert_eq!(Command::parse(command.kind(), &payload).unwrap(), command);
        accepted += 1;
    }
    assert!(accepted >= CommandKind::ALL.len());
}

/// Each member taken away, and one added, is refused.
fn expect_exact(name: &str, value: &Value, optional: &[&str]) {
    let validator = validator_for(&schemas()[name]).unwrap();
    let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0], "{name}: {value}");
    for member in value.as_object().unwrap().keys().filter(|member| !optional.contains(&member.as_str())) {
        let mut without = value.clone();
        without.as_object_mut().unwrap().remove(member);
        assert!(!validator.is_valid(&without), "{name} without {member} is accepted");
    }
    let mut with = value.clone();
    with["surprise"] = json!(1);
    assert!(!validator.is_valid(&with), "{name} with another member is accepted");
}

#[test]
fn records_are_as_their_schema_says() {
    let outcome = |verdict| Outcome {
        verdict,
        code: OutcomeCode::TOO_MANY_JOBS,
        detail: Some("detail".to_owned()),
        changed: true,
        generation: Generation::new(3).unwrap(),
        epoch: Epoch::new(1).ok(),
        decided_at: Timestamp::from_secs(1).unwrap(),
    };
    let verdicts = [Verdict::Applied, Verdict::Rejected, Verdict::Expired, Verdict::Cancelled, Verdict::Failed];
    let outcomes = verdicts.map(|verdict| Some(outcome(verdict))).into_iter().chain([None]);
    let effects = [Effect::None, Effect::Pending, Effect::Effective, Effect::Failed { reason: "reason".to_owned() }];
    let jobs = job_states().into_iter().map(Some).chain([None]);
    for ((outcome, effect), job) in outcomes.zip(effects.into_iter().cycle()).zip(jobs.cycle()) {
        let mut record = record_of(&Command::Resume);
        (record.outcome, record.job) = (outcome, job);
        expect_exact("record", &serde_json::to_value(CommandStatus { record, effect }).unwrap(), &[]);
    }
}

#[test]
fn states_are_as_their_schemas_say() {
    let backfill = Backfill { symbols: vec![symbol("BTC-USD")], timeframes: vec![Timeframe::H1], days: Some(3) };
    let short = Backfill { symbols: vec![symbol("BTC-USD")], timeframes: Vec::new(), days: None };
    let tasks = [
        Task::Backfill(backfill),
        Task::Backfill(short),
        Task::ClearCache(CacheScope::All),
        Task::ClearCache(CacheScope::Symbol { symbol: symbol("BTC-USD") }),
        Task::ClearCache(CacheScope::Timeframe { timeframe: Timeframe::H1 }),
    ];
    let jobs = tasks.into_iter().map(|task| Job { id: id(1), seq: Seq::new(1).unwrap(), task }).collect();
    let full = Desired { jobs, made_by: Some(id(1)), phase: Phase::Held, ..Desired::default() };
    for desired in [Desired::default(), full] {
        expect_exact("desired", &serde_json::to_value(desired).unwrap(), &[]);
    }
    let degraded = Health::Degraded { component: "exchange".to_owned(), cause: "cause".to_owned() };
    for health in [Health::Converged, Health::Converging, degraded] {
        let jobs = job_states().into_iter().map(|state| JobReport { id: id(1), state }).collect();
        let observed = Observed {
            epoch: Epoch::new(1).unwrap(),
            generation: Generation::ZERO,
            phase: Phase::Muted,
            settings_revision: Revision::ZERO,
            held_back: false,
            health,
            jobs,
            at: Timestamp::EPOCH,
        };
        expect_exact("observed", &serde_json::to_value(observed).unwrap(), &[]);
    }
    let envelope = json!({
        "type": "pause", "payload": { "level": "mute" }, "timestamp": 1_706_745_600_000_i64, "requestId": "abc123", "userId": 7,
    });
    expect_exact("envelope", &envelope, &["payload", "userId"]);
}

fn job_states() -> [JobState; 3] {
    [JobState::Running { done: 1, total: 2 }, JobState::Done, JobState::Failed { reason: "reason".to_owned() }]
}
