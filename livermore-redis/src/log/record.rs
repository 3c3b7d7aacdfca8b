use std::collections::HashMap;

use livermore_core::{
    control::{
        Body, BodyHash, CommandRecord, ControlError, Decision, Desired, JobState, Observed, Outcome, OutcomeCode,
        Verdict,
    },
    ids::{Epoch, Generation, Seq, Timestamp, UserId},
    settings::Actor,
};
use redis::Value;

use crate::{
    RedisError,
    reply::{fields, number, text},
};

/// A command as it is stored.
#[derive(Debug)]
pub(super) enum Stored {
    /// There is none.
    Nothing,
    /// It was recorded, and what became of it cannot be known.
    Lost(Seq),
    /// All of it.
    Whole(CommandRecord),
    /// It is undecided, and fields of it are missing or cannot be read. They are left empty; nothing is made up.
    Unreadable(CommandRecord),
}

impl Stored {
    pub(super) fn read(step: &str, user: UserId, value: &Value) -> Result<Self, RedisError> {
        let unexpected = || RedisError::unexpected(step);
        let map = fields(value).ok_or_else(unexpected)?;
        if map.is_empty() {
            return Ok(Self::Nothing);
        }
        let seq: Seq = get(&map, "seq").ok_or_else(unexpected)?;
        if map.contains_key("lost") {
            return Ok(Self::Lost(seq));
        }
        let millis = |name: &str| Timestamp::from_millis(get::<i64>(&map, name)?).ok();
        let outcome = match map.get("verdict") {
            Some(verdict) => Some(outcome(verdict, &map).ok_or_else(unexpected)?),
            None => None,
        };
        let submitted_at = millis("submitted");
        let sender = map.get("sender").and_then(|sender| Actor::new(sender).ok());
        let needed = ["kind", "hash"].iter().all(|name| map.contains_key(*name));
        // The body of one that has ended may have been dropped.
        let body_is_there = map.contains_key("body") || outcome.is_some();
        let is_whole = needed && body_is_there && submitted_at.is_some() && sender.is_some();
        let not_after = millis("till").filter(|till| *till > Timestamp::EPOCH);
        let name = |name: &str| map.get(name).cloned().unwrap_or_default();
        let record = CommandRecord {
            user,
            id: map.get("id").and_then(|id| id.parse().ok()).ok_or_else(unexpected)?,
            seq,
            kind: name("kind"),
            body: Body::from_stored(name("body")),
            hash: BodyHash::from_stored(name("hash")),
            sender: sender.or_else(|| Actor::new("unknown").ok()).ok_or_else(unexpected)?,
            submitted_at: submitted_at.unwrap_or(Timestamp::EPOCH),
            not_after,
            attempts: get(&map, "attempts").ok_or_else(unexpected)?,
            outcome,
            job: map.get("job").and_then(|job| serde_json::from_str::<JobState>(job).ok()),
        };
        Ok(if is_whole || record.outcome.is_some() { Self::Whole(record) } else { Self::Unreadable(record) })
    }

    /// The record, where there is one; a loss is an error.
    pub(super) fn record(self) -> Result<Option<CommandRecord>, ControlError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Whole(record) | Self::Unreadable(record) => Ok(Some(record)),
            Self::Lost(seq) => Err(lost_entry(seq)),
        }
    }
}

/// One command is gone, the rest is there.
pub(super) fn lost_entry(seq: Seq) -> ControlError {
    ControlError::StateLost { reason: format!("redis_state_lost: Redis has lost command {seq}") }
}

fn get<T: TryFromText>(map: &HashMap<String, String>, name: &str) -> Option<T> {
    T::try_from_text(map.get(name)?)
}

/// Numbers as they are stored.
trait TryFromText: Sized {
    fn try_from_text(text: &str) -> Option<Self>;
}

macro_rules! from_text {
    ($($plain:ty),*; $($counter:ty),*) => {
        $(impl TryFromText for $plain {
            fn try_from_text(text: &str) -> Option<Self> { text.parse().ok() }
        })*
        $(impl TryFromText for $counter {
            fn try_from_text(text: &str) -> Option<Self> { Self::new(text.parse().ok()?).ok() }
        })*
    };
}
from_text!(u32, i64; Seq, Epoch, Generation);

