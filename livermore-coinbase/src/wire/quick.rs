//! The quick way for messages that look as documented: no blanks and no escapes. Keys may come in any order, and
//! unknown ones are passed over. Whatever deviates further is left to the general way, so both always mean the same.

use super::{
    Channel, Decoder, Kind,
    account::HeartbeatEvent,
    events::{Event, Items, kind_of},
    kinds::{Beats, BookChanges, Candles, Tickers, Trades},
    number,
    value::{Number, Text, Whole},
};

/// The channel of a message that begins with it.
pub(super) fn channel(text: &str) -> Option<&str> {
    let mut cursor = Cursor { text, at: CHANNEL.len() };
    text.starts_with(CHANNEL).then(|| cursor.text())?
}

/// What a message with its channel first begins with.
const CHANNEL: &str = r#"{"channel":"#;
/// What mostly follows.
const NO_CLIENT: &str = r#""client_id":"","#;

/// Reads a frame of a channel with market data, or a heartbeat. Whether it could; if not, the decoder holds rubbish.
pub(super) fn frame(decoder: &mut Decoder, channel: Channel, text: &str) -> bool {
    let read = match channel {
        Channel::Heartbeats => events(decoder, text, beat),
        Channel::Candles => events(decoder, text, items::<Candles>),
        Channel::Ticker | Channel::TickerBatch => events(decoder, text, items::<Tickers>),
        Channel::MarketTrades => events(decoder, text, items::<Trades>),
        Channel::Level2 => events(decoder, text, items::<BookChanges>),
        _ => None,
    };
    read.is_some()
}

#[inline]
fn events<'a>(
    decoder: &mut Decoder,
    text: &'a str,
    event: impl Fn(&mut Decoder, &mut Cursor<'a>) -> Option<()>,
) -> Option<()> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.take(b'{')?;
    if text.starts_with(CHANNEL) {
        cursor.at = CHANNEL.len();
        cursor.text()?;
        if cursor.object_ends()? {
            return (cursor.at == text.len()).then_some(());
        }
        cursor.expect(NO_CLIENT);
    }
    loop {
        match cursor.key()? {
            "timestamp" => decoder.set_time(&Text::scan(&mut cursor)?),
            "sequence_num" => decoder.set_seq(Whole::scan(&mut cursor)?),
            "events" => cursor.list(|cursor| event(decoder, cursor))?,
            _ => cursor.skip()?,
        }
        if cursor.object_ends()? {
            return (cursor.at == text.len()).then_some(());
        }
    }
}

fn beat(decoder: &mut Decoder, cursor: &mut Cursor<'_>) -> Option<()> {
    Beats::take(decoder, HeartbeatEvent::scan(cursor)?);
    Some(())
}

#[inline]
fn items<'a, I: Items>(decoder: &mut Decoder, cursor: &mut Cursor<'a>) -> Option<()>
where
    I::Row<'a>: Scan<'a>,
{
    let start = I::kept(decoder);
    let (mut kind, mut product) = (Kind::Update, Text::Absent);
    cursor.take(b'{')?;
    loop {
        match cursor.key()? {
            "type" => kind = kind_of(&Text::scan(cursor)?),
            "product_id" => product = Text::scan(cursor)?,
            key if key == I::LIST => cursor.list(|cursor| {
                I::take(decoder, I::Row::scan(cursor)?);
                Some(())
            })?,
            _ => cursor.skip()?,
        }
        if cursor.object_ends()? {
            I::finish(decoder, start, kind, &product);
            return Some(());
        }
    }
}

/// What the quick way can read.
pub(super) trait Scan<'a>: Sized {
    /// Reads a value, exactly as its `Deserialize` would; nothing where that is left to the general way.
    fn scan(cursor: &mut Cursor<'a>) -> Option<Self>;
}

impl<'a> Scan<'a> for Text<'a> {
    #[inline]
    fn scan(cursor: &mut Cursor<'a>) -> Option<Self> {
        Some(Self::Is(cursor.text()?.into()))
    }
}

impl<'a> Scan<'a> for Number {
    #[inline]
    fn scan(cursor: &mut Cursor<'a>) -> Option<Self> {
        cursor.number()
    }
}

impl<'a> Scan<'a> for Whole {
    #[inline]
    fn scan(cursor: &mut Cursor<'a>) -> Option<Self> {
        if cursor.peek() == Some(b'"') { Some(Self::parse(cursor.text()?.as_bytes())) } else { cursor.integer() }
    }
}

/// A place in a message.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// The bytes that a text without escapes cannot go on with: its end, an escape, and what JSON does not allow in texts.
const ENDS: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        ends[byte] = true;
        byte += 1;
    }
    ends[b'"' as usize] = true;
    ends[b'\\' as usize] = true;
    ends
};

impl<'a> Cursor<'a> {
    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Passes over exactly this text, if it comes next.
    #[inline(always)]
    pub(super) fn expect(&mut self, text: &str) -> bool {
        let comes = self.rest().starts_with(text.as_bytes());
        if comes {
            self.at += text.len();
        }
        comes
    }

    /// The beginning of an object; an empty one is left to the general way.
    #[inline]
    pub(super) fn object_begins(&mut self) -> Option<()> {
        self.take(b'{')
    }

    /// The end of an object, or the comma before its next key.
    #[inline]
    pub(super) fn object_ends(&mut self) -> Option<bool> {
        self.ends(b'}')
    }

    #[inline]
    fn ends(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        if byte == end { Some(true) } else { (byte == b',').then_some(false) }
    }

    /// A key with its colon.
    #[inline]
    pub(super) fn key(&mut self) -> Option<&'a str> {
        let key = self.text()?;
        self.take(b':')?;
        Some(key)
    }

    /// A list.
    #[inline]
    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.ends(b']')? {
                return Some(());
            }
        }
    }

    /// A text without escapes.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let end = self.at + self.rest().iter().position(|byte| ENDS[usize::from(*byte)])?;
        let text = self.text.get(self.at..end)?;
        self.at = end;
        self.take(b'"')?;
        Some(text)
    }

    /// A number in quotes, as nearly all are.
    #[inline]
    fn number(&mut self) -> Option<Number> {
        if let [b'"', digits @ ..] = self.rest()
            && let Some((value, length)) = number::scan(digits)
            && digits.get(length) == Some(&b'"')
        {
            self.at += length + 2;
            return Some(Number(Ok(value)));
        }
        Some(Number::parse(self.text()?))
    }

    /// A whole number without quotes.
    #[inline]
    fn integer(&mut self) -> Option<Whole> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        // JSON knows no leading zeros, and numbers beyond 2^64 are another matter in it.
        let plain = length > 0 && length < 19 && (length == 1 || rest.first() != Some(&b'0'));
        self.at += length;
        plain.then(|| Whole::parse(&rest[..length]))
    }

    /// A value nobody asks for.
    #[inline]
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_nested(DEPTH)
    }

    fn skip_nested(&mut self, depth: u32) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'0'..=b'9' => self.integer().map(drop),
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.list(|cursor| cursor.skip_nested(depth))
            }
            b'{' => {
                let depth = depth.checked_sub(1)?;
                self.object_begins()?;
                loop {
                    self.key()?;
                    self.skip_nested(depth)?;
                    if self.object_ends()? {
                        return Some(());
                    }
                }
            }
            _ => ["true", "false", "null"].into_iter().any(|word| self.expect(word)).then_some(()),
        }
    }
}

/// How deep a value may be nested that nobody asks for.
const DEPTH: u32 = 8;
