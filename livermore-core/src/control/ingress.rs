use std::{fmt, str};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Body, CommandKind, CommandRecord, RequestId, Submission, Verdict, strict_json::strict_object};
use crate::{
    ids::{Seq, Timestamp, UserId},
    settings::{Actor, Problem, ProblemCode},
};

/// What came on a user's control channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A number: somebody rings for the command at this place.
    Bell(Seq),
    /// A plain message that is a command.
    Command(Box<PlainCommand>),
    /// A plain message that is none, from a sender that can be answered.
    Refused {
        /// The sender's name for it.
        request: RequestId,
        /// Everything wrong with it.
        problems: Vec<Problem>,
    },
    /// Nobody can be answered; it is counted.
    Dropped(DropReason),
}

/// Why a message is neither carried out nor answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// More than [`PlainCommand::MAX_BYTES`].
    TooLarge,
    /// Not UTF-8.
    NotUtf8,
    /// Not one JSON object: something else, cut off, with something behind it, or with a member twice.
    NotAnObject,
    /// Nested deeper than [`PlainCommand::MAX_DEPTH`].
    TooDeep,
    /// A NUL character in a text.
    Nul,
    /// No `requestId`, or one that breaks its rule.
    NoRequestId,
    /// It names another user than its channel: a wrong sender, or an attack.
    OtherUser,
}

/// A command from a plain message `{type, payload, timestamp, requestId}`, as the TypeScript system sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainCommand {
    /// The sender's name for it.
    pub request: RequestId,
    /// The command, under an id made of user and request: the same message again is the same command.
    pub submission: Submission,
    /// When it was sent, by the sender's clock.
    pub sent_at: Timestamp,
}

/// What a sender is told, as JSON: `requestId`, `status` (`ack`, `success`, `error`), `message`, `timestamp`, `data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlainAnswer {
    /// Which message is answered.
    pub request_id: RequestId,
    /// Recorded (`ack`), applied (`success`), or anything else (`error`).
    pub status: PlainStatus,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// For programs.
    pub data: Value,
    /// By the clock of the one who answers.
    pub timestamp: Timestamp,
}

/// What has become of a plain message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlainStatus {
    /// It is recorded, and will be decided.
    Ack,
    /// It is applied.
    Success,
    /// It was refused, or ended otherwise.
    Error,
}

impl PlainCommand {
    /// Most bytes of a message.
    pub const MAX_BYTES: usize = Body::MAX_BYTES;
    /// How deep its JSON may be nested.
    pub const MAX_DEPTH: usize = 32;
    /// A message older than this is refused, except one that only stops something.
    pub const MAX_AGE_MS: i64 = 30_000;

    /// Reads what came on the control channel of `user`. Pure.
    ///
    /// `now` is the time of whoever receives, best that of the store. A message whose `timestamp` is more than 30 s before
    /// it is refused: it waited in a queue of its sender, or its sender's clock is wrong; the answer says by how much. A
    /// command that only stops something is taken however old it looks, so that no wrong clock keeps anybody from
    /// pausing. A `timestamp` in the future is taken: recorded commands expire by the store's clock alone.
    pub fn read(user: UserId, message: &[u8], now: Timestamp, sender: &Actor) -> Heard {
        if message.len() > Self::MAX_BYTES {
            return Heard::Dropped(DropReason::TooLarge);
        }
        let Ok(text) = str::from_utf8(message) else { return Heard::Dropped(DropReason::NotUtf8) };
        if let Some(seq) = bell(text) {
            return Heard::Bell(seq);
        }
        let mut members = match strict_object(text) {
            Ok(members) => members,
            Err(reason) => return Heard::Dropped(reason),
        };
        let request = members.remove("requestId");
        let Some(request) = request.as_ref().and_then(Value::as_str).and_then(|text| RequestId::new(text).ok()) else {
            return Heard::Dropped(DropReason::NoRequestId);
        };
        if members.remove("userId").is_some_and(|named| named.as_u64() != Some(user.get())) {
            return Heard::Dropped(DropReason::OtherUser);
        }
        match Self::checked(user, &request, members, now, sender) {
            Ok(command) => Heard::Command(Box::new(command)),
            Err(problems) => Heard::Refused { request, problems },
        }
    }

