//! JSON values that are read without ever failing: what cannot be used is remembered as a flaw, so that the rest of the
//! message can still be read.

use std::{borrow::Cow, marker::PhantomData};

use livermore_core::ids::{Symbol, Timestamp};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use super::{Flaw, number, time};

/// The methods of a visitor that answer `$value` for kinds of JSON values it has no use for.
macro_rules! otherwise {
    (|$this:ident| $value:expr => $($kind:ident)*) => {
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("any value")
        }
        $($crate::wire::value::otherwise!(@$kind $this $value);)*
    };
    (@bool $this:ident $value:expr) => {
        fn visit_bool<Failure: serde::de::Error>(self, _: bool) -> Result<Self::Value, Failure> {
            let $this = self;
            Ok($value)
        }
    };
    (@numbers $this:ident $value:expr) => {
        fn visit_u64<Failure: serde::de::Error>(self, _: u64) -> Result<Self::Value, Failure> {
            let $this = self;
            Ok($value)
        }
        fn visit_i64<Failure: serde::de::Error>(self, _: i64) -> Result<Self::Value, Failure> {
            let $this = self;
            Ok($value)
        }
        $crate::wire::value::otherwise!(@float $this $value);
    };
    (@float $this:ident $value:expr) => {
        fn visit_f64<Failure: serde::de::Error>(self, _: f64) -> Result<Self::Value, Failure> {
            let $this = self;
            Ok($value)
        }
    };
    (@text $this:ident $value:expr) => {
        fn visit_str<Failure: serde::de::Error>(self, _: &str) -> Result<Self::Value, Failure> {
            let $this = self;
            Ok($value)
        }
    };
    (@null $this:ident $value:expr) => {
        fn visit_unit<Failure: serde::de::Error>(self) -> Result<Self::Value, Failure> {
            let $this = self;
            Ok($value)
        }
    };
    (@list $this:ident $value:expr) => {
        fn visit_seq<List: serde::de::SeqAccess<'de>>(self, mut list: List) -> Result<Self::Value, List::Error> {
            let $this = self;
            while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
    (@object $this:ident $value:expr) => {
        fn visit_map<Map: serde::de::MapAccess<'de>>(self, mut map: Map) -> Result<Self::Value, Map::Error> {
            let $this = self;
            while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
    ($value:expr => $($kind:ident)*) => {
        $crate::wire::value::otherwise!(|_this| $value => $($kind)*);
    };
}
pub(super) use otherwise;

/// A struct of such values, read from an object whose other keys are ignored. Of a key given twice the last one counts.
/// `wrong` says that it was no object. After the word `quick`, the quick way can read it too.
macro_rules! record {
    ($(#[$doc:meta])* quick $name:ident { $($key:literal $field:ident: $type:ty,)* }) => {
        $crate::wire::value::record! { $(#[$doc])* $name { $($key $field: $type,)* } }

        impl<'de> $crate::wire::quick::Scan<'de> for $name<'de> {
            #[inline]
            fn scan(cursor: &mut $crate::wire::quick::Cursor<'de>) -> Option<Self> {
                let mut record = Self::default();
                cursor.object_begins()?;
                // Mostly the keys come in this order.
                $(if cursor.expect(concat!("\"", $key, "\":")) {
                    record.$field = $crate::wire::quick::Scan::scan(cursor)?;
                    if cursor.object_ends()? {
                        return Some(record);
                    }
                })*
                loop {
                    match cursor.key()? {
                        $($key => record.$field = $crate::wire::quick::Scan::scan(cursor)?,)*
                        _ => cursor.skip()?,
                    }
                    if cursor.object_ends()? {
                        return Some(record);
                    }
                }
            }
        }
    };
    ($(#[$doc:meta])* $name:ident { $($key:literal $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'de> {
            $(pub(super) $field: $type,)*
            #[allow(dead_code, reason = "not every reader asks")]
            pub(super) wrong: bool,
            pub(super) text: std::marker::PhantomData<&'de str>,
        }

        impl<'de> serde::Deserialize<'de> for $name<'de> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;

                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name<'de>;

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut record = $name::default();
                        while let Some(key) = map.next_key::<$crate::wire::value::Text<'de>>()? {
                            match key.as_str() {
                                $($key => record.$field = map.next_value()?,)*
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(record)
                    }

                    $crate::wire::value::otherwise!($name { wrong: true, ..$name::default() } =>
                        bool numbers text null list);
                }

                deserializer.deserialize_any(Fields)
            }
        }
    };
}
pub(super) use record;

/// A text; numbers, lists and the like are no text.
#[derive(Debug, Clone, Default)]
pub(super) enum Text<'de> {
    #[default]
    Absent,
    Is(Cow<'de, str>),
    Wrong,
}

impl Text<'_> {
    /// The text, or nothing.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Is(text) => text,
            Self::Absent | Self::Wrong => "",
        }
    }

    /// A short copy of the text, safe to show.
    pub(super) fn short(&self, max: usize) -> String {
        short(self.as_str(), max)
    }

    /// A product's name.
    pub(super) fn symbol(&self) -> Result<Symbol, Flaw> {
        Symbol::new(self.required()?).map_err(|_| Flaw::NotASymbol)
    }

    /// The text, which must be there.
    pub(super) fn required(&self) -> Result<&str, Flaw> {
        match self {
            Self::Is(text) if !text.is_empty() => Ok(text),
            Self::Wrong => Err(Flaw::WrongType),
            _ => Err(Flaw::Missing),
        }
    }
}

/// At most `max` characters, control characters left out.
pub(super) fn short(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}

