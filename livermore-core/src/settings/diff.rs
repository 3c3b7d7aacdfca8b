use serde::Serialize;
use serde_json::Value;

use super::{Document, Path};

/// One difference between two documents, for people: the innermost place that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What happened there.
    #[serde(flatten)]
    pub kind: ChangeKind,
}

/// What happened at one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "change")]
#[allow(missing_docs, reason = "the names say it")]
pub enum ChangeKind {
    Added { after: Value },
    Removed { before: Value },
    Replaced { before: Value, after: Value },
}

/// How three documents differ at one place: what both sides began with, and what each made of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreeWay {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// The value both began with.
    pub base: Option<Value>,
    /// The value wanted by the one who was refused.
    pub mine: Option<Value>,
    /// The value stored by someone else.
    pub theirs: Option<Value>,
    /// Whether both changed it, differently.
    pub conflict: bool,
}

/// The differences from `before` to `after`, ordered by place. Arrays differ as a whole.
pub fn diff(before: &Document, after: &Document) -> Vec<Change> {
    let mut changes = Vec::new();
    collect(&mut Path::root(), &before.to_value(), &after.to_value(), &mut changes);
    changes
}

/// Every place where `mine` or `theirs` differs from `base`.
pub fn three_way(base: &Document, mine: &Document, theirs: &Document) -> Vec<ThreeWay> {
    let mut places: Vec<String> =
        diff(base, mine).into_iter().chain(diff(base, theirs)).map(|change| change.pointer).collect();
    places.sort();
    places.dedup();
    // A place inside another place is part of it.
    let inner = places.clone();
    places.retain(|place| !inner.iter().any(|outer| place.starts_with(&format!("{outer}/"))));
    let value = |document: &Document, pointer: &str| document.to_value().pointer(pointer).cloned();
    places
        .into_iter()
        .map(|pointer| {
            let (base, mine, theirs) = (value(base, &pointer), value(mine, &pointer), value(theirs, &pointer));
            let conflict = base != mine && base != theirs && mine != theirs;
            ThreeWay { pointer, base, mine, theirs, conflict }
        })
        .collect()
}

fn collect(at: &mut Path, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            let kind = ChangeKind::Replaced { before: before.clone(), after: after.clone() };
            changes.push(Change { pointer: at.to_string(), kind });
        }
        return;
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))).collect();
    names.sort();
    for name in names {
        at.push(name.clone());
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => collect(at, old, new, changes),
            (Some(old), None) => {
                changes.push(Change { pointer: at.to_string(), kind: ChangeKind::Removed { before: old.clone() } });
            }
            (None, Some(new)) => {
                changes.push(Change { pointer: at.to_string(), kind: ChangeKind::Added { after: new.clone() } });
            }
            (None, None) => {}
        }
        at.pop();
    }
}
