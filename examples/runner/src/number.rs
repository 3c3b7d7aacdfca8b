//! Numbers as text.

/// Appends the shortest text that reads back as the same `f64`; nothing for `None`.
pub(crate) fn push_exact(out: &mut Vec<u8>, value: Option<f64>) {
    let Some(value) = value else { return };
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format(value);
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

/// [`push_exact`], with `null` for `None`.
pub(crate) fn push_json(out: &mut Vec<u8>, value: Option<f64>) {
    match value {
        Some(_) => push_exact(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a whole number.
pub(crate) fn push_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A price with as many decimals as its size asks for.
pub(crate) fn price(value: f64) -> String {
    let decimals = match value.abs() {
        1_000.0.. => 2,
        1.0.. => 4,
        _ => 6,
    };
    format!("{value:.decimals$}")
}

/// A whole number with its thousands apart: 1,234,567.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_text_reads_back() {
        for value in [0.1 + 0.2, 7_422.0, -0.000_001_234_567_890_123_4, 1e17, f64::MIN_POSITIVE] {
            let mut out = Vec::new();
            push_exact(&mut out, Some(value));
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
        }
    }

    #[test]
    fn thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
