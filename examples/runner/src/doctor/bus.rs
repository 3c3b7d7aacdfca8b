use std::{io, path::Path, time::Duration};

use livermore_core::{
    control::{CommandQuery, CommandStatus, ControlError, Effect, Overview},
    ids::{Timestamp, UserId},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    DoctorOptions, PATIENCE,
    check::{Check, Status},
    monitor,
};
use crate::{
    bus::{self, Bus, BusPlace},
    clock::{self, Stopwatch},
    failure::{Failure, control_in_full},
    store::FolderLock,
};

const LOG: &str = "bus";
const COMMANDS: &str = "commands";
/// More than can be undecided.
const LOOKED_AT: usize = 200;
/// A monitor that runs has long decided and done what is older.
const SLOW: Duration = Duration::from_secs(30);

/// The command log, and how far the user's commands are.
pub(super) async fn examine(options: &DoctorOptions, checks: &mut Vec<Check>) -> Result<(), Failure> {
    let place = options.bus.bus.place()?;
    let kind = match place {
        BusPlace::Memory => "memory",
        BusPlace::Folder(_) => "file",
        BusPlace::Redis(_) => "redis",
        BusPlace::Postgres(_) => "postgres",
    };
    let row = |status, found: String| Check::new(LOG, status, found).fact("kind", kind);
    if place == BusPlace::Memory {
        checks.push(row(Status::Skip, "a log in memory is within another process".to_owned()));
        return Ok(());
    }
    // Opening a folder would make and mend things in it, so a copy of its log is opened, and removed again.
    let copy = match place {
        BusPlace::Folder(folder) => match copied(folder) {
            Ok(Some(copy)) => Some(copy),
            Ok(None) => {
                let found = format!("no command was ever recorded in {folder}");
                checks.push(row(Status::Skip, found).fact("folder", folder));
                return Ok(());
            }
            Err(error) => {
                checks.push(row(Status::Fail, format!("{folder}: {error}")).fact("folder", folder));
                return Ok(());
            }
        },
        _ => None,
    };
    let watch = Stopwatch::start();
    let opening = async {
        match &copy {
            Some(copy) => bus::folder::open(&copy.path().display().to_string()).await,
            None => bus::open(&options.bus).await,
        }
    };
    let log = match tokio::time::timeout(PATIENCE, opening).await {
        Ok(Ok(log)) => log,
        Ok(Err(failure)) => {
            let retryable = failure.exit_code() == 3;
            checks.push(row(Status::Fail, failure.to_string()).retryable(retryable));
            return Ok(());
        }
        Err(_) => {
            let found = format!("no answer within {} s", PATIENCE.as_secs());
            checks.push(row(Status::Fail, found).retryable(true));
            return Ok(());
        }
    };
    let asked = tokio::time::timeout(PATIENCE, ask(&log, options.user)).await;
    let latency = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
    log.close().await;
    match asked {
        Ok(Ok((commands, overview))) => {
            let mut row = capable(&log, latency).fact("kind", kind).fact("latencyMs", latency);
            if let BusPlace::Folder(folder) = place {
                row = used(row, folder);
            }
            checks.push(row);
            checks.push(waiting(options.user, &commands, clock::now()?));
            checks.push(monitor::examine(options.user, &overview));
        }
        Ok(Err(error)) => {
            checks.push(row(Status::Fail, control_in_full(&error)).retryable(error.is_retryable()));
        }
        Err(_) => {
            let found = format!("no answer within {} s", PATIENCE.as_secs());
            checks.push(row(Status::Fail, found).retryable(true));
        }
    }
    Ok(())
}

/// The log of a folder, in a folder of its own; none if there is none.
fn copied(folder: &str) -> io::Result<Option<TempDir>> {
    let journal = Path::new(folder).join(bus::folder::JOURNAL);
    if !journal.try_exists()? {
        return Ok(None);
    }
    let copy = TempDir::with_prefix("livermore-doctor-")?;
    std::fs::copy(journal, copy.path().join(bus::folder::JOURNAL))?;
    Ok(Some(copy))
}

