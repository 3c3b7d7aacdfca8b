//! How values look in JSON and in the schema, where serde and schemars would not do.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::Visitor, forward_to_deserialize_any, ser::SerializeSeq,
};

use super::{EnvName, UserSettings};
use crate::ids::{Symbol, Timeframe};

/// Writes a whole number without a fraction, as people write it.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands references in")]
pub(super) fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Number(*value).serialize(serializer)
}

pub(super) fn numbers<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    let mut items = serializer.serialize_seq(Some(values.len()))?;
    values.iter().try_for_each(|value| items.serialize_element(&Number(*value)))?;
    items.end()
}

struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.0.fract() == 0.0 && self.0.abs() < 1e15;
        #[allow(clippy::cast_possible_truncation, reason = "whole and in range")]
        if whole { serializer.serialize_i64(self.0 as i64) } else { serializer.serialize_f64(self.0) }
    }
}

pub(super) fn symbols_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "string", "maxLength": Symbol::MAX_LEN, "pattern": "^[A-Z0-9]+([-._][A-Z0-9]+)*$" },
        "maxItems": UserSettings::MAX_SYMBOLS,
        "uniqueItems": true,
    })
}

pub(super) fn timeframes_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "string", "enum": Timeframe::ALL.map(Timeframe::as_str) },
        "minItems": 1,
        "uniqueItems": true,
    })
}

pub(super) fn levels_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "number", "exclusiveMinimum": 0, "maximum": 10_000 },
        "minItems": 1,
        "maxItems": 32,
        "uniqueItems": true,
    })
}

pub(super) fn env_name_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": EnvName::MAX_LEN, "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" })
}

/// Reads an object, and nothing else: serde would also take an array, with the fields in their order.
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(OnlyObject(deserializer))
}

/// The same, where there is no field to say so.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

struct OnlyObject<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for OnlyObject<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
