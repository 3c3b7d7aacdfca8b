use std::sync::Mutex;

use livermore_core::{
    control::{JobState, Phase, Verdict},
    ids::{CommandId, Epoch, Generation, Revision, Seq, UserId},
};
use serde::Serialize;
use tokio::sync::Notify;

use crate::{failure::Failure, output};

/// What an inbox has to tell. Kinds, ids and numbers: no payload, no symbol.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Event {
    Start { holder: String, users: usize, bus: String },
    Leading { user: UserId, epoch: Epoch },
    Lost { user: UserId, epoch: Epoch },
    StandingBy { users: usize },
    Deciding { user: UserId, id: CommandId, seq: Seq, kind: &'static str },
    Decided { user: UserId, id: CommandId, seq: Seq, kind: &'static str, verdict: Verdict, code: String, took_ms: u64 },
    Postponed { user: UserId, seq: Seq },
    Refused { user: UserId, epoch: Epoch, current: Epoch, step: &'static str },
    Converged { user: UserId, generation: Generation, phase: Phase, settings_revision: Revision },
    Plane { user: UserId, phase: Phase },
    Volatile { user: UserId, phase: Option<Phase> },
    Degraded { user: UserId, component: String },
    Job { user: UserId, id: CommandId, state: JobState },
    Stopped { user: UserId },
    HeldUp { user: UserId, what: String },
    Trouble { what: Option<String> },
    Submitted { user: UserId, id: CommandId, seq: Seq, kind: &'static str },
    NotSubmitted { what: String },
    Ending,
    End { decided: u64 },
}

/// Prints events, one line each.
#[derive(Debug)]
pub(super) struct Reporter {
    json: bool,
    failed: Mutex<Option<Failure>>,
    has_failed: Notify,
}

impl Reporter {
    pub(super) fn new(json: bool) -> Self {
        Self { json, failed: Mutex::new(None), has_failed: Notify::new() }
    }

    pub(super) fn tell(&self, event: &Event) {
        let printed = if self.json {
            serde_json::to_string(event)
                .map_err(|error| Failure::Output(error.into()))
                .and_then(|text| output::line(&text))
        } else {
            output::line(&event.text())
        };
        if let Err(failure) = printed {
            *self.lock() = Some(failure);
            self.has_failed.notify_one();
        }
    }

    /// Returns when nobody reads any more.
    pub(super) async fn failed(&self) -> Failure {
        loop {
            if let Some(failure) = self.lock().take() {
                return failure;
            }
            self.has_failed.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Failure>> {
        // No panic can leave it half changed.
        self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Event {
    fn text(&self) -> String {
        match self {
            Self::Start { holder, users: 1, bus } => format!("{holder} on {bus}"),
            Self::Start { holder, users, bus } => format!("{holder} on {bus}, {users} users"),
            Self::Leading { user, epoch } => format!("user {user}: leading, epoch {epoch}"),
            Self::Lost { user, epoch } => format!("user {user}: no longer leading, epoch {epoch}"),
            Self::StandingBy { users: 1 } => "standing by for 1 user".to_owned(),
            Self::StandingBy { users } => format!("standing by for {users} users"),
            Self::Deciding { user, id, seq, kind } => format!("user {user}: deciding {kind} {id} (seq {seq})"),
            Self::Decided { user, id, kind, verdict, code, took_ms, .. } => {
                format!("user {user}: {kind} {id} {verdict} ({code}) in {took_ms} ms")
            }
            Self::Postponed { user, seq } => format!("user {user}: seq {seq} is put off"),
            Self::Refused { user, epoch, current, step } => {
                format!("user {user}: refused to {step} under epoch {epoch}, epoch {current} leads")
            }
            Self::Converged { user, generation, phase, settings_revision } => {
                format!("user {user}: {phase} as generation {generation} wants it, settings at {settings_revision}")
            }
            Self::Plane { user, phase } => format!("user {user}: the data plane is {phase}"),
            Self::Volatile { user, phase: Some(phase) } => {
                format!("user {user}: {phase} by a pause that is not in the log yet")
            }
            Self::Volatile { user, phase: None } => format!("user {user}: that pause is in the log, or taken back"),
            Self::Degraded { user, component } => format!("user {user}: the {component} does not work; trying again"),
            Self::Job { user, id, state: JobState::Running { done, total } } => {
                format!("user {user}: job {id} {done} of {total}")
            }
            Self::Job { user, id, state: JobState::Done } => format!("user {user}: job {id} done"),
            Self::Job { user, id, state: JobState::Failed { .. } } => format!("user {user}: job {id} failed"),
            Self::Stopped { user } => format!("user {user}: the data plane has stopped"),
            Self::HeldUp { user, what } => format!("user {user}: held up: {what}"),
            Self::Trouble { what: Some(what) } => format!("trouble: {what}"),
            Self::Trouble { what: None } => "no more trouble".to_owned(),
            Self::Submitted { user, id, seq, kind } => format!("user {user}: recorded {kind} {id} (seq {seq})"),
            Self::NotSubmitted { what } => format!("not recorded: {what}"),
            Self::Ending => "ending".to_owned(),
            Self::End { decided } => format!("ended, {decided} decided"),
        }
    }
}
