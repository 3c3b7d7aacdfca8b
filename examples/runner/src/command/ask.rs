use livermore_core::{
    control::{CommandBus, CommandQuery, CommandStatus, ControlError, Verdict},
    ids::{CommandId, UserId},
};
use serde_json::Value;

use super::{document, options::Talk, send::again, table, text};
use crate::{bus, failure::Failure, output, runtime};

/// So many commands are asked for at once.
const PAGE: usize = 100;

pub(super) fn list(talk: &Talk, limit: usize, only_open: bool) -> Result<(), Failure> {
    let commands = runtime::block_on(async {
        let bus = bus::open_for_sender(&talk.bus).await?;
        let listed = collect(bus.senders.as_ref(), talk.user, limit, only_open).await;
        bus.close().await;
        Ok(listed?)
    })?;
    if talk.json {
        let documents = commands.iter().map(|status| document::document(talk.user, status.record.id, Some(status)));
        return output::json(&Value::Array(documents.collect()));
    }
    if commands.is_empty() {
        eprintln!("livermore: no {}command of user {}", if only_open { "undecided " } else { "" }, talk.user);
        return Ok(());
    }
    table::lines(&commands).iter().try_for_each(|line| output::line(line))
}

/// The newest commands, or the newest of those that are not decided.
async fn collect(
    bus: &dyn CommandBus,
    user: UserId,
    limit: usize,
    only_open: bool,
) -> Result<Vec<CommandStatus>, ControlError> {
    let (mut found, mut before) = (Vec::new(), None);
    while found.len() < limit {
        let page = bus.history(user, CommandQuery { before, limit: PAGE }).await?;
        before = page.last().map(|status| status.record.seq);
        let is_last = page.len() < PAGE;
        // Runners decide in order: before one that a runner has decided, all are.
        let decided =
            |status: &CommandStatus| status.record.outcome.as_ref().is_some_and(|outcome| outcome.epoch.is_some());
        let is_last = is_last || (only_open && page.iter().any(decided));
        found.extend(page.into_iter().filter(|status| !only_open || status.record.is_open()));
        if is_last {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

pub(super) fn show(talk: &Talk, id: CommandId) -> Result<(), Failure> {
    let status = runtime::block_on(async {
        let bus = bus::open_for_sender(&talk.bus).await?;
        let found = bus.senders.record(talk.user, id).await;
        bus.close().await;
        found?.ok_or(Failure::Control(ControlError::NotFound { id }))
    })?;
    if talk.json {
        return output::json(&document::with_payload(talk.user, id, &status));
    }
    text::card(&status)
}

pub(super) fn cancel(talk: &Talk, id: CommandId) -> Result<(), Failure> {
    let status = runtime::block_on(async {
        let bus = bus::open_for_sender(&talk.bus).await?;
        let cancelled = cancelled(bus.senders.as_ref(), talk.user, id).await;
        bus.close().await;
        Ok(cancelled?)
    })?;
    if talk.json {
        output::json(&document::document(talk.user, id, Some(&status)))?;
    } else {
        output::line(&text::sentence(&status))?;
    }
    match &status.record.outcome {
        Some(outcome) if outcome.verdict == Verdict::Cancelled => Ok(()),
        Some(outcome) => Err(Failure::NotCancelled { id, verdict: outcome.verdict }),
        None => Err(Failure::Pending {
            known: format!(
                "{id} is being decided: its runner has begun to change the settings, and only it may end it"
            ),
            again: again(talk, id),
        }),
    }
}

async fn cancelled(bus: &dyn CommandBus, user: UserId, id: CommandId) -> Result<CommandStatus, ControlError> {
    bus.cancel(user, id).await?;
    // The effect of one that was decided before is not in the record.
    bus.record(user, id).await?.ok_or(ControlError::NotFound { id })
}
