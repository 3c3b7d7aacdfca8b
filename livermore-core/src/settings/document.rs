use std::{fmt, io, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{
    Map, Value,
    ser::{CompactFormatter, Formatter},
};

use super::{Path, Problem, ProblemCode};

/// A JSON object as it is stored, within the limits every store keeps.
///
/// - at most [`MAX_BYTES`](Self::MAX_BYTES) of compact JSON text, nested at most [`MAX_DEPTH`](Self::MAX_DEPTH) deep;
///   numbers count as they are without an exponent (`1e-7` as `0.0000001`), which is how databases keep them;
/// - no NUL character in any key or text;
/// - numbers within ±(2^53 − 1), so that every program and database gives them back as they were. `-0.0` becomes `0.0`.
///
/// Its `Debug` shows size and version, never the content. A clone shares the members.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Document(Arc<Map<String, Value>>);

/// The problems that keep a value from being a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotADocument(pub Vec<Problem>);

impl Document {
    /// Most bytes of compact JSON text.
    pub const MAX_BYTES: usize = 64 * 1024;
    /// Deepest nesting, the document itself counted.
    pub const MAX_DEPTH: usize = 32;

    /// Reads JSON text.
    pub fn parse(text: &[u8]) -> Result<Self, NotADocument> {
        Self::new(Self::parse_value(text)?)
    }

    /// Reads JSON text that is not much longer than a document may be.
    pub(super) fn parse_value(text: &[u8]) -> Result<Value, NotADocument> {
        let refuse = |code, message: String| Err(NotADocument(vec![Problem::new("", code, message)]));
        // Text of any length is read no further than is needed to refuse it; white space is not counted against it.
        if text.len() > 4 * Self::MAX_BYTES {
            return refuse(ProblemCode::TooLarge, too_large(text.len()));
        }
        // Once for the whole text takes less than once for each text in it; what is not UTF-8 is refused with its place.
        let value = match std::str::from_utf8(text) {
            Ok(text) => serde_json::from_str::<Value>(text),
            Err(_) => serde_json::from_slice(text),
        };
        match value {
            Ok(value) => Ok(value),
            // serde_json stops at 128 levels; every such document is too deep for us.
            Err(error) if error.to_string().contains("recursion limit") => refuse(ProblemCode::TooDeep, too_deep()),
            Err(error) if error.to_string().contains("number out of range") => {
                refuse(ProblemCode::Number, format!("a number is out of range ({error})"))
            }
            Err(error) => refuse(ProblemCode::NotJson, format!("not JSON: {error}")),
        }
    }

    /// Checks a value and makes a document of it.
    pub fn new(mut value: Value) -> Result<Self, NotADocument> {
        let mut problems = Vec::new();
        // Nearly every document is in order and small, and to keep account of places and bytes costs more than to look.
        let most = most_bytes(&value, 1, &mut false);
        if most.is_none() {
            without_negative_zero(&mut value, 1);
            check(&value, &mut Path::root(), 1, &mut problems);
        }
        let size = most.filter(|most| *most <= Self::MAX_BYTES).unwrap_or_else(|| size_of(&value));
        if size > Self::MAX_BYTES {
            problems.push(Problem::new("", ProblemCode::TooLarge, too_large(size)));
        }
        match value {
            Value::Object(map) if problems.is_empty() => Ok(Self(Arc::new(map))),
            Value::Object(_) => Err(NotADocument(problems)),
            other => {
                let message = format!("is {}, not an object", kind_of(&other));
                problems.insert(0, Problem::new("", ProblemCode::NotAnObject, message));
                Err(NotADocument(problems))
            }
        }
    }

    /// The version the document says it has.
    pub fn version(&self) -> Result<u32, Problem> {
        version_of(&self.0)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The value at a path.
    pub fn get(&self, path: &Path) -> Option<&Value> {
        let mut names = path.names();
        let first = names.next()?;
        names.try_fold(self.0.get(first)?, |value, name| match value {
            Value::Object(map) => map.get(name),
            Value::Array(items) => items.get(array_index(name)?),
            _ => None,
        })
    }

    /// The document as a JSON value.
    pub fn into_value(self) -> Value {
        Value::Object(self.into_map())
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        Arc::unwrap_or_clone(self.0)
    }

    /// The document as a JSON value, copied.
    pub fn to_value(&self) -> Value {
        Value::Object(Map::clone(&self.0))
    }

    /// Compact JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self.as_map()).unwrap_or_default()
    }

    /// JSON text for people.
    pub fn to_json_pretty(&self) -> String {
        serde_json::to_string_pretty(self.as_map()).unwrap_or_default()
    }
}

/// The version the members of a document say it has.
pub(super) fn version_of(members: &Map<String, Value>) -> Result<u32, Problem> {
    let refuse = |message: String| {
        Err(Problem::new("/version", ProblemCode::VersionInvalid, message).with_hint("a whole number from 1"))
    };
    match members.get("version") {
        None => Err(Problem::new("/version", ProblemCode::VersionMissing, "is missing")),
        Some(Value::Number(number)) => match number.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(version) if version > 0 => Ok(version),
            _ => refuse(format!("is {number}")),
        },
        Some(other) => refuse(format!("is {}", kind_of(other))),
    }
}

/// Whether these members are within every limit, and hold no null.
pub(super) fn is_plain(members: &Map<String, Value>) -> bool {
    let mut nulls = false;
    let most = most_bytes_of(members, 1, &mut nulls);
    !nulls && most.is_some_and(|most| most <= Document::MAX_BYTES)
}

/// A position in an array: digits without a leading zero.
pub(super) fn array_index(name: &str) -> Option<usize> {
    let plain = name == "0" || !name.starts_with('0');
    (plain && name.bytes().all(|byte| byte.is_ascii_digit())).then(|| name.parse().ok()).flatten()
}

