use std::fmt;

use crate::{
    control::{
        Case, Command, CommandRecord, ControlPolicy, Decision, Desired, Job, JobReport, Observed, Outcome, OutcomeCode,
        Phase, SettingsAnswer, Step, Submission, Verdict, decide,
    },
    ids::{CommandId, Revision, Timestamp, UserId},
    settings::Actor,
};

/// A story of commands for tests: given a state, when commands arrive, then this came of it.
///
/// The commands are decided in order by the rules of the product, without a store, a task or a clock. The settings
/// save every change, unless [they refuse](Self::settings_refuse). What is expected and was not is a panic that says what
/// was seen.
///
/// ```
/// use livermore_core::{
///     control::{Command, OutcomeCode, PauseLevel, Phase, Verdict},
///     testkit::ControlScenario,
/// };
/// use serde_json::json;
///
/// ControlScenario::given()
///     .earlier(&Command::Pause { level: PauseLevel::Stop })
///     .when(&Command::Pause { level: PauseLevel::Mute })
///     .when_sent("dance", &json!({}))
///     .when_sent("resume", &json!({}))
///     .then(Verdict::Applied, &OutcomeCode::UNCHANGED)
///     .then(Verdict::Rejected, &OutcomeCode::UNSUPPORTED)
///     .then(Verdict::Applied, &OutcomeCode::CHANGED)
///     .then_desired(|desired| desired.phase == Phase::Running && desired.generation.get() == 2);
/// ```
#[derive(Clone)]
pub struct ControlScenario {
    desired: Desired,
    finished: Vec<CommandId>,
    revision: Revision,
    refusal: Option<String>,
    max_attempts: u32,
    attempts: u32,
    late: bool,
    records: Vec<CommandRecord>,
    /// So many records were there before the story, or were looked at by `then`.
    told: usize,
}

impl ControlScenario {
    /// A user without commands.
    pub fn given() -> Self {
        Self {
            desired: Desired::default(),
            finished: Vec::new(),
            revision: Revision::ZERO,
            refusal: None,
            max_attempts: ControlPolicy::default().max_attempts,
            attempts: 1,
            late: false,
            records: Vec::new(),
            told: 0,
        }
    }

    /// A user whose desired state is this.
    pub fn given_desired(desired: Desired) -> Self {
        let revision = desired.settings_revision;
        Self { desired, revision, ..Self::given() }
    }

    /// A command that was decided before the story begins. It has to be applied.
    pub fn earlier(mut self, command: &Command) -> Self {
        self = self.when(command);
        let told = self.records.len() - 1;
        let outcome = self.outcome(told);
        assert_eq!(outcome.verdict, Verdict::Applied, "an earlier command was not applied: {self:?}");
        self.told = self.records.len();
        self
    }

    /// From here on the settings refuse every change.
    pub fn settings_refuse(mut self, detail: &str) -> Self {
        self.refusal = Some(detail.to_owned());
        self
    }

    /// From here on commands are decided after their time.
    pub const fn too_late(mut self) -> Self {
        self.late = true;
        self
    }

    /// From here on each command is decided at its `attempts`th try.
    pub const fn at_attempt(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Every job so far is done.
    pub fn jobs_finish(mut self) -> Self {
        self.finished = self.desired.jobs.iter().map(|job| job.id).collect();
        self
    }

    /// A command arrives and is decided.
    pub fn when(self, command: &Command) -> Self {
        let id = self.next_id();
        let sent = Submission::new(id, command, sender());
        let sent = sent.unwrap_or_else(|problems| panic!("{command:?} cannot be sent: {problems:?}"));
        self.decided(&sent)
    }

    /// A command arrives as it may come from a sender of another version, unchecked, and is decided.
    pub fn when_sent(self, kind: &str, payload: &serde_json::Value) -> Self {
        self.when_sent_as(kind, &payload.to_string())
    }

    /// The same with any text for a payload.
    pub fn when_sent_as(self, kind: &str, body: &str) -> Self {
        let sent = Submission::unchecked(self.next_id(), kind, body, sender());
        self.decided(&sent)
    }

    /// The oldest command that was not looked at yet has ended like this.
    pub fn then(self, verdict: Verdict, code: &OutcomeCode) -> Self {
        self.then_outcome(|outcome| outcome.verdict == verdict && outcome.code == *code, &format!("{verdict} ({code})"))
    }

    /// The oldest command that was not looked at yet has ended as `expected` says.
    pub fn then_outcome(mut self, is: impl FnOnce(&Outcome) -> bool, expected: &str) -> Self {
        assert!(self.told < self.records.len(), "expected {expected} of one more command: {self:?}");
        let outcome = self.outcome(self.told);
        assert!(is(outcome), "expected {expected} of command {}: {self:?}", self.told + 1);
        self.told += 1;
        self
    }

    /// The desired state is like this now.
    pub fn then_desired(self, is: impl FnOnce(&Desired) -> bool) -> Self {
        assert!(is(&self.desired), "the desired state is not as expected: {self:?}");
        self
    }

    /// The desired state now, to be looked at otherwise.
    pub const fn desired(&self) -> &Desired {
        &self.desired
    }

    /// Every command so far, oldest first.
    pub fn records(&self) -> &[CommandRecord] {
        &self.records
    }

    fn outcome(&self, index: usize) -> &Outcome {
        let outcome = self.records.get(index).and_then(|record| record.outcome.as_ref());
        outcome.unwrap_or_else(|| panic!("command {} is undecided: {self:?}", index + 1))
    }

    fn next_id(&self) -> CommandId {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&(self.records.len() as u64 + 1).to_be_bytes());
        CommandId::from_parts(Timestamp::EPOCH, random)
    }

