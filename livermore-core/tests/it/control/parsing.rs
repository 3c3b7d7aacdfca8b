//! How commands are read, and what is refused.

use livermore_core::{
    control::{
        Backfill, Body, CacheScope, Command, CommandKind, CommandRecord, ControlPolicy, OutcomeCode, PauseLevel,
        Submission, Verdict,
    },
    ids::{CommandId, Revision, Seq, Symbol, Timeframe, Timestamp, UserId},
    settings::{Actor, Mode, Problem, ProblemCode, UserSettings},
    testkit::ControlScenario,
};
use serde_json::{Value, json};

pub(super) fn id(number: u8) -> CommandId {
    CommandId::from_parts(Timestamp::EPOCH, [number; 10])
}

pub(super) fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub(super) fn actor() -> Actor {
    Actor::new("test").unwrap()
}

pub(super) fn record_of(command: &Command) -> CommandRecord {
    let sent = Submission::new(id(1), command, actor()).unwrap();
    sent.recorded(UserId::new(1).unwrap(), Seq::new(1).unwrap(), Timestamp::EPOCH, &ControlPolicy::default())
}

pub(super) fn every_command() -> Vec<Command> {
    let mut commands: Vec<_> = PauseLevel::ALL.map(|level| Command::Pause { level }).into();
    commands.extend(Mode::ALL.map(|mode| Command::SwitchMode { mode }));
    let backfill = |timeframes, days| Backfill { symbols: vec![symbol("BTC-USD")], timeframes, days };
    commands.extend([
        Command::Resume,
        Command::ReloadSettings { revision: None },
        Command::ReloadSettings { revision: Revision::new(3).ok() },
        Command::AddSymbol { symbol: symbol("BTC-USD") },
        Command::RemoveSymbol { symbol: symbol("BTC-USD") },
        Command::BulkAddSymbols { symbols: vec![symbol("BTC-USD"), symbol("ETH-USD")] },
        Command::ForceBackfill(backfill(Vec::new(), None)),
        Command::ForceBackfill(backfill(Timeframe::ALL.to_vec(), Some(365))),
        Command::ClearCache { scope: CacheScope::All },
        Command::ClearCache { scope: CacheScope::Symbol { symbol: symbol("BTC-USD") } },
        Command::ClearCache { scope: CacheScope::Timeframe { timeframe: Timeframe::M5 } },
    ]);
    commands
}

fn problems(kind: CommandKind, payload: &Value) -> Vec<Problem> {
    match Command::parse(kind, payload) {
        Err(problems) => problems,
        Ok(command) => panic!("{command:?} was read from {} bytes", payload.to_string().len()),
    }
}

#[test]
fn every_command_survives_the_wire() {
    for command in every_command() {
        assert_eq!(Command::parse(command.kind(), &command.payload()).unwrap(), command, "{}", command.payload());
        assert_eq!(record_of(&command).command().unwrap(), command);
    }
}

#[test]
fn a_command_without_payload_has_its_defaults() {
    for nothing in [json!({}), Value::Null] {
        assert_eq!(Command::parse(CommandKind::Pause, &nothing), Ok(Command::Pause { level: PauseLevel::Stop }));
        assert_eq!(Command::parse(CommandKind::Resume, &nothing), Ok(Command::Resume));
        let reload = Command::ReloadSettings { revision: None };
        assert_eq!(Command::parse(CommandKind::ReloadSettings, &nothing), Ok(reload));
    }
}

#[test]
fn case_7_unknown_names_are_refused_with_the_accepted_ones() {
    let problem = CommandKind::from_name("puase").unwrap_err();
    let hint = problem.hint.unwrap();
    assert!(hint.contains("did you mean \"pause\"?") && hint.contains("clear-cache"), "{hint}");
    for name in ["", "PAUSE", "pause ", "dance"] {
        let problem = CommandKind::from_name(name).unwrap_err();
        assert_eq!((problem.pointer.as_str(), problem.code), ("/type", ProblemCode::Unknown));
        CommandKind::ALL.iter().for_each(|kind| assert!(problem.hint.as_ref().unwrap().contains(kind.as_str())));
    }
    let long = CommandKind::from_name(&"x".repeat(1_000_000)).unwrap_err();
    assert!(long.to_string().len() < 600, "{} bytes of message", long.to_string().len());
    for (payload, accepted) in
        [(json!({ "mode": "scalper" }), "scalper-macdv"), (json!({ "mode": "" }), "position-monitor")]
    {
        let problems = problems(CommandKind::SwitchMode, &payload);
        assert_eq!((problems[0].pointer.as_str(), problems[0].code), ("/payload/mode", ProblemCode::Unknown));
        assert!(problems[0].message.contains(accepted), "{problems:?}");
    }
    let halt = problems(CommandKind::Pause, &json!({ "level": "halt" }));
    assert!(halt[0].message.contains("mute") && halt[0].message.contains("stop"), "{halt:?}");
    // What only a newer sender knows is refused when it is decided.
    ControlScenario::given()
        .when_sent("dance", &json!({}))
        .then_outcome(|outcome| outcome.code == OutcomeCode::UNSUPPORTED, "unsupported")
        .when_sent("pause", &json!({ "level": "halt" }))
        .then(Verdict::Rejected, &OutcomeCode::INVALID);
}

