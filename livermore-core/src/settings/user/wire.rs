//! How values look in JSON and in the schema, where serde and schemars would not do.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::SerializeSeq};

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
