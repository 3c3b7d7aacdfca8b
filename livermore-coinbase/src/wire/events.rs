//! Walks through a frame straight into the decoder's buffers. Nothing here fails on a value, only on text that is no JSON.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{
    Decoder, Flaw, Kind,
    value::{Text, Whole, otherwise},
};

/// How the events of a channel are read.
pub(super) trait Events {
    /// Reads one event.
    fn event<'de, A: MapAccess<'de>>(decoder: &mut Decoder, event: A) -> Result<(), A::Error>;
}

/// A channel whose events are lists of items of one kind, read item by item.
pub(super) trait Items: 'static {
    /// The key of the list.
    const LIST: &'static str;
    /// An item as it travels.
    type Row<'de>: Deserialize<'de>;
    /// Keeps an item.
    fn take(decoder: &mut Decoder, row: Self::Row<'_>);
    /// Gives the items since `start` what the event says after or outside its list.
    fn finish(decoder: &mut Decoder, start: usize, kind: Kind, product: &Text<'_>);
    /// How many items were kept so far.
    fn kept(decoder: &Decoder) -> usize;
}

/// A channel whose events are small and read as a whole.
pub(super) trait Event: 'static {
    /// An event as it travels.
    type Row<'de>: Deserialize<'de>;
    /// Keeps an event.
    fn take(decoder: &mut Decoder, event: Self::Row<'_>);
}

/// [`Events`] of a channel with [`Items`].
pub(super) struct ByItem<I>(PhantomData<I>);

/// [`Events`] of a channel with whole [`Event`]s.
pub(super) struct AsWhole<E>(PhantomData<E>);

impl<E: Event> Events for AsWhole<E> {
    fn event<'de, A: MapAccess<'de>>(decoder: &mut Decoder, event: A) -> Result<(), A::Error> {
        let event = E::Row::deserialize(MapAccessDeserializer::new(event))?;
        E::take(decoder, event);
        Ok(())
    }
}

impl<I: Items> Events for ByItem<I> {
    fn event<'de, A: MapAccess<'de>>(decoder: &mut Decoder, mut event: A) -> Result<(), A::Error> {
        let start = I::kept(decoder);
        let (mut kind, mut product) = (Kind::Update, Text::Absent);
        while let Some(key) = event.next_key::<Text<'de>>()? {
            match key.as_str() {
                "type" => kind = kind_of(&event.next_value()?),
                "product_id" => product = event.next_value()?,
                key if key == I::LIST => event.next_value_seed(ListSeed::<I>(decoder, PhantomData))?,
                _ => {
                    event.next_value::<IgnoredAny>()?;
                }
            }
        }
        I::finish(decoder, start, kind, &product);
        Ok(())
    }
}

pub(super) fn kind_of(text: &Text<'_>) -> Kind {
    if text.as_str() == "snapshot" { Kind::Snapshot } else { Kind::Update }
}

/// A whole frame.
pub(super) struct FrameSeed<'d, E>(pub(super) &'d mut Decoder, pub(super) PhantomData<E>);

impl<'de, E: Events> DeserializeSeed<'de> for FrameSeed<'_, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, E: Events> Visitor<'de> for FrameSeed<'_, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut frame: A) -> Result<(), A::Error> {
        let Self(decoder, _) = self;
        while let Some(key) = frame.next_key::<Text<'de>>()? {
            match key.as_str() {
                "timestamp" => decoder.set_time(&frame.next_value()?),
                "sequence_num" => decoder.set_seq(frame.next_value::<Whole>()?),
                "events" => frame.next_value_seed(EventsSeed::<E>(decoder, PhantomData))?,
                _ => {
                    frame.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct EventsSeed<'d, E>(&'d mut Decoder, PhantomData<E>);

impl<'de, E: Events> DeserializeSeed<'de> for EventsSeed<'_, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, E: Events> Visitor<'de> for EventsSeed<'_, E> {
    type Value = ();

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while events.next_element_seed(EventSeed::<E>(self.0, PhantomData))?.is_some() {}
        Ok(())
    }

    fn visit_unit<D: Error>(self) -> Result<(), D> {
        Ok(())
    }

    otherwise!(|this| this.0.flaw("events", Flaw::WrongType) => bool numbers text object);
}

struct EventSeed<'d, E>(&'d mut Decoder, PhantomData<E>);

impl<'de, E: Events> DeserializeSeed<'de> for EventSeed<'_, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, E: Events> Visitor<'de> for EventSeed<'_, E> {
    type Value = ();

    fn visit_map<A: MapAccess<'de>>(self, event: A) -> Result<(), A::Error> {
        E::event(self.0, event)
    }

    otherwise!(|this| this.0.flaw("events[]", Flaw::WrongType) => bool numbers text null list);
}

struct ListSeed<'d, I>(&'d mut Decoder, PhantomData<I>);

impl<'de, I: Items> DeserializeSeed<'de> for ListSeed<'_, I> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, I: Items> Visitor<'de> for ListSeed<'_, I> {
    type Value = ();

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(row) = list.next_element::<I::Row<'de>>()? {
            I::take(self.0, row);
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    otherwise!(|this| this.0.flaw(I::LIST, Flaw::WrongType) => bool numbers text object);
}