    fn checked(
        user: UserId,
        request: &RequestId,
        mut members: Map<String, Value>,
        now: Timestamp,
        sender: &Actor,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let sent_at = members.remove("timestamp").as_ref().and_then(Value::as_i64).map(Timestamp::from_millis);
        let Some(Ok(sent_at)) = sent_at else {
            let message = "is not a time in milliseconds since 1970";
            return Err(vec![Problem::new("/timestamp", ProblemCode::Type, message)]);
        };
        let kind = members.remove("type");
        let Some(kind) = kind.as_ref().and_then(Value::as_str) else {
            return Err(vec![Problem::new("/type", ProblemCode::Missing, "is not the name of a command")]);
        };
        let payload = members.remove("payload").unwrap_or(Value::Null);
        if let Some(name) = members.keys().next() {
            let shown: String = name.chars().take(64).collect();
            let problem = Problem::new("", ProblemCode::Unknown, format!("has a member {shown:?} that is not known"));
            problems.push(problem.with_hint("known: type, payload, timestamp, requestId, userId"));
        }
        let stops = CommandKind::from_name(kind).is_ok_and(CommandKind::stops);
        let age = now.millis_since(sent_at);
        if age > Self::MAX_AGE_MS && !stops {
            let message = format!("the message is {} s old; {} s are allowed", age / 1_000, Self::MAX_AGE_MS / 1_000);
            let problem = Problem::new("/timestamp", ProblemCode::Range, message);
            problems.push(problem.with_hint("send it again; if it was sent just now, set the sender's clock"));
        }
        match Submission::parse(request.command_id(user), kind, &payload, sender.clone()) {
            Ok(submission) if problems.is_empty() => Ok(Self { request: request.clone(), submission, sent_at }),
            Ok(_) => Err(problems),
            Err(found) => {
                problems.extend(found);
                Err(problems)
            }
        }
    }
}

impl PlainAnswer {
    /// The message is recorded as a command, decided or not.
    pub fn accepted(request: RequestId, record: &CommandRecord, now: Timestamp) -> Self {
        let data = json!({ "commandId": record.id, "seq": record.seq });
        let message = Some(format!("{} recorded", record.kind));
        Self { request_id: request, status: PlainStatus::Ack, message, data, timestamp: now }
    }

    /// The message is not recorded.
    pub fn refused(request: RequestId, message: String, problems: &[Problem], now: Timestamp) -> Self {
        let data = if problems.is_empty() { Value::Null } else { json!({ "problems": problems }) };
        Self { request_id: request, status: PlainStatus::Error, message: Some(message), data, timestamp: now }
    }

    /// The command is decided; none while it is not.
    pub fn decided(request: RequestId, record: &CommandRecord, now: Timestamp) -> Option<Self> {
        let outcome = record.outcome.as_ref()?;
        let status = if outcome.verdict == Verdict::Applied { PlainStatus::Success } else { PlainStatus::Error };
        let detail = outcome.detail.as_deref().map_or(String::new(), |detail| format!(": {detail}"));
        let data = json!({
            "commandId": record.id,
            "seq": record.seq,
            "verdict": outcome.verdict,
            "code": outcome.code,
            "changed": outcome.changed,
            "generation": outcome.generation,
        });
        let message = Some(format!("{} {}{detail}", record.kind, outcome.verdict));
        Some(Self { request_id: request, status, message, data, timestamp: now })
    }

    /// The text that is sent.
    pub fn to_json(&self) -> String {
        json!(self).to_string()
    }
}

