#![allow(clippy::needless_bitwise_bool, reason = "a branch less is what makes these passes fast")]

use super::Document;

/// Whether text is so plain that, if it is JSON at all, it is within every limit of a document and holds no null.
///
/// It may say no to text that is fine; such text is read the long way. The passes are simple enough for the compiler to
/// make vector code of them, which is why this costs next to nothing compared with parsing.
pub(super) fn is_plain(text: &[u8]) -> bool {
    // Numbers may grow when they are written again (`1e15`), but never to four times their length.
    text.len() <= Document::MAX_BYTES / 4
        && !has_escape(text)
        && !has_null(text)
        && !has_big_number(text)
        && is_shallow(text)
}

/// A NUL can only be written as an escape.
fn has_escape(text: &[u8]) -> bool {
    text.iter().fold(false, |found, byte| found | (*byte == b'\\'))
}

fn has_null(text: &[u8]) -> bool {
    let starts = text.windows(2).fold(false, |found, pair| found | (pair[0] == b'n' && pair[1] == b'u'));
    starts && text.windows(4).any(|four| four == b"null")
}

/// Whether there may be a number with an exponent or with more digits than every program reads exactly.
fn has_big_number(text: &[u8]) -> bool {
    let exponent = |pair: &[u8]| pair[0].is_ascii_digit() & (pair[1] | 0x20 == b'e');
    let of_number = |byte: u8| byte.is_ascii_digit() | (byte == b'.');
    // Sixteen digits in a row fill at least one of the groups of eight.
    text.windows(2).fold(false, |found, pair| found | exponent(pair))
        || text.chunks_exact(8).any(|group| group.iter().fold(true, |all, byte| all & of_number(*byte)))
}

fn is_shallow(text: &[u8]) -> bool {
    let openers: usize = text.iter().map(|byte| usize::from((*byte == b'{') | (*byte == b'['))).sum();
    if openers <= Document::MAX_DEPTH {
        return true;
    }
    let (mut depth, mut quoted) = (0_usize, false);
    text.iter().all(|byte| {
        match byte {
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth <= Document::MAX_DEPTH
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_closer_look() {
        for plain in [r#"{"a":[1,2.5,"x"],"nu":true}"#, "{}", r#"{"t":604800}"#] {
            assert!(is_plain(plain.as_bytes()), "{plain}");
        }
        let deep = format!("{}1{}", "[".repeat(33), "]".repeat(33));
        let wide = format!("[{}]", vec!["{}"; 100].join(","));
        assert!(is_plain(wide.as_bytes()));
        for not in [r#"{"a":"\u0000"}"#, r#"{"a":null}"#, r#"{"a":1e9}"#, r#"{"a":12345678901234567}"#, &deep] {
            assert!(!is_plain(not.as_bytes()), "{not}");
        }
    }
}