/// Says who uses the log of a folder.
fn used(row: Check, folder: &str) -> Check {
    let row = row.fact("folder", folder);
    match FolderLock::of(Path::new(folder), bus::folder::LOCK) {
        Ok(FolderLock::Held(holder)) => {
            let mut row = row.fact("inUse", true).fact("holder", json!(holder));
            row.found = match holder {
                Some(holder) => format!("{}; in use by {holder}", row.found),
                None => format!("{}; in use by another process", row.found),
            };
            row
        }
        Ok(FolderLock::Free) => row.fact("inUse", false).fact("holder", Value::Null),
        Err(_) => row,
    }
}

async fn ask(log: &Bus, user: UserId) -> Result<(Vec<CommandStatus>, Overview), ControlError> {
    let commands = log.senders.history(user, CommandQuery::newest(LOOKED_AT)).await?;
    Ok((commands, log.senders.overview(user).await?))
}

fn capable(log: &Bus, latency: u64) -> Check {
    let capability = log.senders.capability();
    let days = capability.keeps_outcomes.as_secs() / 86_400;
    let found = match (capability.shared, capability.durable) {
        (true, true) => format!("commands are recorded for good, outcomes kept {days} days; answered in {latency} ms"),
        (false, true) => format!("commands are recorded for good, by one process at a time; answered in {latency} ms"),
        (_, false) => "commands are forgotten when the log ends".to_owned(),
    };
    let status = if capability.durable { Status::Ok } else { Status::Warn };
    let keeps = u64::try_from(capability.keeps_outcomes.as_millis()).unwrap_or(u64::MAX);
    let check = Check::new(LOG, status, found).fact("durable", capability.durable);
    check.fact("shared", capability.shared).fact("keepsOutcomesMs", keeps)
}

/// The oldest command that waits, for its decision or for its effect.
fn waiting(user: UserId, commands: &[CommandStatus], now: Timestamp) -> Check {
    let age = |since: Timestamp| now.millis_since(since).max(0);
    let undecided = commands.iter().filter(|status| status.record.is_open());
    let undecided = undecided.map(|status| age(status.record.submitted_at)).fold((0, 0), counted);
    let pending = commands.iter().filter(|status| status.effect == Effect::Pending && status.record.job.is_none());
    let pending = pending.filter_map(|status| status.record.outcome.as_ref().map(|outcome| age(outcome.decided_at)));
    let pending = pending.fold((0, 0), counted);
    let slow = |(_, oldest): (u64, i64)| Duration::from_millis(oldest.unsigned_abs()) > SLOW;
    let since = |oldest: i64| format!("the oldest for {} s", oldest / 1_000);
    let check = match (undecided, pending) {
        ((0, _), (0, _)) => Check::new(COMMANDS, Status::Ok, "no command waits"),
        ((0, _), (count, oldest)) => {
            let found = format!("{count} are decided and not effective, {}", since(oldest));
            let status = if slow(pending) { Status::Warn } else { Status::Ok };
            Check::new(COMMANDS, status, found)
        }
        ((count, oldest), _) => {
            let found = format!("{count} are not decided, {}", since(oldest));
            let status = if slow(undecided) { Status::Warn } else { Status::Ok };
            Check::new(COMMANDS, status, found)
        }
    };
    let check = match check.status {
        Status::Warn => check.next(format!(
            "look whether a monitor of user {user} runs; livermore command list --open --user {user} has the commands"
        )),
        _ => check,
    };
    let check = check.fact("user", user.get()).fact("undecided", undecided.0).fact("undecidedForMs", undecided.1);
    check.fact("notEffective", pending.0).fact("notEffectiveForMs", pending.1)
}

/// How many, and the oldest.
fn counted((count, oldest): (u64, i64), age: i64) -> (u64, i64) {
    (count + 1, oldest.max(age))
}
