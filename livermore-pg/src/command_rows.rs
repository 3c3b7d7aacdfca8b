use std::time::Duration;

use livermore_core::{
    control::{
        Body, BodyHash, CommandRecord, CommandStatus, ControlError, Desired, Holder, JobState, Lease, Observed,
        Outcome, OutcomeCode, Overview, Tenure, Verdict,
    },
    ids::{CommandId, Epoch, Generation, InvalidId, Seq, Timestamp, UserId},
    settings::Actor,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::{Decode, FromRow, Postgres, Row, Type, postgres::PgRow};

/// What is read from the columns of a row, one after the other.
pub(crate) trait Columns: Sized {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error>;
}

/// A row, and the column that is read next.
pub(crate) struct Reader<'r> {
    row: &'r PgRow,
    column: usize,
}

impl<'r> Reader<'r> {
    fn next<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T, sqlx::Error> {
        let value = self.row.try_get(self.column);
        self.column += 1;
        value
    }
}

/// A row as it came, not yet looked at.
pub(crate) struct Read<T>(pub(crate) T);

impl<'r, T: Columns> FromRow<'r, PgRow> for Read<T> {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        T::read(&mut Reader { row, column: 0 }).map(Self)
    }
}

impl Columns for () {
    fn read(_: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        Ok(())
    }
}

impl Columns for i64 {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        row.next()
    }
}

impl Columns for Option<i64> {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        row.next()
    }
}

impl Columns for bool {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        row.next()
    }
}

impl<A: Columns, B: Columns> Columns for (A, B) {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        Ok((A::read(row)?, B::read(row)?))
    }
}

impl<A: Columns, B: Columns, C: Columns> Columns for (A, B, C) {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        Ok((A::read(row)?, B::read(row)?, C::read(row)?))
    }
}

/// What a function of the database answers that may also refuse.
pub(crate) struct Answer<T> {
    outcome: String,
    current: Option<i64>,
    seen: Option<i64>,
    here: Option<i64>,
    rest: T,
}

impl<T: Columns> Columns for Answer<T> {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self {
            outcome: row.next()?,
            current: row.next()?,
            seen: row.next()?,
            here: row.next()?,
            rest: T::read(row)?,
        })
    }
}

impl<T> Answer<T> {
    /// Outcome and the rest, unless it is refused because of the lease or because the log has lost something.
    pub(crate) fn accepted(self, lease: Option<&Lease>) -> Result<(String, T), ControlError> {
        match self.outcome.as_str() {
            "stale" => Err(ControlError::StaleEpoch {
                held: lease.map_or(Epoch::ZERO, |lease| lease.epoch),
                current: number(self.current.unwrap_or_default(), "an epoch")?,
            }),
            "regressed" => Err(ControlError::StoreRegressed {
                seen: number(self.seen.unwrap_or_default(), "a generation")?,
                found: number(self.here.unwrap_or_default(), "a generation")?,
            }),
            _ => Ok((self.outcome, self.rest)),
        }
    }
}

/// Desired and observed state.
pub(crate) struct StatesRow {
    state: Option<String>,
    report: Option<String>,
}

impl Columns for StatesRow {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self { state: row.next()?, report: row.next()? })
    }
}

impl StatesRow {
    pub(crate) fn desired(&self, user: UserId) -> Result<Desired, ControlError> {
        self.state.as_deref().map_or_else(|| Ok(Desired::default()), |text| read(text, user, "the desired state"))
    }

    pub(crate) fn observed(&self, user: UserId) -> Result<Option<Observed>, ControlError> {
        self.report.as_deref().map(|text| read(text, user, "the observed state")).transpose()
    }
}

/// Both states and the lease.
pub(crate) struct OverviewRow {
    states: StatesRow,
    holder: Option<String>,
    epoch: Option<i64>,
    remaining: Option<i64>,
}

