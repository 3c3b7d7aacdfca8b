use super::{Command, CommandRecord, Desired, Job, Observed, OutcomeCode, Phase, Task, Verdict};
use crate::{
    ids::{Revision, Timestamp},
    settings::Mode,
};

/// Everything a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The command; its attempts include the one under way.
    pub record: &'a CommandRecord,
    /// The desired state it meets.
    pub desired: &'a Desired,
    /// What was observed last: finished jobs make room.
    pub observed: Option<&'a Observed>,
    /// Now, by the store's clock.
    pub now: Timestamp,
    /// So many times deciding may be begun before the command is given up.
    pub max_attempts: u32,
}

/// What comes next in deciding a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is decided.
    Decided(Decision),
    /// The settings have a say; ask them and decide again with their answer.
    AskSettings {
        /// The change, or `reload-settings`, which changes nothing and asks for the revision.
        command: Command,
        /// Make no change any more; only tell whether it was made before.
        only_if_made: bool,
    },
}

/// What the settings answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SettingsAnswer {
    /// The change is saved, now or before, or there was nothing to change.
    At {
        /// The revision that holds it.
        revision: Revision,
        /// Whether the command made a revision.
        changed: bool,
    },
    /// The change was not made and will not be.
    NotMade,
    /// The settings cannot be changed like that.
    Refused {
        /// Why.
        detail: String,
    },
}

/// What is decided about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, for programs.
    pub code: OutcomeCode,
    /// Why, for people.
    pub detail: Option<String>,
    /// Whether the desired state or the settings change.
    pub changed: bool,
    /// The next desired state; none if it stays as it is.
    pub desired: Option<Desired>,
    /// It holds even after the command's time: its change of the settings was saved before.
    pub is_done: bool,
}

/// Decides a command. Pure: the one function that says what a command means.
///
/// Call it first without an answer; when it [asks](Step::AskSettings), call it again with the answer. An answer that was
/// not asked for is ignored.
pub fn decide(case: Case<'_>, answer: Option<&SettingsAnswer>) -> Step {
    let command = match case.record.command() {
        Ok(command) => command,
        Err((code, detail)) => return Step::Decided(Decision::refusal(Verdict::Rejected, code, detail)),
    };
    if let Command::SwitchMode { mode } = &command
        && !mode.is_implemented()
    {
        let there: Vec<&str> =
            Mode::ALL.iter().filter(|mode| mode.is_implemented()).map(|mode| mode.as_str()).collect();
        let detail = format!("the mode {mode} is not there yet; accepted: {}", there.join(", "));
        return Step::Decided(Decision::refusal(Verdict::Rejected, OutcomeCode::NOT_IMPLEMENTED, detail));
    }
    let overdue = case.record.is_overdue(case.now);
    let poison = case.record.attempts > case.max_attempts;
    let given_up = case.record.attempts > case.max_attempts.saturating_mul(2);
    if command.kind().changes_settings() {
        let only_if_made = overdue || poison;
        return match answer {
            _ if given_up => {
                let mut decision = Decision::poison(case.record.attempts);
                let detail =
                    "asking the settings never ended either; look at their history for a change by this command";
                decision.detail = decision.detail.map(|poison| format!("{poison}; {detail}"));
                Step::Decided(decision)
            }
            None => Step::AskSettings { command, only_if_made },
            Some(SettingsAnswer::At { revision, changed }) => {
                Step::Decided(settings_at(case.desired, case, *revision, *changed))
            }
            Some(SettingsAnswer::Refused { detail }) => {
                Step::Decided(Decision::refusal(Verdict::Rejected, OutcomeCode::SETTINGS_REFUSED, detail.clone()))
            }
            Some(SettingsAnswer::NotMade) if poison => Step::Decided(Decision::poison(case.record.attempts)),
            Some(SettingsAnswer::NotMade) if overdue => Step::Decided(Decision::expired()),
            Some(SettingsAnswer::NotMade) => {
                let detail = "an earlier attempt was refused".to_owned();
                Step::Decided(Decision::refusal(Verdict::Rejected, OutcomeCode::SETTINGS_REFUSED, detail))
            }
        };
    }
    if poison {
        return Step::Decided(Decision::poison(case.record.attempts));
    }
    if overdue {
        return Step::Decided(Decision::expired());
    }
    if let Command::ReloadSettings { revision: wanted } = &command {
        return match answer {
            Some(SettingsAnswer::At { revision, .. }) if wanted.is_some_and(|wanted| wanted > *revision) => {
                let detail = format!("the settings are at revision {revision}");
                Step::Decided(Decision::refusal(Verdict::Rejected, OutcomeCode::NO_SUCH_REVISION, detail))
            }
            Some(SettingsAnswer::At { revision, .. }) => {
                let mut decision = settings_at(case.desired, case, *revision, false);
                decision.is_done = false;
                Step::Decided(decision)
            }
            Some(SettingsAnswer::Refused { detail }) => {
                Step::Decided(Decision::refusal(Verdict::Rejected, OutcomeCode::SETTINGS_REFUSED, detail.clone()))
            }
            Some(SettingsAnswer::NotMade) | None => Step::AskSettings { command, only_if_made: false },
        };
    }
    Step::Decided(fold(case, &command))
}

