//! JSON Schemas (draft 2020-12) of everything that is sent and kept.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{Command, CommandKind, Desired, Phase, Verdict, payload};
use crate::ids::{MAX_JSON_INTEGER, Symbol, Timeframe};

/// The JSON Schema of a command's payload. Everything is written in place, without references.
///
/// [`Command::parse`] accepts what it accepts, and besides takes null for a member, or a payload, that is not there.
pub fn schema(kind: CommandKind) -> Value {
    let (mut schema, about) = match kind {
        CommandKind::Pause => (of::<payload::Pause>(), "Stop a part of the data plane."),
        CommandKind::Resume => (of::<payload::Nothing>(), "Everything runs again."),
        CommandKind::ReloadSettings => (of::<payload::Reload>(), "Take over settings that were changed elsewhere."),
        CommandKind::SwitchMode => (of::<payload::SwitchMode>(), "Change the mode in the settings."),
        CommandKind::AddSymbol => (of::<payload::OneSymbol>(), "Add a symbol to the monitored ones."),
        CommandKind::RemoveSymbol => (of::<payload::OneSymbol>(), "Remove a symbol from the monitored ones."),
        CommandKind::BulkAddSymbols => (of::<payload::Symbols>(), "Add several symbols in one change of the settings."),
        CommandKind::ForceBackfill => (of::<payload::BackfillPayload>(), "Fetch history again."),
        CommandKind::ClearCache => (of::<payload::ClearCache>(), "Forget cached market data."),
    };
    schema["title"] = kind.as_str().into();
    schema["description"] = about.into();
    match kind {
        CommandKind::ForceBackfill => {
            schema["oneOf"] = json!([{ "required": ["symbol"] }, { "required": ["symbols"] }]);
        }
        CommandKind::ClearCache => {
            let alone = |scope: &str, wanted: &[&str], unwanted: &[&str]| {
                let unwanted: Vec<_> = unwanted.iter().map(|name| json!({ "required": [name] })).collect();
                json!({
                    "properties": { "scope": { "const": scope } },
                    "required": wanted,
                    "not": { "anyOf": unwanted },
                })
            };
            schema["oneOf"] = json!([
                alone("all", &[], &["symbol", "timeframe"]),
                alone("symbol", &["symbol"], &["timeframe"]),
                alone("timeframe", &["timeframe"], &["symbol"]),
            ]);
        }
        _ => {}
    }
    schema
}

/// Every schema by its name: the commands' payloads, `envelope`, `record`, `desired` and `observed`.
pub fn schemas() -> BTreeMap<&'static str, Value> {
    let kinds = CommandKind::ALL.into_iter().map(|kind| (kind.as_str(), schema(kind)));
    let others = [("envelope", envelope()), ("record", record()), ("desired", desired()), ("observed", observed())];
    kinds.chain(others).collect()
}

fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// An object of exactly these members; those in `optional` may be missing.
fn object(members: &Value, optional: &[&str]) -> Value {
    let names = members.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let required: Vec<_> = names.into_iter().filter(|name| !optional.contains(&name.as_str())).collect();
    json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false })
}

fn titled(title: &str, description: &str, mut schema: Value) -> Value {
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = title.into();
    schema["description"] = description.into();
    schema
}

fn counter(least: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": MAX_JSON_INTEGER })
}

fn time() -> Value {
    json!({ "type": "integer", "description": "Milliseconds since 1970." })
}

fn id() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" })
}

fn phase() -> Value {
    let phases = [Phase::Running, Phase::Muted, Phase::Held, Phase::Stopped].map(Phase::as_str);
    json!({ "type": "string", "enum": phases })
}