#[test]
fn members_that_are_not_known_are_refused() {
    for kind in CommandKind::ALL {
        let found = problems(kind, &json!({ "surprise": 1 }));
        assert!(found.iter().all(|problem| problem.pointer.starts_with("/payload")), "{kind}: {found:?}");
        for payload in [json!([]), json!("pause"), json!(1), json!(true)] {
            assert_eq!(problems(kind, &payload)[0].code, ProblemCode::Type, "{kind} of {payload}");
        }
    }
}

#[test]
fn case_15_symbols_that_are_none_are_refused_by_name_and_limit() {
    let megabyte = "A".repeat(1_000_000);
    let wrong =
        ["BTC-USD\n", "\nBTC-USD", "btc-usd", "", " ", "ВТС-USD", "*", "BTC-*", "BTC/USD", "BTC--USD", &megabyte];
    for text in wrong {
        for (kind, payload, place) in [
            (CommandKind::AddSymbol, json!({ "symbol": text }), "/payload/symbol"),
            (CommandKind::RemoveSymbol, json!({ "symbol": text }), "/payload/symbol"),
            (CommandKind::BulkAddSymbols, json!({ "symbols": ["ETH-USD", text] }), "/payload/symbols/1"),
            (CommandKind::ForceBackfill, json!({ "symbols": [text] }), "/payload/symbols/0"),
            (CommandKind::ClearCache, json!({ "scope": "symbol", "symbol": text }), "/payload/symbol"),
        ] {
            let found = problems(kind, &payload);
            let shown: String = text.chars().take(20).collect();
            assert_eq!((found.len(), found[0].pointer.as_str()), (1, place), "{kind} of {shown:?}: {found:?}");
            assert!(found[0].to_string().len() < 1_000, "{kind} of {shown:?}: a message of its own length");
        }
    }
}

#[test]
fn lists_have_a_least_and_a_most() {
    let symbols = |count: usize| json!((0..count).map(|number| format!("A{number}-USD")).collect::<Vec<_>>());
    let most = UserSettings::MAX_SYMBOLS;
    let refused = [
        (
            CommandKind::BulkAddSymbols,
            json!({ "symbols": symbols(most + 1) }),
            "/payload/symbols",
            ProblemCode::TooMany,
        ),
        (CommandKind::BulkAddSymbols, json!({ "symbols": [] }), "/payload/symbols", ProblemCode::Missing),
        (
            CommandKind::BulkAddSymbols,
            json!({ "symbols": ["A", "B", "A"] }),
            "/payload/symbols/2",
            ProblemCode::Duplicate,
        ),
        (CommandKind::ForceBackfill, json!({ "symbols": symbols(51) }), "/payload/symbols", ProblemCode::TooMany),
        (CommandKind::ForceBackfill, json!({}), "/payload/symbols", ProblemCode::Missing),
        (
            CommandKind::ForceBackfill,
            json!({ "symbol": "A", "symbols": ["B"] }),
            "/payload/symbol",
            ProblemCode::Duplicate,
        ),
        (CommandKind::ForceBackfill, json!({ "symbol": "A", "days": 0 }), "/payload/days", ProblemCode::Range),
        (CommandKind::ForceBackfill, json!({ "symbol": "A", "days": 366 }), "/payload/days", ProblemCode::Range),
        (
            CommandKind::ForceBackfill,
            json!({ "symbol": "A", "timeframes": ["1m", "1m"] }),
            "/payload/timeframes/1",
            ProblemCode::Duplicate,
        ),
        (CommandKind::ClearCache, json!({ "scope": "all", "symbol": "A" }), "/payload/scope", ProblemCode::Format),
        (CommandKind::ClearCache, json!({ "scope": "symbol" }), "/payload/scope", ProblemCode::Format),
    ];
    for (kind, payload, place, code) in refused {
        let found = problems(kind, &payload);
        assert_eq!((found[0].pointer.as_str(), found[0].code), (place, code), "{kind}: {found:?}");
    }
    assert!(Command::parse(CommandKind::BulkAddSymbols, &json!({ "symbols": symbols(most) })).is_ok());
    assert!(Command::parse(CommandKind::ForceBackfill, &json!({ "symbols": symbols(50), "days": 365 })).is_ok());
    // What is put together in code keeps to the same limits.
    let too_many = (0..=most).map(|number| symbol(&format!("A{number}-USD"))).collect();
    let sent = Submission::new(id(1), &Command::BulkAddSymbols { symbols: too_many }, actor());
    assert_eq!(sent.unwrap_err()[0].code, ProblemCode::TooMany);
}

#[test]
fn case_35_bodies_that_cannot_be_read_are_rejected() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let long = format!(r#"{{"level":"{}"}}"#, "x".repeat(Body::MAX_BYTES));
    let unreadable = ["", "{", "not JSON", r#"{"level":"stop"} trailing"#, &deep, &long, "\u{0}"];
    for body in unreadable {
        ControlScenario::given()
            .when_sent_as("pause", body)
            .then(Verdict::Rejected, &OutcomeCode::UNREADABLE)
            .then_desired(|desired| desired.generation.get() == 0);
    }
    let invalid =
        ["[]", r#""stop""#, r#"{"level":null}"#, r#"{"level":"stop","version":2}"#, r#"{"level":"st\u0000op"}"#];
    for body in invalid {
        ControlScenario::given().when_sent_as("pause", body).then(Verdict::Rejected, &OutcomeCode::INVALID);
    }
}
