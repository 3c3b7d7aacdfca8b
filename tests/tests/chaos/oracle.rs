use std::collections::{BTreeMap, HashMap};

use livermore_core::{
    control::{CommandStatus, Desired, Effect, Observed, Phase, Verdict},
    ids::{CommandId, Epoch, Generation, Seq, UserId},
    settings::{HistoryEntry, UserSettings, load},
};

use super::sender::Told;

/// Everything that is known of one user when the run is over.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) user: UserId,
    /// Every command the log has, oldest first.
    pub(crate) commands: Vec<CommandStatus>,
    /// The same while the runners still ran.
    pub(crate) running: Vec<CommandStatus>,
    pub(crate) desired: Desired,
    pub(crate) observed: Option<Observed>,
    /// Every saved revision of the settings, oldest first.
    pub(crate) settings: Vec<HistoryEntry>,
}

/// Figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) commands: usize,
    pub(crate) verdicts: BTreeMap<&'static str, usize>,
    pub(crate) unclear: usize,
    pub(crate) refused: usize,
    pub(crate) epochs: u64,
}

/// Checks the invariants on what senders were told and what the log has in the end. Every message names what it saw.
pub(crate) fn check(ledger: &Ledger, told: &[Told]) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let by_id: HashMap<CommandId, &CommandStatus> =
        ledger.commands.iter().map(|status| (status.record.id, status)).collect();
    if by_id.len() != ledger.commands.len() {
        return Err("an id is recorded twice".to_owned());
    }
    for told in told.iter().filter(|told| told.user == ledger.user) {
        truthful(told, by_id.get(&told.submission.id()).copied())?;
        tally.unclear += usize::from(told.unclear);
        tally.refused += usize::from(told.recorded.is_none() && !told.unclear);
    }
    in_order(ledger)?;
    registers(ledger)?;
    settings(ledger, &by_id)?;
    converged(ledger)?;
    tally.commands = ledger.commands.len();
    for status in &ledger.commands {
        let verdict = status.record.outcome.as_ref().map_or("open", |outcome| outcome.verdict.as_str());
        *tally.verdicts.entry(verdict).or_default() += 1;
        let epoch = status.record.outcome.as_ref().and_then(|outcome| outcome.epoch).unwrap_or_default();
        tally.epochs = tally.epochs.max(epoch.get());
    }
    Ok(tally)
}

/// What a sender was told is what is written: refused commands are not there, recorded ones are, outcomes never change.
fn truthful(told: &Told, found: Option<&CommandStatus>) -> Result<(), String> {
    let id = told.submission.id();
    let Some(found) = found else {
        return if told.recorded.is_some() { Err(format!("{id} was told recorded and is gone")) } else { Ok(()) };
    };
    let record = &found.record;
    if told.recorded.is_none() && !told.unclear {
        return Err(format!("{id} was told not recorded, and is there: {record:?}"));
    }
    if record.user != told.user || record.hash != told.submission.hash() {
        return Err(format!("{id} is not what was sent: {record:?}"));
    }
    if let Some(wrong) = told.outcomes.iter().find(|outcome| Some(*outcome) != record.outcome.as_ref()) {
        return Err(format!("{id} was told {wrong:?}, and is {record:?}"));
    }
    let applied = record.outcome.as_ref().is_some_and(|outcome| outcome.verdict == Verdict::Applied);
    if told.effective && !applied {
        return Err(format!("{id} was told effective, and is {record:?}"));
    }
    Ok(())
}

/// No gap in the sequence, nothing undecided, decisions of runners in order, epochs and generations that never fall.
fn in_order(ledger: &Ledger) -> Result<(), String> {
    let (mut epoch, mut generation, mut decided_at) = (Epoch::ZERO, Generation::ZERO, None);
    for (place, status) in (1..).zip(&ledger.commands) {
        let record = &status.record;
        if Seq::new(place).ok() != Some(record.seq) || record.user != ledger.user {
            return Err(format!("place {place} holds {record:?}"));
        }
        let Some(outcome) = &record.outcome else { return Err(format!("undecided: {record:?}")) };
        let late = record.not_after.is_some_and(|not_after| outcome.decided_at > not_after);
        if late && outcome.verdict == Verdict::Applied && !record.changes_settings() {
            return Err(format!("applied after its time: {record:?}"));
        }
        let Some(of_runner) = outcome.epoch else { continue };
        if of_runner < epoch || decided_at.is_some_and(|before| outcome.decided_at < before) {
            return Err(format!("decided out of order, epoch {epoch}, {decided_at:?}: {record:?}"));
        }
        (epoch, decided_at) = (of_runner, Some(outcome.decided_at));
        let raised = outcome.generation > generation;
        if outcome.generation < generation || (raised && generation.next() != Some(outcome.generation)) {
            return Err(format!("generation {generation} is followed by {record:?}"));
        }
        if raised && outcome.verdict != Verdict::Applied {
            return Err(format!("only what is applied makes a generation: {record:?}"));
        }
        generation = outcome.generation;
    }
    if ledger.desired.generation == generation {
        Ok(())
    } else {
        Err(format!("the last decision made generation {generation}, the log has {}", ledger.desired.generation))
    }
}