impl<'de> Deserialize<'de> for Text<'de> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            #[inline]
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text::Is(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text::Is(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
                Ok(Text::Absent)
            }

            otherwise!(Text::Wrong => bool numbers list object);
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// A number written as a text or as a number; an empty text and null are no number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub(super) Result<f64, Flaw>);

impl Default for Number {
    fn default() -> Self {
        Self(Err(Flaw::Missing))
    }
}

impl Number {
    /// The number a text says.
    pub(super) fn parse(text: &str) -> Self {
        Self(number::parse(text.as_bytes()))
    }

    /// A number that may not be negative and must be there.
    #[inline]
    pub(super) fn required(self) -> Result<f64, Flaw> {
        self.0.and_then(|value| if value < 0.0 { Err(Flaw::Negative) } else { Ok(value) })
    }

    /// A number that may not be negative, but absent.
    pub(super) fn optional(self) -> Result<Option<f64>, Flaw> {
        absent(self.required())
    }

    /// A number that may be negative, or absent.
    pub(super) fn signed(self) -> Result<Option<f64>, Flaw> {
        absent(self.0)
    }
}

/// Turns a missing value into none.
fn absent<T>(result: Result<T, Flaw>) -> Result<Option<T>, Flaw> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Flaw::Missing) => Ok(None),
        Err(flaw) => Err(flaw),
    }
}

impl<'de> Deserialize<'de> for Number {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl<'de> Visitor<'de> for NumberVisitor {
            type Value = Number;

            #[inline]
            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                Ok(Number::parse(text))
            }

            #[allow(clippy::cast_precision_loss, reason = "the nearest double is what a decimal text would give")]
            fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(number::in_range(value as f64)))
            }

            #[allow(clippy::cast_precision_loss, reason = "the nearest double is what a decimal text would give")]
            fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(number::in_range(value as f64)))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(number::in_range(value)))
            }

            fn visit_unit<E: Error>(self) -> Result<Number, E> {
                Ok(Number::default())
            }

            otherwise!(Number(Err(Flaw::WrongType)) => bool list object);
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}

/// A whole number from 0, written as a text or as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Whole(pub(super) Result<u64, Flaw>);

impl Default for Whole {
    fn default() -> Self {
        Self(Err(Flaw::Missing))
    }
}

impl Whole {
    /// Digits only.
    pub(super) fn parse(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let digits = text.iter().try_fold(0_u64, |sum, byte| {
            if !byte.is_ascii_digit() {
                return Err(Flaw::NotANumber);
            }
            sum.checked_mul(10).and_then(|sum| sum.checked_add(u64::from(byte - b'0'))).ok_or(Flaw::OutOfRange)
        });
        Self(if text.starts_with(b"-") { Err(Flaw::Negative) } else { digits })
    }

    /// Seconds since 1970.
    pub(super) fn seconds(self) -> Result<Timestamp, Flaw> {
        let secs = self.0?;
        match i64::try_from(secs).ok().map(Timestamp::from_secs) {
            Some(Ok(time)) => Ok(time),
            _ if (100_000_000_000..=Timestamp::MAX.as_millis().unsigned_abs()).contains(&secs) => {
                Err(Flaw::Milliseconds)
            }
            _ => Err(Flaw::NotATime),
        }
    }

    /// Milliseconds since 1970.
    pub(super) fn millis(self) -> Result<Timestamp, Flaw> {
        let millis = i64::try_from(self.0?).map_err(|_| Flaw::NotATime)?;
        Timestamp::from_millis(millis).map_err(|_| Flaw::NotATime)
    }
}

impl<'de> Deserialize<'de> for Whole {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WholeVisitor;

        impl<'de> Visitor<'de> for WholeVisitor {
            type Value = Whole;

            #[inline]
            fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
                Ok(Whole::parse(text.as_bytes()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Whole, E> {
                Ok(Whole(Ok(value)))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Whole, E> {
                Ok(Whole(u64::try_from(value).map_err(|_| Flaw::Negative)))
            }

            fn visit_unit<E: Error>(self) -> Result<Whole, E> {
                Ok(Whole::default())
            }

            otherwise!(Whole(Err(Flaw::NotANumber)) => float bool list object);
        }

        deserializer.deserialize_any(WholeVisitor)
    }
}

/// A list; the kind of each item is the item's business. Null is an empty list.
#[derive(Debug)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    /// There was something else than a list.
    pub(super) wrong: bool,
    /// There was a list, or null.
    pub(super) given: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), wrong: false, given: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(List { items, wrong: false, given: true })
            }

            fn visit_unit<E: Error>(self) -> Result<List<T>, E> {
                Ok(List { given: true, ..List::default() })
            }

            otherwise!(List { wrong: true, ..List::default() } => bool numbers text object);
        }

        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// A truth value; anything else is not given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flag(pub(super) Option<bool>);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagVisitor;

        impl<'de> Visitor<'de> for FlagVisitor {
            type Value = Flag;

            fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(Some(value)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Flag, E> {
                Ok(Flag(text.parse().ok()))
            }

            otherwise!(Flag(None) => numbers null list object);
        }

        deserializer.deserialize_any(FlagVisitor)
    }
}

/// A time as text: RFC 3339, or as the venue's servers print it.
pub(super) fn stamp(text: &Text<'_>) -> Result<Timestamp, Flaw> {
    let text = text.required()?.as_bytes();
    if text == NOT_SET {
        return Err(Flaw::Missing);
    }
    time::parse_rfc3339(text).ok_or(Flaw::NotATime)
}

/// How the venue writes "no time".
const NOT_SET: &[u8] = b"0001-01-01T00:00:00Z";

/// A time that may be absent.
pub(super) fn optional_stamp(text: &Text<'_>) -> Result<Option<Timestamp>, Flaw> {
    absent(stamp(text))
}