fn or_null(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// One of several objects, told apart by a member.
fn tagged(tag: &str, variants: &[(&str, Value)]) -> Value {
    let variants = variants.iter().map(|(name, members)| {
        let mut members = members.clone();
        members[tag] = json!({ "const": name });
        object(&members, &[])
    });
    json!({ "oneOf": variants.collect::<Vec<_>>() })
}

fn envelope() -> Value {
    let members = json!({
        "type": { "type": "string", "enum": CommandKind::ALL.map(CommandKind::as_str) },
        "payload": { "type": ["object", "null"], "description": "By the type; see the schema of that name." },
        "timestamp": time(),
        "requestId": {
            "type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$",
            "description": "The sender's name for the message; the answer comes on a channel of that name.",
        },
        "userId": counter(1),
    });
    titled(
        "envelope",
        "A command as a plain message on a user's control channel.",
        object(&members, &["payload", "userId"]),
    )
}

fn record() -> Value {
    let verdicts = [Verdict::Applied, Verdict::Rejected, Verdict::Expired, Verdict::Cancelled, Verdict::Failed];
    let verdicts = verdicts.map(Verdict::as_str);
    let outcome = object(
        &json!({
            "verdict": { "type": "string", "enum": verdicts },
            "code": { "type": "string", "pattern": "^[a-z]+(_[a-z]+)*$" },
            "detail": { "type": ["string", "null"] },
            "changed": { "type": "boolean" },
            "generation": counter(0),
            "epoch": or_null(&counter(1)),
            "decidedAt": time(),
        }),
        &[],
    );
    let effect = [
        ("none", json!({})),
        ("pending", json!({})),
        ("effective", json!({})),
        ("failed", json!({ "reason": { "type": "string" } })),
    ];
    let members = json!({
        "user": counter(1),
        "id": id(),
        "seq": counter(1),
        "kind": { "type": "string" },
        "body": { "type": "string", "description": "The payload as JSON text; empty once it is forgotten." },
        "hash": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
        "sender": { "type": "string", "minLength": 1, "maxLength": 100 },
        "submittedAt": time(),
        "notAfter": or_null(&time()),
        "attempts": { "type": "integer", "minimum": 0, "maximum": u32::MAX },
        "outcome": or_null(&outcome),
        "job": or_null(&job_state()),
        "effect": tagged("is", &effect),
    });
    titled("record", "A recorded command, what became of it, and whether it has taken effect.", object(&members, &[]))
}

fn desired() -> Value {
    let symbol = json!({ "type": "string", "maxLength": Symbol::MAX_LEN });
    let timeframe = json!({ "type": "string", "enum": Timeframe::ALL.map(Timeframe::as_str) });
    let days = json!({ "type": "integer", "minimum": 1, "maximum": Command::MAX_BACKFILL_DAYS });
    let backfill = object(
        &json!({
            "symbols": { "type": "array", "items": symbol, "minItems": 1, "maxItems": Command::MAX_BACKFILL_SYMBOLS },
            "timeframes": { "type": "array", "items": timeframe },
            "days": days,
        }),
        &["timeframes", "days"],
    );
    let scopes =
        [("all", json!({})), ("symbol", json!({ "symbol": symbol })), ("timeframe", json!({ "timeframe": timeframe }))];
    let task = json!({
        "oneOf": [
            object(&json!({ "backfill": backfill }), &[]),
            object(&json!({ "clear-cache": tagged("scope", &scopes) }), &[]),
        ],
    });
    let job = object(&json!({ "id": id(), "seq": counter(1), "task": task }), &[]);
    let members = json!({
        "generation": counter(0),
        "phase": phase(),
        "settingsRevision": counter(0),
        "jobs": { "type": "array", "items": job, "maxItems": Desired::MAX_JOBS },
        "madeBy": or_null(&id()),
    });
    titled("desired", "What a user's monitor should be doing.", object(&members, &[]))
}

fn observed() -> Value {
    let text = json!({ "type": "string" });
    let health = [
        ("converged", json!({})),
        ("converging", json!({})),
        ("degraded", json!({ "component": text, "cause": text })),
    ];
    let report = object(&json!({ "id": id(), "state": job_state() }), &[]);
    let members = json!({
        "epoch": counter(0),
        "generation": counter(0),
        "phase": phase(),
        "settingsRevision": counter(0),
        "health": tagged("is", &health),
        "jobs": { "type": "array", "items": report },
        "at": time(),
    });
    titled("observed", "What a user's monitor is really doing, as its runner last reported.", object(&members, &[]))
}

fn job_state() -> Value {
    let steps = json!({ "type": "integer", "minimum": 0 });
    let states = [
        ("running", json!({ "done": steps, "total": steps })),
        ("done", json!({})),
        ("failed", json!({ "reason": { "type": "string" } })),
    ];
    tagged("is", &states)
}
