use async_trait::async_trait;
use livermore_core::{
    control::{
        BusCapability, CommandBus, CommandKind, CommandQuery, CommandRecord, CommandStatus, ControlError, OutcomeCode,
        Overview, Signal, Signals, Submission,
    },
    ids::{CommandId, Seq, UserId},
};

use crate::{
    PgCommandLog,
    command_bells::beside,
    command_log::{End, Tried, ask, sql_millis, unknown},
    command_rows::{Answer, OverviewRow, Read, RecordRow, StatusRow, sql_id, statuses},
    command_sql::{CANCEL, HISTORY, OVERVIEW, STATUS, SUBMIT},
};

const RECORDING: &str = "recording a command";
/// What is recorded of a command whose sender takes it back.
const TAKEN_BACK: &str = "its sender took it back";

#[async_trait]
impl CommandBus for PgCommandLog {
    fn capability(&self) -> BusCapability {
        BusCapability { durable: true, shared: true, keeps_outcomes: self.inner.policy.keep_outcome }
    }

    async fn submit(&self, user: UserId, submission: &Submission) -> Result<CommandRecord, ControlError> {
        let policy = &self.inner.policy;
        let (id, hash) = (submission.id(), submission.hash());
        let changes_settings = CommandKind::from_name(submission.kind()).is_ok_and(CommandKind::changes_settings);
        let Tried { rows, in_doubt } = self
            .twice(End::Sender, RECORDING, || {
                ask::<Answer<RecordRow>>(SUBMIT)
                    .bind(sql_id(user))
                    .bind(id.to_string())
                    .bind(submission.kind())
                    .bind(submission.body().as_str())
                    .bind(hash.as_str())
                    .bind(submission.sender().as_str())
                    .bind(changes_settings)
                    .bind(submission.time_to_decide(policy).map(sql_millis))
                    .bind(i64::from(policy.max_open))
            })
            .await?;
        let answer = only(rows)?.accepted(None).and_then(|(outcome, row)| match outcome.as_str() {
            "busy" => Err(ControlError::Busy { retry_after: policy.retry_after }),
            "used_up" => {
                Err(ControlError::Setup { reason: "the sequence numbers of this user are used up".to_owned() })
            }
            _ => Ok((outcome, row)),
        });
        let (outcome, row) = answer.map_err(|refused| if in_doubt { unknown(RECORDING, refused) } else { refused })?;
        if outcome == "reused" {
            return Err(ControlError::IdReused { id });
        }
        let record = row.required(user)?;
        // Also for one that was known: the first answer may have been lost before the bell rang.
        if let Some(doorbell) = self.doorbell.as_ref().filter(|_| record.is_open()) {
            doorbell.ring(user, record.seq);
        }
        Ok(record)
    }

    async fn record(&self, user: UserId, id: CommandId) -> Result<Option<CommandStatus>, ControlError> {
        let rows = self
            .look(End::Sender, "reading a command", || ask::<StatusRow>(STATUS).bind(sql_id(user)).bind(id.to_string()))
            .await?;
        Ok(statuses(user, rows)?.pop())
    }

    async fn cancel(&self, user: UserId, id: CommandId) -> Result<CommandRecord, ControlError> {
        let Tried { rows, .. } = self
            .twice(End::Sender, "taking a command back", || {
                ask::<Answer<RecordRow>>(CANCEL)
                    .bind(sql_id(user))
                    .bind(id.to_string())
                    .bind(OutcomeCode::CANCELLED.as_str().to_owned())
                    .bind(TAKEN_BACK)
            })
            .await?;
        let (_, row) = only(rows)?.accepted(None)?;
        let record = row.found(user)?.ok_or(ControlError::NotFound { id })?;
        if let Some(doorbell) = self.doorbell.as_ref().filter(|_| !record.is_open()) {
            doorbell.tell(user, Signal::Decided(id));
        }
        Ok(record)
    }

    async fn history(&self, user: UserId, query: CommandQuery) -> Result<Vec<CommandStatus>, ControlError> {
        let rows = self
            .look(End::Sender, "reading commands", || {
                ask::<StatusRow>(HISTORY)
                    .bind(sql_id(user))
                    .bind(query.before.map(|seq| Seq::get(seq).cast_signed()))
                    .bind(i64::try_from(query.limit).unwrap_or(i64::MAX))
            })
            .await?;
        statuses(user, rows)
    }

    async fn overview(&self, user: UserId) -> Result<Overview, ControlError> {
        let rows =
            self.look(End::Sender, "reading the states", || ask::<OverviewRow>(OVERVIEW).bind(sql_id(user))).await?;
        only(rows)?.overview(user)
    }

    async fn signals(&self, user: UserId) -> Result<Signals, ControlError> {
        let own = self.inner.bells.signals(user).await?;
        let Some(doorbell) = &self.doorbell else { return Ok(own) };
        Ok(beside(own, doorbell.signals(user).await))
    }

    async fn close(&self) {
        self.shut().await;
    }
}

/// The one row of a function that returns one.
pub(crate) fn only<T>(rows: Vec<Read<T>>) -> Result<T, ControlError> {
    let row = rows.into_iter().next().map(|Read(row)| row);
    row.ok_or_else(|| ControlError::Setup { reason: "the database answered without a row".to_owned() })
}