impl Columns for OverviewRow {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self { states: StatesRow::read(row)?, holder: row.next()?, epoch: row.next()?, remaining: row.next()? })
    }
}

impl OverviewRow {
    pub(crate) fn overview(self, user: UserId) -> Result<Overview, ControlError> {
        let tenure = |((holder, epoch), remaining): ((String, i64), i64)| -> Result<Tenure, ControlError> {
            Ok(Tenure {
                holder: Holder::new(&holder).map_err(|error| unreadable(&error, "a lease holder"))?,
                epoch: number(epoch, "an epoch")?,
                remaining: Duration::from_millis(u64::try_from(remaining).unwrap_or_default()),
            })
        };
        Ok(Overview {
            desired: self.states.desired(user)?,
            observed: self.states.observed(user)?,
            runner: self.holder.zip(self.epoch).zip(self.remaining).map(tenure).transpose()?,
        })
    }
}

/// A command; everything is NULL where there is none.
pub(crate) struct RecordRow {
    id: Option<String>,
    seq: Option<i64>,
    kind: Option<String>,
    body: Option<String>,
    hash: Option<String>,
    sender: Option<String>,
    submitted_at: Option<i64>,
    not_after: Option<i64>,
    attempts: Option<i32>,
    outcome: OutcomeRow,
    job: Option<String>,
}

struct OutcomeRow {
    verdict: Option<String>,
    code: Option<String>,
    detail: Option<String>,
    changed: Option<bool>,
    generation: Option<i64>,
    epoch: Option<i64>,
    decided_at: Option<i64>,
}

impl Columns for RecordRow {
    fn read(row: &mut Reader<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.next()?,
            seq: row.next()?,
            kind: row.next()?,
            body: row.next()?,
            hash: row.next()?,
            sender: row.next()?,
            submitted_at: row.next()?,
            not_after: row.next()?,
            attempts: row.next()?,
            outcome: OutcomeRow {
                verdict: row.next()?,
                code: row.next()?,
                detail: row.next()?,
                changed: row.next()?,
                generation: row.next()?,
                epoch: row.next()?,
                decided_at: row.next()?,
            },
            job: row.next()?,
        })
    }
}

impl RecordRow {
    /// The command, if there is one.
    pub(crate) fn found(self, user: UserId) -> Result<Option<CommandRecord>, ControlError> {
        let (Some(id), Some(seq)) = (self.id, self.seq) else { return Ok(None) };
        Ok(Some(CommandRecord {
            user,
            id: id.parse().map_err(|error| unreadable(&error, "a command id"))?,
            seq: number(seq, "a sequence number")?,
            kind: self.kind.unwrap_or_default(),
            body: Body::from_stored(self.body.unwrap_or_default()),
            hash: BodyHash::from_stored(self.hash.unwrap_or_default()),
            sender: Actor::new(&self.sender.unwrap_or_default()).map_err(|error| unreadable(&error, "a sender"))?,
            submitted_at: time(self.submitted_at.unwrap_or_default())?,
            not_after: self.not_after.map(time).transpose()?,
            attempts: self.attempts.unwrap_or_default().unsigned_abs(),
            outcome: self.outcome.found()?,
            job: self.job.map(|text| read::<JobState>(&text, user, "the end of a job")).transpose()?,
        }))
    }

    /// The command; there has to be one.
    pub(crate) fn required(self, user: UserId) -> Result<CommandRecord, ControlError> {
        self.found(user)?.ok_or_else(|| ControlError::StateLost { reason: "the command is gone".to_owned() })
    }
}

impl OutcomeRow {
    fn found(self) -> Result<Option<Outcome>, ControlError> {
        let Some(verdict) = self.verdict else { return Ok(None) };
        Ok(Some(Outcome {
            verdict: verdict_of(&verdict)?,
            code: OutcomeCode::from_stored(self.code.unwrap_or_default()),
            detail: self.detail,
            changed: self.changed.unwrap_or_default(),
            generation: number(self.generation.unwrap_or_default(), "a generation")?,
            epoch: self.epoch.map(|epoch| number(epoch, "an epoch")).transpose()?,
            decided_at: time(self.decided_at.unwrap_or_default())?,
        }))
    }
}

