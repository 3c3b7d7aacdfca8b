//! A command as JSON.

use livermore_core::{
    control::{CommandStatus, Effect},
    ids::{CommandId, Timestamp, UserId},
};
use serde_json::{Value, json};

/// What is known of a command. All fields are there; what is not known is null.
pub(super) fn document(user: UserId, id: CommandId, status: Option<&CommandStatus>) -> Value {
    let Some(CommandStatus { record, effect }) = status else {
        return json!({
            "user": user, "id": id, "recorded": null, "seq": null, "kind": null, "state": "unknown", "code": null,
            "detail": null, "changed": null, "generation": null, "epoch": null, "sender": null, "submittedAt": null,
            "notAfter": null, "attempts": null, "decidedAt": null, "tookMs": null, "effect": null,
            "effectReason": null, "job": null,
        });
    };
    let outcome = record.outcome.as_ref();
    let millis = |time: Timestamp| time.as_millis();
    let reason = match effect {
        Effect::Failed { reason } => Some(reason),
        Effect::None | Effect::Pending | Effect::Effective => None,
    };
    json!({
        "user": user,
        "id": id,
        "recorded": true,
        "seq": record.seq,
        "kind": record.kind,
        "state": outcome.map_or("undecided", |outcome| outcome.verdict.as_str()),
        "code": outcome.map(|outcome| outcome.code.as_str()),
        "detail": outcome.and_then(|outcome| outcome.detail.as_deref()),
        "changed": outcome.map(|outcome| outcome.changed),
        "generation": outcome.map(|outcome| outcome.generation),
        "epoch": outcome.and_then(|outcome| outcome.epoch),
        "sender": record.sender.as_str(),
        "submittedAt": millis(record.submitted_at),
        "notAfter": record.not_after.map(millis),
        "attempts": record.attempts,
        "decidedAt": outcome.map(|outcome| millis(outcome.decided_at)),
        "tookMs": outcome.map(|outcome| outcome.decided_at.millis_since(record.submitted_at)),
        "effect": effect_name(effect),
        "effectReason": reason,
        "job": record.job,
    })
}

/// The same with the payload, for whoever asks for this one command.
pub(super) fn with_payload(user: UserId, id: CommandId, status: &CommandStatus) -> Value {
    let mut document = document(user, id, Some(status));
    if let Some(members) = document.as_object_mut() {
        members.insert("payload".to_owned(), status.record.body.payload().unwrap_or_default());
    }
    document
}

pub(super) const fn effect_name(effect: &Effect) -> &'static str {
    match effect {
        Effect::None => "none",
        Effect::Pending => "pending",
        Effect::Effective => "effective",
        Effect::Failed { .. } => "failed",
    }
}
