//! Commands to a running monitor: refused with a reason, or recorded and decided exactly once, or truthfully pending.
//!
//! A sender [submits](CommandBus::submit) a [`Command`] under an id of its own and asks by that id what became of it. A
//! runner holds a [`Lease`] per user, takes the oldest undecided command from the [`CommandInbox`], [`decide`]s it and
//! writes the [`Decision`] down together with the next [`Desired`] state. Making the data plane match is another step: what
//! came of it is the [`Observed`] state. A command is *effective* once that has caught up.
//!
//! Both ends of a log in one process are an [`EmbeddedCommandLog`]; other logs pass the same contract suite.

mod body;
mod bus;
mod command;
mod decide;
mod desired;
mod doorbell;
mod embedded;
mod error;
mod executor;
mod inbox;
mod ingress;
#[cfg(feature = "file")]
mod journal;
mod lease;
mod ledger;
mod observed;
mod overview;
mod payload;
mod policy;
mod reconciler;
mod record;
mod request_id;
mod schema;
mod settings_commands;
mod signal_hub;
mod strict_json;
mod submission;
mod user_log;
mod waiting;

#[cfg(all(feature = "file", feature = "test-util"))]
pub use crate::disk::WriteStep;
pub use body::{Body, BodyHash};
#[cfg(feature = "test-util")]
pub use bus::MockCommandBus;
pub use bus::{BusCapability, CommandBus, CommandQuery, Sent, Signal, Signals, Stage, Waited};
pub use command::{Backfill, CacheScope, Command, CommandKind, PauseLevel};
pub use decide::{Case, Decision, SettingsAnswer, Step, decide};
pub use desired::{Desired, Job, Phase, Task};
#[cfg(feature = "test-util")]
pub use doorbell::MockDoorbell;
pub use doorbell::{Doorbell, DoorbellState};
pub use embedded::{Clock, EmbeddedCommandLog};
pub use error::ControlError;
pub use executor::{
    Executor, ExecutorConfig, ExecutorParts, ExecutorStatus, Leading, PauseRefused, Recording, VolatilePause,
};
#[cfg(feature = "test-util")]
pub use inbox::MockCommandInbox;
pub use inbox::{Bell, Bells, CommandInbox};
pub use ingress::{DropReason, Heard, PlainAnswer, PlainCommand, PlainStatus};
#[cfg(feature = "file")]
pub use journal::{FileLogConfig, FileLogReport};
pub use lease::{Holder, Lease};
pub use observed::{Health, JobReport, JobState, Observed};
pub use overview::{Overview, Tenure};
pub use policy::ControlPolicy;
#[cfg(feature = "test-util")]
pub use reconciler::MockReconciler;
pub use reconciler::{Degraded, JobProgress, Reconciler};
pub use record::{CommandRecord, CommandStatus, Effect, Outcome, OutcomeCode, Verdict};
pub use request_id::RequestId;
pub use schema::{schema, schemas};
#[cfg(feature = "test-util")]
pub use settings_commands::MockSettingsCommands;
pub use settings_commands::{SettingsCommands, SettingsRequest, UserSettingsCommands};
pub use submission::{Expiry, Submission};
pub use user_log::{Entry, Next, UserLog};
