use json_patch::{Patch, PatchErrorKind, PatchOperation};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Document, NotADocument, Path, Problem, ProblemCode, document::array_index, document::kind_of};

/// Changes on the raw document: whatever they do not name stays as it is, known to this program or not.
///
/// Every change is checked against the limits of a document; one that is refused leaves the document unchanged. The
/// member `version` is no setting: a change that gives it another value is refused, because only a migration can make a
/// document of one version out of a document of another.
impl Document {
    /// Puts `value` at `path`.
    ///
    /// - Parents that are missing or null are created, as objects. A parent that is anything else but an object or an
    ///   array is refused, never replaced.
    /// - In an array a position from `0` replaces an item; the position after the last one, also written `-`, appends.
    ///   Positions further out, or with a leading zero, are refused.
    pub fn set(&mut self, path: &Path, value: Value) -> Result<(), NotADocument> {
        let mut names: Vec<&str> = path.names().collect();
        let Some(last) = names.pop() else {
            return Err(refuse(path, ProblemCode::Missing, "names no member").into());
        };
        let mut root = self.to_value();
        let mut place = &mut root;
        let mut at = Path::root();
        for name in names {
            place = enter(place, name, &at)?;
            at.push(name);
        }
        *enter(place, last, &at)? = value;
        self.replace(root)
    }

    /// Takes away what `path` names and returns it; `None` when there was nothing. In an array, later items move up.
    pub fn remove(&mut self, path: &Path) -> Result<Option<Value>, NotADocument> {
        let mut names: Vec<&str> = path.names().collect();
        let Some(last) = names.pop() else {
            return Err(refuse(path, ProblemCode::Missing, "names no member").into());
        };
        let mut root = self.to_value();
        let parent = names.into_iter().try_fold(&mut root, |value, name| match value {
            Value::Object(map) => map.get_mut(name),
            Value::Array(items) => items.get_mut(array_index(name)?),
            _ => None,
        });
        let removed = match parent {
            Some(Value::Object(map)) => map.remove(last),
            Some(Value::Array(items)) => {
                array_index(last).filter(|index| *index < items.len()).map(|index| items.remove(index))
            }
            _ => None,
        };
        if removed.is_some() {
            self.replace(root)?;
        }
        Ok(removed)
    }

    /// Applies a merge patch (RFC 7396): members are merged at every depth, `null` takes a member away, and everything
    /// else, arrays included, replaces what was there.
    pub fn merge_patch(&mut self, patch: &Value) -> Result<(), NotADocument> {
        let mut root = self.to_value();
        json_patch::merge(&mut root, patch);
        self.replace(root)
    }

    /// Applies a JSON Patch (RFC 6902): an array of operations, all of them or none.
    pub fn apply_patch(&mut self, operations: &Value) -> Result<(), NotADocument> {
        let refuse =
            |pointer: String, message: &str| NotADocument(vec![Problem::new(pointer, ProblemCode::Patch, message)]);
        let patch = Patch::deserialize(operations)
            .map_err(|_| refuse(String::new(), "the patch is not an array of operations as RFC 6902 has them"))?;
        let mut root = self.to_value();
        for operation in &patch.0 {
            json_patch::patch(&mut root, std::slice::from_ref(operation)).map_err(|error| {
                let what = match error.kind {
                    PatchErrorKind::TestFailed => "the value is not the one the patch tests for",
                    PatchErrorKind::InvalidFromPointer => "the place the patch takes from is not there",
                    PatchErrorKind::CannotMoveInsideItself => "a value cannot be moved into itself",
                    _ => "the place the patch names is not there",
                };
                refuse(error.path.to_string(), what)
            })?;
            // A few copies of copies would outgrow memory before the limit at the end is reached.
            if matches!(operation, PatchOperation::Copy(_)) {
                Self::new(root.clone())?;
            }
        }
        self.replace(root)
    }

    /// The operations (RFC 6902) that make `after` of this document.
    pub fn patch_to(&self, after: &Self) -> Value {
        serde_json::to_value(json_patch::diff(&self.to_value(), &after.to_value())).unwrap_or_default()
    }

    /// Takes the changed document in if it is within the limits and of the same version.
    pub(super) fn replace(&mut self, root: Value) -> Result<(), NotADocument> {
        let changed = Self::new(root)?;
        let version = |document: &Self| document.as_map().get("version").cloned();
        if !self.is_empty() && version(self) != version(&changed) {
            let problem = Problem::new("/version", ProblemCode::VersionInvalid, "is changed by migrations only");
            return Err(problem.with_hint("leave it out of the change").into());
        }
        *self = changed;
        Ok(())
    }
}

/// The member `name` of `place`, made if it is not there.
fn enter<'a>(place: &'a mut Value, name: &str, at: &Path) -> Result<&'a mut Value, NotADocument> {
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    match place {
        Value::Object(map) => Ok(map.entry(name).or_insert(Value::Null)),
        Value::Array(items) => {
            let len = items.len();
            let index = if name == "-" { Some(len) } else { array_index(name) };
            match index.filter(|index| *index <= len) {
                Some(index) => {
                    if index == len {
                        items.push(Value::Null);
                    }
                    Ok(&mut items[index])
                }
                None => Err(refuse(&at.join(name), ProblemCode::Range, "is no position of this array")
                    .with_hint(format!("0 to {len}, where {len} or - appends"))
                    .into()),
            }
        }
        other => {
            let message = format!("is {}, which has no members", kind_of(other));
            Err(refuse(at, ProblemCode::Type, &message).into())
        }
    }
}

fn refuse(at: &Path, code: ProblemCode, message: &str) -> Problem {
    Problem::new(at.to_string(), code, message)
}