    fn decided(mut self, sent: &Submission) -> Self {
        let (policy, now) = (ControlPolicy::default(), Timestamp::EPOCH);
        let user = UserId::new(1).expect("it is valid");
        let seq = crate::ids::Seq::new(self.records.len() as u64 + 1).expect("stories are short");
        let mut record = sent.recorded(user, seq, now, &policy);
        record.attempts = self.attempts;
        let now = if self.late { Timestamp::MAX } else { now };
        let decision = self.decision(&record, now);
        let generation = decision.desired.as_ref().map_or(self.desired.generation, |desired| desired.generation);
        let Decision { verdict, code, detail, changed, desired, .. } = decision;
        record.outcome = Some(Outcome { verdict, code, detail, changed, generation, epoch: None, decided_at: now });
        self.desired = desired.unwrap_or(self.desired);
        self.records.push(record);
        self
    }

    fn decision(&mut self, record: &CommandRecord, now: Timestamp) -> Decision {
        let observed = self.observed();
        let desired = self.desired.clone();
        let max_attempts = self.max_attempts;
        let case = Case { record, desired: &desired, observed: Some(&observed), now, max_attempts };
        let (command, only_if_made) = match decide(case, None) {
            Step::Decided(decision) => return decision,
            Step::AskSettings { command, only_if_made } => (command, only_if_made),
        };
        let answer = match &self.refusal {
            _ if only_if_made => SettingsAnswer::NotMade,
            Some(detail) => SettingsAnswer::Refused { detail: detail.clone() },
            None => {
                let changed = command.kind().changes_settings();
                if changed {
                    self.revision = self.revision.next().expect("stories are short");
                }
                SettingsAnswer::At { revision: self.revision, changed }
            }
        };
        match decide(case, Some(&answer)) {
            Step::Decided(decision) => decision,
            Step::AskSettings { .. } => panic!("{command:?} asks the settings twice: {self:?}"),
        }
    }

    fn observed(&self) -> Observed {
        let done = |id: &CommandId| JobReport { id: *id, state: crate::control::JobState::Done };
        Observed {
            epoch: crate::ids::Epoch::ZERO,
            generation: self.desired.generation,
            phase: Phase::Running,
            settings_revision: self.revision,
            held_back: false,
            health: crate::control::Health::Converged,
            jobs: self.finished.iter().map(done).collect(),
            at: Timestamp::EPOCH,
        }
    }
}

fn sender() -> Actor {
    Actor::new("scenario").expect("it is valid")
}

/// What was seen: a line per command, and the desired state.
impl fmt::Debug for ControlScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for record in &self.records {
            write!(f, "\n  {} {}: ", record.seq, record.kind)?;
            match &record.outcome {
                Some(Outcome { verdict, code, detail, .. }) => {
                    write!(f, "{verdict} ({code}) {}", detail.as_deref().unwrap_or_default())?;
                }
                None => f.write_str("undecided")?,
            }
        }
        let Desired { generation, phase, settings_revision, jobs, .. } = &self.desired;
        let jobs: Vec<_> = jobs.iter().map(|Job { seq, .. }| seq.get()).collect();
        write!(f, "\n  desired: generation {generation}, {phase}, settings {settings_revision}, jobs of {jobs:?}")
    }
}
