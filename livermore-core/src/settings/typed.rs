use std::collections::BTreeMap;

use serde_json::Value;
use serde_path_to_error::Segment;

use super::{
    Document, Path, Problem, ProblemCode, Settings, document::array_index, document::kind_of, text::Versioned,
};

/// The typed view of a current document, or everything that is wrong with it. A member that is null counts as missing.
pub(super) fn typed<S: Settings>(document: &Document, validated: bool) -> Result<S, Vec<Problem>> {
    // Nearly every document is in order and holds no null: then there is nothing to copy and no place to remember.
    if !document.as_map().values().any(has_null) {
        let mut version = None;
        let whole = Versioned { document: document.as_map(), version: &mut version };
        if let Ok(settings) = S::deserialize(whole)
            && (!validated || settings.validate().is_empty())
        {
            return Ok(settings);
        }
    }
    let mut map = document.as_map().clone();
    map.remove("version");
    let mut value = Value::Object(map);
    drop_nulls(&mut value);
    let mut misfits = Misfits::default();
    let settings = misfits.peel::<S>(value);
    let mut problems = misfits.problems;
    if let Some(settings) = settings {
        if validated {
            problems.extend(settings.validate().into_iter().filter_map(|problem| misfits.gone.restore(problem)));
        }
        if problems.is_empty() {
            return Ok(settings);
        }
    }
    Err(problems)
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().any(has_null),
        Value::Array(items) => items.iter().any(has_null),
        _ => false,
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Finds every value that does not fit its type.
///
/// Deserialising stops at the first one. So that one is taken out, which leaves its default in its place, and the rest
/// is tried again.
#[derive(Default)]
struct Misfits {
    problems: Vec<Problem>,
    gone: Gone,
}

impl Misfits {
    /// More are not worth the time: a document with so many has another kind of problem.
    const MAX: usize = 100;

    fn peel<S: Settings>(&mut self, mut value: Value) -> Option<S> {
        for _ in 0..Self::MAX {
            let error = match serde_path_to_error::deserialize::<_, S>(&value) {
                Ok(settings) => return Some(settings),
                Err(error) => error,
            };
            let place = place_of(error.path(), &value);
            let original: Path = self.gone.original_path(&place);
            let found = place.iter().try_fold(&value, |value, name| member(value, name)).cloned().unwrap_or_default();
            let message = error.into_inner().to_string();
            // A member that must be there and was taken out is no second problem.
            if !(message.starts_with("missing field") && self.gone.any_inside(&original)) {
                let problem = S::explain(&original, &found).unwrap_or_else(|| describe(&original, &found, &message));
                self.problems.push(problem);
            }
            if place.is_empty() {
                return None;
            }
            self.gone.take(&mut value, &place, &original);
        }
        None
    }
}

/// What was taken out so far.
#[derive(Default)]
struct Gone {
    places: Vec<String>,
    /// By array, the original positions of the items taken out, ascending.
    items: BTreeMap<String, Vec<usize>>,
}

impl Gone {
    fn take(&mut self, value: &mut Value, place: &[String], original: &Path) {
        let Some((last, parents)) = place.split_last() else { return };
        self.places.push(original.to_string());
        let parent = parents.iter().try_fold(value, |value, name| match value {
            Value::Object(map) => map.get_mut(name),
            Value::Array(items) => items.get_mut(array_index(name)?),
            _ => None,
        });
        match parent {
            Some(Value::Object(map)) => drop(map.remove(last)),
            Some(Value::Array(items)) => {
                if let Some(index) = array_index(last).filter(|index| *index < items.len()) {
                    items.remove(index);
                    let mut array = original.clone();
                    let index = array.names().next_back().and_then(array_index).unwrap_or(index);
                    array.pop();
                    let taken = self.items.entry(array.to_string()).or_default();
                    taken.insert(taken.partition_point(|before| *before < index), index);
                }
            }
            _ => {}
        }
    }

    fn any_inside(&self, outer: &Path) -> bool {
        let outer = format!("{outer}/");
        self.places.iter().any(|place| place.starts_with(&outer))
    }

    /// A place in what is left, as a place in the document.
    fn original_path(&self, place: &[String]) -> Path {
        let mut path = Path::root();
        for name in place {
            let taken = self.items.get(&path.to_string()).map_or(&[][..], Vec::as_slice);
            match array_index(name) {
                Some(index) if !taken.is_empty() => {
                    let shifted = taken.iter().fold(index, |at, gone| if *gone <= at { at + 1 } else { at });
                    path.push(shifted.to_string());
                }
                _ => path.push(name),
            }
        }
        path
    }

    /// A problem of what is left, at its place in the document; `None` when it may only be there because something was
    /// taken out.
    fn restore(&self, problem: Problem) -> Option<Problem> {
        if self.places.is_empty() {
            return Some(problem);
        }
        let Ok(path) = problem.pointer.parse::<Path>() else { return Some(problem) };
        let original = self.original_path(&path.names().map(str::to_owned).collect::<Vec<_>>());
        (!self.any_inside(&original)).then(|| Problem { pointer: original.to_string(), ..problem })
    }
}

/// The names down to the value that did not fit, as far as they exist.
fn place_of(path: &serde_path_to_error::Path, value: &Value) -> Vec<String> {
    let names = path.iter().map_while(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    let mut here = value;
    names
        .map_while(|name| {
            member(here, &name).map(|inner| {
                here = inner;
                name
            })
        })
        .collect()
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(name),
        Value::Array(items) => items.get(array_index(name)?),
        _ => None,
    }
}

/// serde's message quotes what it found; only what it expected may be shown.
fn describe(path: &Path, found: &Value, message: &str) -> Problem {
    let pointer = path.to_string();
    if message.starts_with("missing field") {
        return Problem::new(pointer, ProblemCode::Missing, message.to_owned());
    }
    let from_serde = ["invalid type:", "invalid value:", "invalid length", "unknown variant"];
    let expected =
        message.rsplit_once(", expected ").filter(|_| from_serde.iter().any(|start| message.starts_with(start)));
    let problem = Problem::new(pointer, ProblemCode::Type, format!("is {}, which does not fit", kind_of(found)));
    match expected {
        Some((_, expected)) => problem.with_hint(format!("expected {expected}")),
        None => problem,
    }
}
