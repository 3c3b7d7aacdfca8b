use serde_json::{Map, Value};

use super::{Document, Settings, SettingsError, load::to_document};

/// Carries a typed change over to the raw document: every place where `before` and `after` differ gets its value from
/// `after`, and nothing else is touched.
///
/// Members the type does not know stay, at every depth. In an array whose length changed, the items that are equal at
/// its beginning and end stay as they are; the ones between are taken from `after`.
pub fn change<S: Settings>(document: &Document, before: &S, after: &S) -> Result<Document, SettingsError> {
    let version = S::migrations().current();
    let before = to_document(before, version)?.into_value();
    let after = to_document(after, version)?.into_value();
    let mut root = document.to_value();
    carry(&mut root, &before, &after);
    let mut changed = document.clone();
    changed.replace(root)?;
    Ok(changed)
}

fn carry(raw: &mut Value, before: &Value, after: &Value) {
    if before == after {
        return;
    }
    match (raw, before, after) {
        (Value::Object(raw), Value::Object(before), Value::Object(after)) => carry_members(raw, before, after),
        (Value::Array(raw), Value::Array(before), Value::Array(after)) if raw.len() == before.len() => {
            carry_items(raw, before, after);
        }
        (raw, _, after) => *raw = after.clone(),
    }
}

fn carry_members(raw: &mut Map<String, Value>, before: &Map<String, Value>, after: &Map<String, Value>) {
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        raw.remove(name);
    }
    for (name, after) in after {
        match (raw.get_mut(name).filter(|raw| !raw.is_null()), before.get(name)) {
            (_, Some(before)) if before == after => {}
            (Some(raw), Some(before)) => carry(raw, before, after),
            // A member that is missing or null has its default, so only what differs from it is written.
            (None, Some(before @ Value::Object(_))) if after.is_object() => {
                let mut made = Value::Object(Map::new());
                carry(&mut made, before, after);
                raw.insert(name.clone(), made);
            }
            _ => {
                raw.insert(name.clone(), after.clone());
            }
        }
    }
}

fn carry_items(raw: &mut Vec<Value>, before: &[Value], after: &[Value]) {
    if before.len() == after.len() {
        for (raw, (before, after)) in raw.iter_mut().zip(before.iter().zip(after)) {
            carry(raw, before, after);
        }
        return;
    }
    let shorter = before.len().min(after.len());
    let head = before.iter().zip(after).take_while(|(before, after)| before == after).count();
    let tail = before.iter().rev().zip(after.iter().rev()).take(shorter - head);
    let tail = tail.take_while(|(before, after)| before == after).count();
    raw.splice(head..before.len() - tail, after[head..after.len() - tail].iter().cloned());
}