/// A command with what its effect depends on, and the epoch its user is at.
pub(crate) type StatusRow = (RecordRow, StatesRow, Option<i64>);

/// The status of each command; the first row that has a report has it for all.
pub(crate) fn statuses(user: UserId, rows: Vec<Read<StatusRow>>) -> Result<Vec<CommandStatus>, ControlError> {
    let mut observed = None;
    let mut statuses = Vec::with_capacity(rows.len());
    for Read((record, states, epoch)) in rows {
        if observed.is_none() {
            observed = states.observed(user)?;
        }
        let epoch: Epoch = number(epoch.unwrap_or_default(), "an epoch")?;
        if let Some(record) = record.found(user)? {
            statuses.push(record.with_effect(observed.as_ref(), epoch));
        }
    }
    Ok(statuses)
}

/// What a job's end and a state become on their way to jsonb: without NUL characters, which it refuses.
pub(crate) fn to_jsonb(value: &impl Serialize) -> String {
    // Plain data always has a JSON form.
    let mut value = serde_json::to_value(value).unwrap_or_default();
    strip(&mut value);
    value.to_string()
}

/// Text for people, as PostgreSQL takes it: without NUL characters, and not too long.
pub(crate) fn plain(text: &str) -> String {
    const MOST: usize = 4_000;
    text.chars().take(MOST).map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn strip(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = plain(text),
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Object(members) => members.values_mut().for_each(strip),
        _ => {}
    }
}

pub(crate) fn user_of(id: i64) -> Result<UserId, ControlError> {
    let id = u64::try_from(id).unwrap_or_default();
    UserId::new(id).map_err(|error| unreadable(&error, "a user id"))
}

pub(crate) fn number<T: TryFrom<u64, Error = InvalidId>>(value: i64, what: &str) -> Result<T, ControlError> {
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    T::try_from(value).map_err(|error| unreadable(&error, what))
}

pub(crate) fn time(millis: i64) -> Result<Timestamp, ControlError> {
    Timestamp::from_millis(millis).map_err(|error| unreadable(&error, "a time"))
}

fn verdict_of(text: &str) -> Result<Verdict, ControlError> {
    let all = [Verdict::Applied, Verdict::Rejected, Verdict::Expired, Verdict::Cancelled, Verdict::Failed];
    let known = all.into_iter().find(|verdict| verdict.as_str() == text);
    known.ok_or_else(|| ControlError::Setup {
        reason: "a verdict in livermore.command is not known; update this program".to_owned(),
    })
}

fn read<T: DeserializeOwned>(text: &str, user: UserId, what: &str) -> Result<T, ControlError> {
    // The parser's words could quote a payload.
    serde_json::from_str(text).map_err(|_| ControlError::Setup {
        reason: format!("{what} of user {user} cannot be read; if a newer program wrote it, update this one"),
    })
}

fn unreadable(_: &InvalidId, what: &str) -> ControlError {
    ControlError::Setup { reason: format!("{what} in the database is not valid; correct the row") }
}

pub(crate) fn sql_id(user: UserId) -> i64 {
    user.get().cast_signed()
}

/// A generation in the payload of a notice.
pub(crate) fn generation_of(text: &str) -> Option<Generation> {
    text.parse().ok().and_then(|number: u64| Generation::new(number).ok())
}

/// A command in the payload of a notice.
pub(crate) fn command_of(text: &str) -> Option<CommandId> {
    text.parse().ok()
}

/// A place in the payload of a notice.
pub(crate) fn seq_of(text: &str) -> Option<Seq> {
    text.parse().ok().and_then(|number: u64| Seq::new(number).ok())
}
