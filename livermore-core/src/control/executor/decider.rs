use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::{Instrument, info, info_span, warn};

use super::{
    super::{
        Case, CommandInbox, CommandRecord, ControlError, Decision, Desired, Lease, Next, OutcomeCode, SettingsAnswer,
        SettingsCommands, SettingsRequest, Step, Verdict, decide,
    },
    config::ExecutorConfig,
};
use crate::settings::SettingsError;

/// Decides commands, one at a time.
#[derive(Clone)]
pub(super) struct Decider {
    pub(super) inbox: Arc<dyn CommandInbox>,
    pub(super) settings: Arc<dyn SettingsCommands>,
    pub(super) config: Arc<ExecutorConfig>,
}

/// What came of looking for a command.
#[derive(Debug)]
pub(super) enum Looked {
    /// One was decided; the desired state, where it changed.
    Decided(Option<Desired>),
    /// One was decided before, and not as it was here: the desired state is another.
    DecidedOtherwise,
    /// None waits; the desired state, if it was asked for.
    Nothing(Option<Desired>),
    /// One waits, and something outside it is in the way.
    Later(String),
    /// Another process has taken over.
    Lost,
}

impl Decider {
    /// Decides the oldest command of a user. Where there is none, reads the desired state if it is `in_doubt`.
    pub(super) async fn look(&self, lease: &Lease, in_doubt: bool) -> Looked {
        // A log that answers at once must not keep everything else from running.
        tokio::task::coop::consume_budget().await;
        let next = match self.inbox.next(lease).await {
            Ok(Some(next)) => next,
            Ok(None) if in_doubt => {
                return match self.inbox.states(lease).await {
                    Ok((desired, _)) => Looked::Nothing(Some(desired)),
                    Err(error) => unable(&error),
                };
            }
            Ok(None) => return Looked::Nothing(None),
            Err(error) => return unable(&error),
        };
        let span =
            info_span!("command", user = %lease.user, command = %next.record.id, kind = known_kind(&next.record));
        self.settle(lease, next).instrument(span).await
    }

    async fn settle(&self, lease: &Lease, next: Next) -> Looked {
        let begun = Instant::now();
        let seq = next.record.seq;
        // A panic would come again with each try, so it ends the command.
        let thought = AssertUnwindSafe(self.think(lease, &next)).catch_unwind().await;
        let decision = thought.unwrap_or_else(|_| {
            let detail = format!("internal error; see the log for command {}", next.record.id);
            Ok(Decision::refusal(Verdict::Failed, OutcomeCode::INTERNAL, detail))
        });
        let decision = match decision {
            Ok(decision) => decision,
            Err(error) => {
                if let Err(error) = self.inbox.postpone(lease, seq).await {
                    warn!(%error, "the attempt could not be given back");
                }
                return Looked::Later(format!("the settings cannot be reached: {error}"));
            }
        };
        let desired = decision.desired.clone();
        let expected = (decision.verdict, desired.as_ref().unwrap_or(&next.desired).generation);
        match self.inbox.decide(lease, seq, decision).await {
            Ok(record) => {
                let Some(outcome) = record.outcome else { return Looked::Later("a decision was not kept".to_owned()) };
                info!(%seq, verdict = %outcome.verdict, code = %outcome.code, took = ?begun.elapsed(), "decided");
                // The record may hold another decision than this one.
                if (outcome.verdict, outcome.generation) == expected {
                    Looked::Decided(desired)
                } else {
                    Looked::DecidedOtherwise
                }
            }
            Err(error) => unable(&error),
        }
    }

    /// What is to be decided; an error if that cannot be known now.
    async fn think(&self, lease: &Lease, next: &Next) -> Result<Decision, SettingsError> {
        let Next { record, desired, observed, now } = next;
        let max_attempts = self.config.max_attempts;
        let case = Case { record, desired, observed: observed.as_ref(), now: *now, max_attempts };
        let mut answer = None;
        loop {
            match decide(case, answer.as_ref()) {
                Step::Decided(decision) => return Ok(decision),
                Step::AskSettings { command, only_if_made } => {
                    let request = SettingsRequest {
                        id: record.id,
                        command,
                        sender: record.sender.clone(),
                        at: *now,
                        only_if_made,
                        again: record.attempts > 1,
                    };
                    answer = Some(match self.settings.carry_out(lease.user, request).await {
                        Ok(answer) => answer,
                        Err(error) if error.is_retryable() => return Err(error),
                        Err(error) => SettingsAnswer::Refused { detail: error.to_string() },
                    });
                }
            }
        }
    }
}

fn unable(error: &ControlError) -> Looked {
    match error {
        ControlError::StaleEpoch { .. } | ControlError::Closed => Looked::Lost,
        error => Looked::Later(error.to_string()),
    }
}

/// A kind of another version may hold anything.
fn known_kind(record: &CommandRecord) -> &'static str {
    super::super::CommandKind::from_name(&record.kind).map_or("unknown", super::super::CommandKind::as_str)
}