/// The desired state is what the applied commands make of nothing.
fn registers(ledger: &Ledger) -> Result<(), String> {
    let mut phase = Phase::Running;
    for status in &ledger.commands {
        let record = &status.record;
        if record.outcome.as_ref().is_none_or(|outcome| outcome.verdict != Verdict::Applied) {
            continue;
        }
        let payload = record.body.payload().unwrap_or_default();
        match record.kind.as_str() {
            "pause" => {
                let wanted = match payload["level"].as_str() {
                    Some("mute") => Phase::Muted,
                    Some("hold") => Phase::Held,
                    _ => Phase::Stopped,
                };
                phase = phase.max(wanted);
            }
            "resume" => phase = Phase::Running,
            _ => {}
        }
    }
    if ledger.desired.phase == phase {
        Ok(())
    } else {
        Err(format!("the commands make {phase}, the log has {}", ledger.desired.phase))
    }
}

/// Each saved change belongs to one command, which is applied; each applied command that says so has made one.
fn settings(ledger: &Ledger, by_id: &HashMap<CommandId, &CommandStatus>) -> Result<(), String> {
    let mut made: HashMap<CommandId, usize> = HashMap::new();
    for entry in &ledger.settings {
        let Some(cause) = &entry.cause else { continue };
        if entry.reason.as_deref().is_some_and(|reason| reason.contains("ruled out")) {
            // It holds the cause, and changes nothing.
            continue;
        }
        let id: CommandId = cause.as_str().parse().map_err(|_| format!("{cause} is not a command"))?;
        let Some(status) = by_id.get(&id) else { return Err(format!("{id} changed the settings and is not recorded")) };
        let outcome = status.record.outcome.as_ref();
        if outcome.is_none_or(|outcome| outcome.verdict != Verdict::Applied) {
            return Err(format!("{id} changed the settings, and is {:?}", status.record));
        }
        *made.entry(id).or_default() += 1;
    }
    if let Some((id, times)) = made.iter().find(|(_, times)| **times != 1) {
        return Err(format!("{id} changed the settings {times} times"));
    }
    let last = ledger.settings.last().map(|entry| entry.revision).unwrap_or_default();
    let applied = ledger.commands.iter().map(|status| &status.record).filter(|record| record.changes_settings());
    for record in applied {
        let Some(outcome) = record.outcome.as_ref().filter(|outcome| outcome.verdict == Verdict::Applied) else {
            continue;
        };
        // One that found nothing to change may still have raised the revision the monitor should use.
        let says_so = outcome.changed && outcome.code.as_str() == "changed";
        if !made.contains_key(&record.id) && says_so && !is_there(ledger, record) {
            return Err(format!("applied, and not in the settings: {record:?}"));
        }
    }
    if ledger.desired.settings_revision > last {
        return Err(format!("the desired revision {} was never saved", ledger.desired.settings_revision));
    }
    Ok(())
}

/// Whether some saved revision holds what the command wants.
fn is_there(ledger: &Ledger, record: &livermore_core::control::CommandRecord) -> bool {
    let Ok(command) = record.command() else { return false };
    let wants = |settings: &UserSettings| {
        use livermore_core::control::Command;
        let monitored = &settings.symbols.monitored;
        match &command {
            Command::SwitchMode { mode } => settings.mode == *mode,
            Command::AddSymbol { symbol } => monitored.contains(symbol),
            Command::RemoveSymbol { symbol } => !monitored.contains(symbol),
            Command::BulkAddSymbols { symbols } => symbols.iter().all(|symbol| monitored.contains(symbol)),
            _ => true,
        }
    };
    wants(&UserSettings::default())
        || ledger.settings.iter().any(|entry| load(Some(&entry.document)).is_ok_and(|loaded| wants(&loaded.settings)))
}

/// In the end the data plane is as desired, and everything applied is effective.
fn converged(ledger: &Ledger) -> Result<(), String> {
    let Some(observed) = &ledger.observed else { return Err("nothing was ever observed".to_owned()) };
    if observed.generation != ledger.desired.generation || observed.phase != ledger.desired.phase {
        return Err(format!("desired {:?}, observed {observed:?}", ledger.desired));
    }
    if ledger.running.len() != ledger.commands.len() {
        return Err(format!("{} commands, then {}", ledger.running.len(), ledger.commands.len()));
    }
    match first_pending(&ledger.running) {
        Some(status) => Err(format!("never effective: {status:?}")),
        None => Ok(()),
    }
}

/// What is still to be done, with nothing left that would keep it from being done.
pub(crate) fn first_pending(commands: &[CommandStatus]) -> Option<&CommandStatus> {
    commands.iter().find(|status| status.effect == Effect::Pending)
}
