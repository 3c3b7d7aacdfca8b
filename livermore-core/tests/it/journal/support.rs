use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use livermore_core::{
    control::{
        Case, Command, ControlPolicy, Decision, EmbeddedCommandLog, FileLogConfig, FileLogReport, Holder, Next,
        SettingsAnswer, Step, Submission, decide,
    },
    ids::{CommandId, Timestamp, UserId},
    settings::Actor,
};

pub(super) fn user(number: u64) -> UserId {
    UserId::new(number).unwrap()
}

pub(super) fn id(number: u64) -> CommandId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    CommandId::from_parts(Timestamp::from_secs(1_700_000_000).unwrap(), random)
}

pub(super) fn holder(name: &str) -> Holder {
    Holder::new(name).unwrap()
}

pub(super) fn submission(number: u64, command: &Command) -> Submission {
    Submission::new(id(number), command, Actor::new("test").unwrap()).unwrap()
}

/// The machine's clock: it goes on from one process to the next.
#[allow(clippy::disallowed_methods, reason = "several processes share one time")]
pub(super) fn now() -> Timestamp {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(passed.as_millis()).unwrap()).unwrap()
}

pub(super) fn config(folder: &Path) -> FileLogConfig {
    FileLogConfig::new(folder, ControlPolicy { max_open: 1_000, ..ControlPolicy::default() })
}

pub(super) async fn open(folder: &Path) -> (EmbeddedCommandLog, FileLogReport) {
    EmbeddedCommandLog::open(config(folder), now).await.unwrap()
}

/// What a runner decides whose settings save every change.
pub(super) fn decision(next: &Next) -> Decision {
    let Next { record, desired, observed, now } = next;
    let case = Case { record, desired, observed: observed.as_ref(), now: *now, max_attempts: 1_000 };
    let saved = SettingsAnswer::At { revision: desired.settings_revision.next().unwrap(), changed: true };
    match (decide(case, None), decide(case, Some(&saved))) {
        (Step::Decided(decision), _) | (_, Step::Decided(decision)) => decision,
        (first, _) => panic!("not decided: {first:?}"),
    }
}
