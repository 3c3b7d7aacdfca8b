use std::fmt;

use serde_json::{Map, Value};

use super::{Document, Problem};

/// The chain from the oldest version of a document to the current one: one named step per version.
///
/// ```
/// use livermore_core::settings::Migrations;
/// let migrations = Migrations::builder()
///     .step(1, "symbols move into a section", |document| {
///         let list = document.remove("symbols").unwrap_or_default();
///         document.insert("symbols".to_owned(), serde_json::json!({ "monitored": list }));
///         Ok(())
///     })
///     .build(2)?;
/// assert_eq!(migrations.current(), 2);
/// # Ok::<(), livermore_core::settings::MigrationsError>(())
/// ```
pub struct Migrations {
    steps: Vec<Step>,
    current: u32,
}

/// One step: from version `from` to the next.
pub struct Step {
    from: u32,
    name: &'static str,
    apply: Apply,
}

/// What a step does to a document's members.
pub type StepFn = fn(&mut Map<String, Value>) -> Result<(), Problem>;

type Apply = Box<dyn Fn(&mut Map<String, Value>) -> Result<(), Problem> + Send + Sync>;

/// A step that was applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedStep {
    /// The version before.
    pub from: u32,
    /// The version after.
    pub to: u32,
    /// What the step does.
    pub name: &'static str,
}

/// Collects steps; see [`Migrations`].
#[derive(Default)]
pub struct MigrationsBuilder {
    steps: Vec<Step>,
}

impl Migrations {
    /// Begins a chain. Steps may be given in any order.
    pub fn builder() -> MigrationsBuilder {
        MigrationsBuilder::default()
    }

    /// A chain of steps in order: the first leads from version 1 to 2. Such a chain cannot have a step missing or doubled.
    pub fn in_order<const N: usize>(steps: [(&'static str, StepFn); N]) -> Self {
        let steps = (1..).zip(steps).map(|(from, (name, apply))| Step { from, name, apply: Box::new(apply) });
        let steps: Vec<Step> = steps.collect();
        Self { current: steps.last().map_or(1, |last| last.from + 1), steps }
    }

    /// The version every document ends at.
    pub const fn current(&self) -> u32 {
        self.current
    }

    /// The steps, oldest first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Brings a document of version `from` up to date. The step that fails names itself and the place.
    pub fn apply(&self, document: &Document, from: u32) -> Result<(Document, Vec<AppliedStep>), MigrationError> {
        self.upgrade(document.clone(), from)
    }

    pub(super) fn upgrade(
        &self,
        document: Document,
        from: u32,
    ) -> Result<(Document, Vec<AppliedStep>), MigrationError> {
        if from >= self.current {
            return Ok((document, Vec::new()));
        }
        let (map, applied) = self.climb(document.into_map(), from)?;
        let document = Document::new(Value::Object(map)).map_err(|error| {
            let (from, name) = applied.last().map_or((from, ""), |last| (last.from, last.name));
            MigrationError { from, name, problems: error.0 }
        })?;
        Ok((document, applied))
    }

    /// The steps from version `from` on, without a look at what they leave behind.
    pub(super) fn climb(
        &self,
        mut map: Map<String, Value>,
        from: u32,
    ) -> Result<(Map<String, Value>, Vec<AppliedStep>), MigrationError> {
        let mut applied: Vec<AppliedStep> = Vec::with_capacity(self.steps.len());
        for step in self.steps.iter().filter(|step| step.from >= from) {
            let fail = |problems| MigrationError { from: step.from, name: step.name, problems };
            (step.apply)(&mut map).map_err(|problem| fail(vec![problem]))?;
            match map.get_mut("version") {
                Some(version) => *version = (step.from + 1).into(),
                None => drop(map.insert("version".to_owned(), (step.from + 1).into())),
            }
            applied.push(AppliedStep { from: step.from, to: step.from + 1, name: step.name });
        }
        Ok((map, applied))
    }
}

impl MigrationsBuilder {
    /// Adds the step from version `from` to the next. The step need not touch `version`.
    pub fn step(
        mut self,
        from: u32,
        name: &'static str,
        apply: impl Fn(&mut Map<String, Value>) -> Result<(), Problem> + Send + Sync + 'static,
    ) -> Self {
        self.steps.push(Step { from, name, apply: Box::new(apply) });
        self
    }

    /// Ends the chain at version `current`; refuses one with a step missing, doubled or out of range.
    pub fn build(mut self, current: u32) -> Result<Migrations, MigrationsError> {
        self.steps.sort_by_key(|step| step.from);
        for (expected, step) in (1..).zip(&self.steps) {
            if step.from == 0 || step.from >= current {
                return Err(MigrationsError::OutOfRange { from: step.from, name: step.name, current });
            } else if step.from < expected {
                return Err(MigrationsError::Doubled { from: step.from });
            } else if step.from > expected {
                return Err(MigrationsError::Missing { from: expected });
            }
        }
        let next = u32::try_from(self.steps.len()).unwrap_or(u32::MAX).saturating_add(1);
        if current == 0 {
            return Err(MigrationsError::ZeroVersion);
        }
        if next < current {
            return Err(MigrationsError::Missing { from: next });
        }
        Ok(Migrations { steps: self.steps, current })
    }
}

impl Step {
    /// The version before the step.
    pub const fn from(&self) -> u32 {
        self.from
    }

    /// What the step does.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// A chain that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum MigrationsError {
    #[error("there is no step from version {from} to {}", from + 1)]
    Missing { from: u32 },
    #[error("there are two steps from version {from}")]
    Doubled { from: u32 },
    #[error("the step {name:?} from version {from} does not lead to the current version {current}")]
    OutOfRange { from: u32, name: &'static str, current: u32 },
    #[error("versions begin at 1")]
    ZeroVersion,
}

/// A document that could not be brought up to date. It is unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationError {
    /// The version before the step that failed.
    pub from: u32,
    /// The step that failed.
    pub name: &'static str,
    /// What it could not deal with.
    pub problems: Vec<Problem>,
}

impl fmt::Display for MigrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        write!(f, "migrating from version {} ({}): {}", self.from, self.name, problems.join("; "))
    }
}

impl std::error::Error for MigrationError {}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("from", &self.from).field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrations").field("current", &self.current).field("steps", &self.steps).finish()
    }
}

impl fmt::Debug for MigrationsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrationsBuilder").field("steps", &self.steps).finish()
    }
}