impl DropReason {
    /// The name in counters and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotAnObject => "not_an_object",
            Self::TooDeep => "too_deep",
            Self::Nul => "nul",
            Self::NoRequestId => "no_request_id",
            Self::OtherUser => "other_user",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A plain decimal number and nothing else.
fn bell(text: &str) -> Option<Seq> {
    let plain = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok().and_then(|seq| Seq::new(seq).ok()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> UserId {
        UserId::new(7).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_millis(1_706_745_600_000).unwrap()
    }

    fn read(message: impl AsRef<[u8]>) -> Heard {
        PlainCommand::read(user(), message.as_ref(), now(), &Actor::new("redis").unwrap())
    }

    fn message(kind: &str, payload: &str, age_ms: i64) -> String {
        let at = now().as_millis() - age_ms;
        format!(r#"{{"type":"{kind}","payload":{payload},"timestamp":{at},"requestId":"abc123"}}"#)
    }

    fn problems(message: &str) -> String {
        match read(message) {
            Heard::Refused { request, problems } => {
                assert_eq!(request.as_str(), "abc123");
                problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn documented_messages_are_commands() {
        let examples = [
            r#"{"type": "pause", "timestamp": 1706745600000, "requestId": "abc123"}"#,
            r#"{"type": "switch-mode", "payload": {"mode": "scalper-macdv"}, "timestamp": 1706745600000, "requestId": "abc124"}"#,
            r#"{"type": "add-symbol", "payload": {"symbol": "SOL-USD"}, "timestamp": 1706745600000, "requestId": "abc125"}"#,
            r#"{"type": "force-backfill", "payload": {"symbols": ["BTC-USD"], "timeframes": ["5m", "15m"]},
                "timestamp": 1706745600000, "requestId": "abc126", "userId": 7}"#,
        ];
        for example in examples {
            let Heard::Command(command) = read(example) else { panic!("{:?}", read(example)) };
            assert_eq!(command.submission.id(), command.request.command_id(user()));
        }
    }

    #[test]
    fn numbers_are_bells() {
        assert_eq!(read("12"), Heard::Bell(Seq::new(12).unwrap()));
        for odd in ["", "-1", "1.5", "+1", "99999999999999999", "1 "] {
            assert!(matches!(read(odd), Heard::Dropped(_)), "{odd}");
        }
    }

    #[test]
    fn case_35_what_is_not_a_message_is_dropped_for_its_reason() {
        let deep = format!(r#"{{"requestId":"a","payload":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let table: [(Vec<u8>, DropReason); 12] = [
            (b"\xff\xfe{}".to_vec(), DropReason::NotUtf8),
            (vec![b' '; PlainCommand::MAX_BYTES + 1], DropReason::TooLarge),
            (deep.into_bytes(), DropReason::TooDeep),
            (nested(PlainCommand::MAX_DEPTH + 2).into_bytes(), DropReason::TooDeep),
            (br#"{"requestId":"a","type":"pause","payload":{"level":"x\u0000"}}"#.to_vec(), DropReason::Nul),
            (br#"{"requestId":"a","requestId":"b"}"#.to_vec(), DropReason::NotAnObject),
            (br#"{"requestId":"a","payload":{"x":1,"x":2}}"#.to_vec(), DropReason::NotAnObject),
            (br#"{"requestId":"a"} x"#.to_vec(), DropReason::NotAnObject),
            (br#"{"requestId":"a""#.to_vec(), DropReason::NotAnObject),
            (br#"{"requestId":"a:b"}"#.to_vec(), DropReason::NoRequestId),
            (br#"{"type":"pause"}"#.to_vec(), DropReason::NoRequestId),
            (b"[]".to_vec(), DropReason::NotAnObject),
        ];
        for (message, reason) in table {
            assert_eq!(
                read(&message),
                Heard::Dropped(reason),
                "{}",
                String::from_utf8_lossy(&message[..message.len().min(80)])
            );
        }
        for length in 0..300 {
            // Never a panic, wherever a message ends.
            let text = message("add-symbol", r#"{"symbol":"BTC-USD\u00e9"}"#, 0);
            let cut = &text.as_bytes()[..length.min(text.len())];
            assert_eq!(matches!(read(cut), Heard::Command(_) | Heard::Refused { .. }), cut.len() == text.len());
        }
    }

    #[test]
    fn case_34_another_user_in_the_body_is_dropped() {
        for other in ["8", "\"7\"", "null", "7.5"] {
            let text = format!(r#"{{"type":"pause","timestamp":1706745600000,"requestId":"a","userId":{other}}}"#);
            assert_eq!(read(text), Heard::Dropped(DropReason::OtherUser), "{other}");
        }
    }

    #[test]
    fn who_can_be_answered_is_told_what_is_wrong() {
        assert!(problems(&message("paus", "{}", 0)).contains("did you mean \"pause\""));
        assert!(problems(&message("add-symbol", r#"{"symbol":"btc usd"}"#, 0)).contains("/payload/symbol"));
        assert!(problems(r#"{"type":"pause","requestId":"abc123"}"#).contains("/timestamp"));
        assert!(problems(r#"{"timestamp":1,"requestId":"abc123"}"#).contains("/type"));
        let extra = r#"{"type":"pause","timestamp":1706745600000,"requestId":"abc123","priority":1}"#;
        assert!(problems(extra).contains("\"priority\""));
    }

    #[test]
    fn old_messages_are_refused_unless_they_stop_something() {
        assert!(matches!(read(message("resume", "{}", 30_000)), Heard::Command(_)));
        let text = problems(&message("resume", "{}", 95_000));
        assert!(text.contains("95 s old") && text.contains("clock"), "{text}");
        assert!(matches!(read(message("pause", "{}", 95_000)), Heard::Command(_)), "stopping is never too late");
        assert!(matches!(read(message("resume", "{}", -95_000)), Heard::Command(_)), "a clock that is ahead");
    }

    #[test]
    fn one_request_is_one_command_per_user() {
        let request = RequestId::new("abc123").unwrap();
        let mine = request.command_id(user());
        assert_eq!(mine, request.command_id(user()));
        assert_ne!(mine, request.command_id(UserId::new(8).unwrap()));
        assert_ne!(mine, RequestId::new("abc124").unwrap().command_id(user()));
        assert_eq!(mine.to_string().as_bytes()[14], b'8', "version 8");
        // Senders elsewhere may compute it too.
        assert_eq!(mine.to_string(), "7e147a96-7d3a-8553-a54f-8061da8357fe");
        for bad in ["", " ", "a b", "a:b", "a*", "{7}", "é", &"x".repeat(101)] {
            assert!(RequestId::new(bad).is_err(), "{bad}");
        }
    }
}
