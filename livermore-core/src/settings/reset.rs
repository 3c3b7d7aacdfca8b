use serde_json::Value;

use super::{Document, Settings, SettingsError, load::to_document};

/// The default settings, keeping what is not this program's: the top-level members that the type does not know, and
/// those in [`Settings::KEPT_ON_RESET`].
///
/// Unknown members inside a known one go with it. A document of an older version is not migrated first: its members
/// that the current type does not know stay where they are. A document newer than the program is refused.
pub fn reset<S: Settings>(document: &Document) -> Result<Document, SettingsError> {
    let max = S::migrations().current();
    match document.version() {
        Ok(found) if found > max => return Err(SettingsError::Newer { found, max }),
        _ => {}
    }
    let mut map = to_document(&S::default(), max)?.as_map().clone();
    for (name, value) in document.as_map() {
        if !map.contains_key(name) || S::KEPT_ON_RESET.contains(&name.as_str()) {
            map.insert(name.clone(), value.clone());
        }
    }
    Ok(Document::new(Value::Object(map))?)
}