/// What a JSON value is, for messages.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// No fewer bytes than [`size_of`] counts; `None` where [`check`] finds something or [`without_negative_zero`] has
/// something to do.
fn most_bytes(value: &Value, depth: usize, nulls: &mut bool) -> Option<usize> {
    if depth > Document::MAX_DEPTH {
        return None;
    }
    match value {
        Value::String(text) => most_bytes_of_text(text),
        Value::Number(number) => (fits(number) && !is_negative_zero(number)).then(|| most_bytes_of_number(number)),
        Value::Array(items) => {
            items.iter().try_fold(2, |most, item| Some(most + most_bytes(item, depth + 1, nulls)? + 1))
        }
        Value::Object(members) => most_bytes_of(members, depth, nulls),
        Value::Null => {
            *nulls = true;
            Some(4)
        }
        Value::Bool(_) => Some(5),
    }
}

fn most_bytes_of(members: &Map<String, Value>, depth: usize, nulls: &mut bool) -> Option<usize> {
    members.iter().try_fold(2, |most, (name, member)| {
        Some(most + most_bytes_of_text(name)? + most_bytes(member, depth + 1, nulls)? + 2)
    })
}

fn most_bytes_of_number(number: &serde_json::Number) -> usize {
    // Up to 1e-308, written out, with its seventeen digits.
    let is_small = number.as_f64().is_some_and(|value| value != 0.0 && value.abs() < 1e-4);
    if is_small { 350 } else { 32 }
}

fn most_bytes_of_text(text: &str) -> Option<usize> {
    // Most texts are so short that a call to search them would take longer than eight bytes at a time do here.
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let has_nul = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7) != 0;
    let nul = words.iter().any(|word| has_nul(u64::from_ne_bytes(*word))) || rest.contains(&0);
    // Every byte may have to be written as an escape of six.
    (!nul).then_some(6 * text.len() + 2)
}

/// Databases know no negative zero: a document that had one would come back as another.
fn without_negative_zero(value: &mut Value, depth: usize) {
    match value {
        Value::Number(number) if is_negative_zero(number) => *value = Value::from(0.0),
        Value::Array(items) if depth <= Document::MAX_DEPTH => {
            items.iter_mut().for_each(|item| without_negative_zero(item, depth + 1));
        }
        Value::Object(map) if depth <= Document::MAX_DEPTH => {
            map.values_mut().for_each(|member| without_negative_zero(member, depth + 1));
        }
        _ => {}
    }
}

/// Bytes of compact JSON text with numbers written out, counted without writing it down.
fn size_of(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    struct WrittenOut;
    impl Formatter for WrittenOut {
        fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, number: f64) -> io::Result<()> {
            // Only below this might be an exponent: numbers large enough for one are refused.
            let tiny = number != 0.0 && number.abs() < 1e-4;
            if tiny { write!(writer, "{number}") } else { CompactFormatter.write_f64(writer, number) }
        }
    }
    let mut count = Count(0);
    let mut serializer = serde_json::Serializer::with_formatter(&mut count, WrittenOut);
    value.serialize(&mut serializer).map_or(usize::MAX, |()| count.0)
}

fn check(value: &Value, at: &mut Path, depth: usize, problems: &mut Vec<Problem>) {
    if depth > Document::MAX_DEPTH {
        problems.push(Problem::new(at.to_string(), ProblemCode::TooDeep, too_deep()));
        return;
    }
    match value {
        Value::String(text) if text.contains('\0') => {
            problems.push(Problem::new(at.to_string(), ProblemCode::Nul, "holds a NUL character"));
        }
        Value::Number(number) => problems.extend(check_number(number, at)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(index.to_string());
                check(item, at, depth + 1, problems);
                at.pop();
            }
        }
        Value::Object(map) => {
            for (name, member) in map {
                at.push(name.clone());
                if name.contains('\0') {
                    problems.push(Problem::new(at.to_string(), ProblemCode::Nul, "the name holds a NUL character"));
                }
                check(member, at, depth + 1, problems);
                at.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn check_number(number: &serde_json::Number, at: &Path) -> Option<Problem> {
    (!fits(number)).then(|| {
        Problem::new(at.to_string(), ProblemCode::Number, "is a number out of range")
            .with_hint("write large or exact numbers as text")
    })
}

fn fits(number: &serde_json::Number) -> bool {
    const WHOLE: u64 = (1 << 53) - 1;
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(whole), ..) => whole <= WHOLE,
        (_, Some(whole), _) => whole.unsigned_abs() <= WHOLE,
        // From 2^53 on every number is a whole one, and a database gives it back as such.
        (.., Some(number)) => number.abs() < 9_007_199_254_740_992.0,
        _ => false,
    }
}

fn is_negative_zero(number: &serde_json::Number) -> bool {
    number.is_f64() && number.as_f64().is_some_and(|number| number == 0.0 && number.is_sign_negative())
}

fn too_large(size: usize) -> String {
    format!("has {size} bytes; at most {} are allowed", Document::MAX_BYTES)
}

fn too_deep() -> String {
    format!("is nested deeper than {} levels", Document::MAX_DEPTH)
}

impl TryFrom<Value> for Document {
    type Error = NotADocument;

    fn try_from(value: Value) -> Result<Self, NotADocument> {
        Self::new(value)
    }
}

impl From<Problem> for NotADocument {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl From<Document> for Value {
    fn from(document: Document) -> Self {
        document.into_value()
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version().ok();
        f.debug_struct("Document").field("version", &version).field("members", &self.0.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for NotADocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&problems.join("; "))
    }
}

impl std::error::Error for NotADocument {}