/// The outcome of an ended command. What the scripts end by themselves has no words; they are the same as elsewhere.
fn outcome(verdict: &str, map: &HashMap<String, String>) -> Option<Outcome> {
    let verdict = [Verdict::Applied, Verdict::Rejected, Verdict::Expired, Verdict::Cancelled, Verdict::Failed]
        .into_iter()
        .find(|known| known.as_str() == verdict)?;
    let detail = map.get("detail").filter(|detail| !detail.is_empty()).cloned();
    let detail = detail.or_else(|| match verdict {
        Verdict::Expired => Decision::expired().detail,
        Verdict::Cancelled => Some("its sender took it back".to_owned()),
        _ => None,
    });
    Some(Outcome {
        verdict,
        code: OutcomeCode::from_stored(map.get("code")?.clone()),
        detail,
        changed: map.get("changed").is_some_and(|changed| changed == "1"),
        generation: get(map, "generation")?,
        epoch: get(map, "epoch"),
        decided_at: Timestamp::from_millis(get(map, "decided")?).ok()?,
    })
}

/// The desired state. Its generation stands beside it, where the scripts can read it.
pub(super) fn desired(step: &str, generation: &Value, json: &Value) -> Result<Desired, RedisError> {
    let unexpected = || RedisError::unexpected(step);
    let json = text(json).ok_or_else(unexpected)?;
    let stored = if json.is_empty() { Ok(Desired::default()) } else { serde_json::from_str::<Desired>(&json) };
    let generation =
        number(generation).and_then(|generation| Generation::new(generation).ok()).ok_or_else(unexpected)?;
    Ok(Desired { generation, ..stored.map_err(|_| unexpected())? })
}

/// What was observed last, if anything was.
pub(super) fn observed(step: &str, json: &Value) -> Result<Option<Observed>, RedisError> {
    match text(json).as_deref() {
        None => Err(RedisError::unexpected(step)),
        Some("") => Ok(None),
        Some(json) => serde_json::from_str(json).map(Some).map_err(|_| RedisError::unexpected(step)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[&str]) -> Result<Stored, RedisError> {
        let value = Value::Array(fields.iter().map(|field| Value::BulkString(field.as_bytes().to_vec())).collect());
        Stored::read("reading", UserId::new(7).unwrap(), &value)
    }

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    #[test]
    fn case_24_an_entry_without_its_fields_is_never_filled_with_defaults() {
        assert!(matches!(read(&[]).unwrap(), Stored::Nothing));
        let Stored::Unreadable(record) = read(&["seq", "3", "attempts", "1", "id", ID]).unwrap() else { panic!() };
        assert_eq!((record.kind.as_str(), record.body.as_str()), ("", ""));
        assert!(record.command().is_err(), "it is no command");
        let whole = ["seq", "3", "attempts", "1", "id", ID, "kind", "pause", "body", "{}", "hash", "h", "sender", "me"];
        let Stored::Unreadable(_) = read(&whole).unwrap() else { panic!("no time of submission") };
        let whole = [&whole[..], &["submitted", "5", "till", "0"]].concat();
        let Stored::Whole(record) = read(&whole).unwrap() else { panic!() };
        assert_eq!((record.not_after, record.attempts), (None, 1));
    }

    #[test]
    fn strange_answers_are_errors_and_not_panics() {
        for strange in [
            &["seq", "x"][..],
            &["id", ID],
            &["seq", "1", "id", "x", "attempts", "1"],
            &["seq", "1", "id", ID, "attempts", "-1"],
            &["seq", "1", "id", ID, "attempts", "1", "verdict", "maybe"],
        ] {
            assert!(read(strange).is_err(), "{strange:?}");
        }
        assert!(Stored::read("reading", UserId::new(7).unwrap(), &Value::Int(1)).is_err());
        assert!(matches!(read(&["seq", "4", "lost", "1"]).unwrap(), Stored::Lost(seq) if seq.get() == 4));
    }
}
