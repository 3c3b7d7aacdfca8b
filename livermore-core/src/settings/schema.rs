use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{Document, Path, Problem, ProblemCode, Settings};
use crate::ids::did_you_mean;

/// The JSON Schema (draft 2020-12) of the current version, `version` included.
///
/// Everything is written in place, without references, so that a form can be drawn from it by plain recursion. Unknown
/// members are allowed everywhere.
pub fn schema<S: Settings + JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<S>().to_value();
    let version = json!({ "const": S::migrations().current(), "description": "The version of the document." });
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("version".to_owned(), version);
    }
    if let Some(required) = schema.as_object_mut().map(|schema| schema.entry("required").or_insert_with(|| json!([]))) {
        required.as_array_mut().into_iter().for_each(|names| names.push("version".into()));
    }
    schema
}

/// Members that are unknown and look like a known one that is missing: probably typing errors. They are legal and kept.
pub fn warnings<S: Settings + JsonSchema>(document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    collect(&document.to_value(), &schema::<S>(), &mut Path::root(), &mut problems);
    problems
}

fn collect(value: &Value, schema: &Value, at: &mut Path, problems: &mut Vec<Problem>) {
    match value {
        Value::Object(members) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties");
            for (name, member) in members {
                let known = properties.and_then(|properties| properties.get(name));
                at.push(name.clone());
                if let (None, None, Some(properties)) = (known, others, properties) {
                    let missing = properties.keys().map(String::as_str).filter(|known| !members.contains_key(*known));
                    if let Some(meant) = did_you_mean(name, missing) {
                        let problem = Problem::new(at.to_string(), ProblemCode::Unknown, "is not a known setting");
                        problems.push(problem.with_hint(format!("did you mean {meant:?}?")));
                    }
                }
                if let Some(schema) = known.or(others) {
                    collect(member, schema, at, problems);
                }
                at.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(index.to_string());
                collect(item, schema.get("items").unwrap_or(&Value::Null), at, problems);
                at.pop();
            }
        }
        _ => {}
    }
}
