//! What never reaches a log.

use livermore_core::{
    control::{Backfill, CacheScope, Command, ControlError, Desired, Job, Next, Submission, Task},
    ids::Timestamp,
};

use super::parsing::{actor, id, record_of, symbol};

const CANARY: &str = "CANARY-USD";

#[test]
fn case_104_payloads_are_not_shown() {
    let backfill = Backfill { symbols: vec![symbol(CANARY)], timeframes: Vec::new(), days: None };
    let commands = [
        Command::AddSymbol { symbol: symbol(CANARY) },
        Command::RemoveSymbol { symbol: symbol(CANARY) },
        Command::BulkAddSymbols { symbols: vec![symbol(CANARY)] },
        Command::ForceBackfill(backfill.clone()),
        Command::ClearCache { scope: CacheScope::Symbol { symbol: symbol(CANARY) } },
    ];
    let mut shown = Vec::new();
    for command in &commands {
        let record = record_of(command);
        let sent = Submission::new(id(1), command, actor()).unwrap();
        let error = ControlError::IdReused { id: id(1) };
        let next = Next { record: record.clone(), desired: Desired::default(), observed: None, now: Timestamp::EPOCH };
        assert!(record.body.as_str().contains(CANARY));
        shown.push(format!("{command:?} {:?} {record:?} {sent:?} {error:?} {error} {next:#?}", command.body()));
    }
    for task in [Task::Backfill(backfill.clone()), Task::ClearCache(CacheScope::Symbol { symbol: symbol(CANARY) })] {
        let job = Job { id: id(1), seq: record_of(&Command::Resume).seq, task: task.clone() };
        let desired = Desired { jobs: vec![job.clone()], ..Desired::default() };
        shown.push(format!("{task:?} {job:?} {desired:#?} {backfill:?}"));
    }
    for text in shown {
        assert!(!text.contains("CANARY"), "a payload is shown: {text}");
    }
}
