use std::time::Duration;

use livermore_core::{
    control::{CommandBus, CommandKind, CommandStatus, ControlError, Effect, Stage, Submission, Verdict, Waited},
    ids::CommandId,
};
use tokio::time::timeout;

use super::{
    Order, document,
    options::{Sending, Talk, WaitFor},
    text,
};
use crate::{
    account, bus,
    failure::{Failure, control_in_full},
    output, random, runtime,
};

/// Longest wait for a command to be recorded. Each of its steps has a limit of its own, shorter than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends commands one after another; the first one that does not get there ends it.
pub(super) fn run(sending: &Sending, orders: &[Order]) -> Result<(), Failure> {
    if orders.len() > 1 && sending.id.is_some() {
        return Err(Failure::OneIdForMany);
    }
    // Everything is checked before anything is sent.
    let submissions = orders.iter().map(|order| submission(sending, order)).collect::<Result<Vec<_>, _>>()?;
    let mut answers = Vec::new();
    let sent = runtime::block_on(async {
        // Printed first: an answer that is lost on the way can be asked for.
        submissions.iter().for_each(|submission| eprintln!("livermore: {} {}", submission.kind(), submission.id()));
        let bus = match bus::open_for_sender(&sending.talk.bus).await {
            Ok(bus) => bus,
            Err(failure) => return Err(Failure::NothingRecorded(Box::new(failure))),
        };
        let mut result = Ok(());
        for submission in &submissions {
            result = match Answer::of(sending, bus.senders.as_ref(), submission).await {
                Ok(answer) => {
                    let verdict = answer.verdict(sending, submission);
                    answers.push((submission.id(), answer));
                    verdict
                }
                Err(failure) => Err(failure),
            };
            if result.is_err() {
                break;
            }
        }
        bus.close().await;
        result
    });
    print(sending, &answers, orders.len() > 1)?;
    sent
}

fn submission(sending: &Sending, order: &Order) -> Result<Submission, Failure> {
    let id = sending.id.map_or_else(random::command_id, Ok)?;
    let submission = order.submission(id, account::actor()?);
    let submission = submission.map_err(|problems| Failure::Control(ControlError::Invalid { problems }))?;
    Ok(sending.not_after.map_or_else(|| submission.clone(), |expiry| submission.clone().with_expiry(expiry)))
}

/// What came of sending one command.
enum Answer {
    /// It is recorded; what was read of it last.
    Recorded { status: Box<CommandStatus>, reached: bool, trouble: Option<ControlError> },
    /// Whether it is recorded is not known.
    Unknown { why: String },
}

impl Answer {
    /// Records a command and waits; fails where nothing is recorded.
    async fn of(sending: &Sending, bus: &dyn CommandBus, submission: &Submission) -> Result<Self, Failure> {
        let (user, id) = (sending.talk.user, submission.id());
        if sending.id.is_some()
            && let Ok(Ok(Some(before))) = timeout(PATIENCE, bus.record(user, id)).await
            && before.record.hash == submission.hash()
        {
            eprintln!("livermore: {id} was recorded before; sending it again changes nothing");
        }
        let record = match timeout(PATIENCE, bus.submit(user, submission)).await {
            Ok(Ok(record)) => record,
            Ok(Err(error @ ControlError::OutcomeUnknown { .. })) => {
                return Ok(Self::Unknown { why: control_in_full(&error) });
            }
            Ok(Err(error)) => return Err(Failure::NothingRecorded(Box::new(Failure::Control(error)))),
            Err(_) => {
                let why = format!("whether it was recorded is not known: no answer within {} s", PATIENCE.as_secs());
                return Ok(Self::Unknown { why });
            }
        };
        let stage = match wait_for(sending, submission) {
            WaitFor::Decided => Stage::Decided,
            WaitFor::Effective => Stage::Effective,
            WaitFor::None => {
                let effect = record.outcome.as_ref().map_or(Effect::None, |_| Effect::Pending);
                let known = CommandStatus { record, effect };
                let status = bus.record(user, id).await.ok().flatten().unwrap_or(known);
                return Ok(Self::Recorded { status: Box::new(status), reached: true, trouble: None });
            }
        };
        let at_first = CommandStatus { record, effect: Effect::None };
        let (status, reached, trouble) = match bus.wait(user, id, stage, sending.timeout).await {
            Ok(Waited::Reached(status)) => (status, true, None),
            Ok(Waited::Pending { last, .. }) => (last.unwrap_or(at_first), false, None),
            Err(error) => (at_first, false, Some(error)),
        };
        Ok(Self::Recorded { status: Box::new(status), reached, trouble })
    }