/// Sets the registers of the desired state.
fn fold(case: Case<'_>, command: &Command) -> Decision {
    let mut next = case.desired.clone();
    match command {
        Command::Pause { level } => {
            let wanted = Phase::from(*level);
            if next.phase > wanted {
                let detail = format!("already {}, which stops more; resume first", next.phase);
                return Decision { detail: Some(detail), ..Decision::applied(case, None) };
            }
            next.phase = wanted;
        }
        Command::Resume => next.phase = Phase::Running,
        Command::ForceBackfill(backfill) => return add_job(case, next, Task::Backfill(backfill.clone())),
        Command::ClearCache { scope } => return add_job(case, next, Task::ClearCache(scope.clone())),
        // Not reached: their registers are set from the settings' answer.
        Command::ReloadSettings { .. }
        | Command::SwitchMode { .. }
        | Command::AddSymbol { .. }
        | Command::RemoveSymbol { .. }
        | Command::BulkAddSymbols { .. } => {}
    }
    Decision::applied(case, Some(next))
}

fn add_job(case: Case<'_>, mut next: Desired, task: Task) -> Decision {
    next.jobs.retain(|job| !case.observed.is_some_and(|observed| observed.has_finished(job.id)));
    if next.jobs.len() >= Desired::MAX_JOBS {
        let detail = format!("{} jobs are open already; wait for one to end", next.jobs.len());
        return Decision::refusal(Verdict::Rejected, OutcomeCode::TOO_MANY_JOBS, detail);
    }
    let waits = task.needs_exchange() && next.phase == Phase::Stopped;
    next.jobs.push(Job { id: case.record.id, seq: case.record.seq, task });
    let detail = waits.then(|| "the monitor is stopped; the job begins after a resume".to_owned());
    Decision { detail, ..Decision::applied(case, Some(next)) }
}

fn settings_at(desired: &Desired, case: Case<'_>, revision: Revision, changed: bool) -> Decision {
    let next = Desired { settings_revision: desired.settings_revision.max(revision), ..desired.clone() };
    let mut decision = Decision::applied(case, Some(next));
    if changed {
        decision.changed = true;
        decision.code = OutcomeCode::CHANGED;
    }
    decision.is_done = true;
    decision
}

impl Decision {
    /// The registers are set to `next`; a new generation only if that differs.
    fn applied(case: Case<'_>, next: Option<Desired>) -> Self {
        let next = next.filter(|next| next != case.desired);
        let Some(mut next) = next else {
            return Self { code: OutcomeCode::UNCHANGED, ..Self::of(Verdict::Applied) };
        };
        let Some(generation) = case.desired.generation.next() else {
            let detail = "the generations of this user are used up".to_owned();
            return Self::refusal(Verdict::Failed, OutcomeCode::INTERNAL, detail);
        };
        next.generation = generation;
        next.made_by = Some(case.record.id);
        Self { code: OutcomeCode::CHANGED, changed: true, desired: Some(next), ..Self::of(Verdict::Applied) }
    }

    /// Nothing changes.
    pub const fn refusal(verdict: Verdict, code: OutcomeCode, detail: String) -> Self {
        Self { verdict, code, detail: Some(detail), changed: false, desired: None, is_done: false }
    }

    /// Its time was over before it was decided.
    pub fn expired() -> Self {
        let detail = "it was not decided in time".to_owned();
        Self::refusal(Verdict::Expired, OutcomeCode::EXPIRED, detail)
    }

    fn poison(attempts: u32) -> Self {
        let detail = format!("deciding it was begun {} times and never ended", attempts.saturating_sub(1));
        Self::refusal(Verdict::Failed, OutcomeCode::POISON, detail)
    }

    const fn of(verdict: Verdict) -> Self {
        Self { verdict, code: OutcomeCode::UNCHANGED, detail: None, changed: false, desired: None, is_done: false }
    }
}
