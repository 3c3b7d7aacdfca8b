use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x64};

use super::Document;

/// What is known of text without parsing it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// What it seems to say of its version. To be checked after parsing: a text may name a member twice.
    pub(super) version: Option<u32>,
}

/// Bytes looked at together.
const BLOCK: usize = 64;

impl Plain {
    /// An answer means that text is so plain that, if it is JSON at all, it is within every limit of a document and holds
    /// no null.
    ///
    /// There may be none for text that is fine; such text is read the long way. Next to parsing this costs little.
    pub(super) fn look(text: &[u8]) -> Option<Self> {
        // Numbers may grow when they are written again (`1e15`), but never to four times their length.
        let short = text.len() <= Document::MAX_BYTES / 4;
        if short { dispatch!(Level::new(), simd => look(simd, text)) } else { None }
    }
}

// Inlined, so that all of it is compiled for the processor that was found.
#[inline(always)]
fn look<S: Simd>(simd: S, text: &[u8]) -> Option<Plain> {
    let mut scan = Scan::default();
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    for (index, block) in blocks.iter().chain([&last]).enumerate() {
        let found = scan.block(&Marks::of(simd, block))?;
        if found != 0 && scan.version.is_none() {
            scan.version = bits(found).find_map(|bit| version(&text[index * BLOCK + bit..]));
        }
    }
    Some(Plain { version: scan.version })
}

/// Where in a block of text something is: bit 0 is the first byte.
struct Marks {
    backslash: u64,
    quote: u64,
    open: u64,
    close: u64,
    digit: u64,
    point: u64,
    e: u64,
    n: u64,
    u: u64,
    l: u64,
    v: u64,
}

impl Marks {
    #[inline(always)]
    fn of<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Self {
        let bytes: u8x64<S> = (*block).simd_into(simd);
        // Capital and small letters, and `[` and `{`, differ in this bit.
        let low = bytes | u8x64::splat(simd, 0x20);
        let is = |byte| bytes.simd_eq(u8x64::splat(simd, byte)).to_bitmask();
        let either = |byte| low.simd_eq(u8x64::splat(simd, byte)).to_bitmask();
        let digits =
            bytes.simd_ge(u8x64::splat(simd, b'0')).to_bitmask() & bytes.simd_le(u8x64::splat(simd, b'9')).to_bitmask();
        Self {
            backslash: is(b'\\'),
            quote: is(b'"'),
            open: either(b'{'),
            close: either(b'}'),
            digit: digits,
            point: is(b'.'),
            e: either(b'e'),
            n: is(b'n'),
            u: is(b'u'),
            l: is(b'l'),
            v: is(b'v'),
        }
    }
}

/// What the blocks before have left behind.
#[derive(Default)]
struct Scan {
    version: Option<u32>,
    depth: usize,
    /// All ones inside a text, otherwise zero.
    quoted: u64,
    /// One if the last byte was one of these, or the end of this; otherwise zero.
    digit: u64,
    n: u64,
    nu: u64,
    opening: u64,
}

impl Scan {
    /// Where the names of members of the document may begin with a `v`; `None` when a closer look is needed.
    #[inline(always)]
    fn block(&mut self, marks: &Marks) -> Option<u64> {
        // A NUL can only be written as an escape, and quotes inside a text too.
        if marks.backslash != 0 {
            return None;
        }
        // Three letters of `null`: few words have them.
        let nul = after(after(marks.n, &mut self.n) & marks.u, &mut self.nu) & marks.l;
        // A number with an exponent, or with more digits than every program reads exactly: sixteen in a row fill at
        // least one group of eight.
        let exponent = after(marks.digit, &mut self.digit) & marks.e;
        if nul | exponent | full_groups(marks.digit | marks.point) != 0 {
            return None;
        }
        let inside = parity(marks.quote) ^ self.quoted;
        self.quoted = if inside >> 63 == 1 { u64::MAX } else { 0 };
        let (open, close) = (marks.open & !inside, marks.close & !inside);
        let names = after(marks.quote & inside, &mut self.opening) & marks.v;
        let found = if names != 0 && self.version.is_none() {
            bits(names).filter(|bit| self.depth_at(open, close, *bit) == 1).fold(0, |found, bit| found | 1 << bit)
        } else {
            0
        };
        let opened = open.count_ones() as usize;
        // What is in the innermost object or array is one level deeper.
        if self.depth + opened + 1 > Document::MAX_DEPTH {
            // Unless most of them are closed again at once.
            let deepest = bits(open).map(|bit| self.depth_at(open, close, bit) + 2).max();
            if deepest > Some(Document::MAX_DEPTH) {
                return None;
            }
        }
        self.depth = (self.depth + opened).saturating_sub(close.count_ones() as usize);
        Some(found)
    }