    fn verdict(&self, sending: &Sending, submission: &Submission) -> Result<(), Failure> {
        let (id, talk) = (submission.id(), &sending.talk);
        match self {
            Self::Recorded { reached: true, .. } if sending.wait == Some(WaitFor::None) => Ok(()),
            Self::Recorded { status, reached: true, .. } => ended(status),
            Self::Recorded { status, trouble, .. } => {
                let why = trouble.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
                let known = match &status.record.outcome {
                    Some(_) => format!("decided, not effective yet{why}"),
                    None => format!("recorded under id {id}, not decided so far{why}"),
                };
                Err(Failure::Pending { known, again: again(talk, id) })
            }
            Self::Unknown { why } => {
                let known = format!("{why}\nsent again with --id {id} it is never applied twice");
                Err(Failure::Pending { known, again: again(talk, id) })
            }
        }
    }

    fn status(&self) -> Option<&CommandStatus> {
        match self {
            Self::Recorded { status, .. } => Some(status),
            Self::Unknown { .. } => None,
        }
    }
}

/// A backfill takes as long as it takes: what is waited for is its beginning.
fn wait_for(sending: &Sending, submission: &Submission) -> WaitFor {
    let is_long = submission.kind() == CommandKind::ForceBackfill.as_str();
    sending.wait.unwrap_or(if is_long { WaitFor::Decided } else { WaitFor::Effective })
}

/// Whether a command that has ended has done what it was to do.
pub(super) fn ended(status: &CommandStatus) -> Result<(), Failure> {
    let (id, kind) = (status.record.id, text::printable(&status.record.kind));
    match (&status.record.outcome, &status.effect) {
        (Some(outcome), Effect::Failed { reason }) if outcome.verdict == Verdict::Applied => {
            let detail = format!(": {}", text::printable(reason));
            Err(Failure::Ended { id, kind, verdict: "job failed", code: "job_failed".to_owned(), detail })
        }
        (Some(outcome), _) if outcome.verdict == Verdict::Applied => Ok(()),
        (Some(outcome), _) => {
            let detail =
                outcome.detail.as_deref().map_or_else(String::new, |text| format!(": {}", text::printable(text)));
            let code = text::printable(outcome.code.as_str());
            Err(Failure::Ended { id, kind, verdict: outcome.verdict.as_str(), code, detail })
        }
        (None, _) => Ok(()),
    }
}

/// What to type to ask for a command again.
pub(super) fn again(talk: &Talk, id: CommandId) -> String {
    let user = if talk.user.get() == 1 { String::new() } else { format!(" --user {}", talk.user) };
    format!("livermore command show {id}{user}{}", talk.bus.bus.as_option())
}

fn print(sending: &Sending, answers: &[(CommandId, Answer)], is_list: bool) -> Result<(), Failure> {
    if sending.talk.json {
        let mut documents =
            answers.iter().map(|(id, answer)| document::document(sending.talk.user, *id, answer.status()));
        if is_list {
            return output::json(&documents.collect());
        }
        return documents.try_for_each(|document| output::json(&document));
    }
    let mut statuses = answers.iter().filter_map(|(_, answer)| answer.status());
    statuses.try_for_each(|status| output::line(&text::sentence(status)))
}
