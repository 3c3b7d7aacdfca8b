use std::{borrow::Cow, cmp::Ordering, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, IntoDeserializer, MapAccess, Visitor,
        value::{BorrowedStrDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use super::{
    AppliedStep, Document, Loaded, Settings, SettingsError, Status,
    document::{is_plain, version_of},
    load::{Brought, bring, load},
    plain::Plain,
};

/// Settings read from text, without the documents they came from.
///
/// Its `Debug` shows no settings.
#[derive(Clone)]
pub struct LoadedText<S> {
    /// The typed view.
    pub settings: S,
    /// The version the text had.
    pub from: u32,
    /// The steps that were applied, oldest first.
    pub applied: Vec<AppliedStep>,
    /// How the text relates to this program.
    pub status: Status,
}

/// Reads settings from the text of a document: the same answer as [`Document::parse`] and [`load`], for those who only
/// want the typed view.
///
/// Text of the current version is deserialised straight into the type, which takes about half the time.
pub fn load_text<S: Settings>(text: &[u8]) -> Result<LoadedText<S>, SettingsError> {
    if let Some(loaded) = quick(text) {
        return Ok(loaded);
    }
    let document = Document::parse(text)?;
    if document.is_empty() {
        let Loaded { settings, from, applied, status, .. } = load(Some(&document))?;
        return Ok(LoadedText { settings, from, applied, status });
    }
    let Brought { settings, from, applied, status, .. } = bring(document)?;
    Ok(LoadedText { settings, from, applied, status })
}

/// The settings, when nothing about the text needs a closer look. Whatever is wrong is found and told by the long way.
fn quick<S: Settings>(text: &[u8]) -> Option<LoadedText<S>> {
    let version = Plain::look(text)?.version?;
    let current = S::migrations().current();
    // Once for the whole text takes less than once for each member.
    let text = std::str::from_utf8(text).ok()?;
    match version.cmp(&current) {
        Ordering::Less => return migrated(text),
        Ordering::Equal => {}
        Ordering::Greater => return None,
    }
    let mut version = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let settings = S::deserialize(Versioned { document: &mut json, version: &mut version }).ok()?;
    json.end().ok()?;
    let sound = version == Some(current) && settings.validate().is_empty();
    sound.then(|| LoadedText { settings, from: current, applied: Vec::new(), status: Status::Current })
}

/// The same for plain text of an older version. Its values are moved into the type, so that a failure leaves nothing to
/// be told about.
fn migrated<S: Settings>(plain: &str) -> Option<LoadedText<S>> {
    let members: Map<String, Value> = serde_json::from_str(plain).ok()?;
    let from = version_of(&members).ok().filter(|from| *from < S::migrations().current())?;
    let (members, applied) = S::migrations().climb(members, from).ok()?;
    if !is_plain(&members) {
        return None;
    }
    let settings = S::deserialize(Versioned { document: members, version: &mut None }).ok()?;
    settings.validate().is_empty().then(|| LoadedText { settings, from, applied, status: Status::Migrated })
}

/// A document whose member `version` is taken out on the way into the type.
pub(super) struct Versioned<'a, D> {
    pub(super) document: D,
    pub(super) version: &'a mut Option<u32>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Versioned<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.document.deserialize_map(Members { visitor, version: self.version })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Members<'a, T> {
    visitor: T,
    version: &'a mut Option<u32>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Members<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Members { visitor: map, version: self.version })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(Name(name)) = self.visitor.next_key()? {
            if name == "version" {
                *self.version = self.visitor.next_value::<Number>()?.0;
                continue;
            }
            return match name {
                Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
                Cow::Owned(name) => {
                    let name: StrDeserializer<'_, A::Error> = name.as_str().into_deserializer();
                    seed.deserialize(name)
                }
            }
            .map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.visitor.next_value_seed(seed)
    }
}

/// A member's name, borrowed from the text where it can be.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A version, or anything else where a version should be.
struct Number(Option<u32>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(u32::try_from(number).ok()))
            }
        }
        deserializer.deserialize_any(Whole)
    }
}

impl<S> fmt::Debug for LoadedText<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedText").field("from", &self.from).field("status", &self.status).finish_non_exhaustive()
    }
}