    /// How many objects and arrays are open before a byte.
    fn depth_at(&self, open: u64, close: u64, bit: usize) -> usize {
        let before = (1 << bit) - 1;
        (self.depth + (open & before).count_ones() as usize).saturating_sub((close & before).count_ones() as usize)
    }
}

/// The bytes that follow a marked one, which may be the last of the block before.
#[inline(always)]
fn after(marks: u64, last: &mut u64) -> u64 {
    let following = (marks << 1) | *last;
    *last = marks >> 63;
    following
}

/// Bit by bit, whether the number of marks up to and with it is odd.
#[inline(always)]
fn parity(mut marks: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        marks ^= marks << shift;
    }
    marks
}

/// The first bit of every group of eight that is all marks.
#[inline(always)]
fn full_groups(mut marks: u64) -> u64 {
    for shift in [1, 2, 4] {
        marks &= marks >> shift;
    }
    marks & 0x0101_0101_0101_0101
}

#[inline(always)]
fn bits(mut marks: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (marks != 0).then(|| marks.trailing_zeros() as usize);
        marks &= marks.wrapping_sub(1);
        bit
    })
}

/// The number in `version": 3`.
fn version(text: &[u8]) -> Option<u32> {
    let text = text.strip_prefix(b"version\"")?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_plain(text: &str) -> bool {
        // Wherever the blocks begin, the answer is the same.
        let answers = (0..2 * BLOCK).map(|shift| Plain::look(format!("{}{text}", " ".repeat(shift)).as_bytes()));
        let answers: Vec<Option<Plain>> = answers.collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{text}");
        answers[0].is_some()
    }

    #[test]
    fn what_needs_a_closer_look() {
        let deepest = format!("{}1{}", "[".repeat(31), "]".repeat(31));
        let deep = format!("{}1{}", "[".repeat(32), "]".repeat(32));
        let wide = format!("[{}]", vec!["{}"; 100].join(","));
        let spoken = format!(r#"{{"a":"{}"}}"#, "[{".repeat(100));
        for plain in [r#"{"a":[1,2.5,"x"],"number":true}"#, "{}", r#"{"t":604800}"#, &deepest, &wide, &spoken] {
            assert!(is_plain(plain), "{plain}");
        }
        // What closes inside a text closes nothing.
        let hidden = format!("[{}1{}]", r#"["]]]]","#.repeat(32), "]".repeat(32));
        for not in [r#"{"a":"\u0000"}"#, r#"{"a":null}"#, r#"{"a":1e9}"#, r#"{"a":12345678901234567}"#, &deep, &hidden]
        {
            assert!(!is_plain(not), "{not}");
        }
        assert_eq!(Plain::look(" ".repeat(Document::MAX_BYTES).as_bytes()), None);
    }

    #[test]
    fn the_version_of_the_document_itself() {
        let of = |text: &str| {
            let shifted =
                |shift: usize| Plain::look(format!("{}{text}", " ".repeat(shift)).as_bytes()).unwrap().version;
            let versions: Vec<Option<u32>> = (0..2 * BLOCK).map(shifted).collect();
            assert!(versions.iter().all(|version| *version == versions[0]), "{text}");
            versions[0]
        };
        assert_eq!(of(r#"{"version":3}"#), Some(3));
        assert_eq!(of(r#"{"a": {"version": 1}, "vers": 2, "b": ["version"], "version" : 4, "c": 5}"#), Some(4));
        assert_eq!(of(r#"{"a":"version"}"#), None);
        assert_eq!(of(r#"{"version":"3"}"#), None);
        assert_eq!(of(""), None);
    }
}
