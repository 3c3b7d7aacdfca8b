use livermore_core::market::Candle;

use super::Flaw;

/// A decimal number as the venue writes it: digits, perhaps a sign, a fraction, an exponent (`1e-8`). Correctly rounded.
///
/// An empty text is [`Flaw::Missing`].
pub(super) fn parse(text: &[u8]) -> Result<f64, Flaw> {
    match quick(text) {
        Some(value) => Ok(value),
        None => careful(text),
    }
}

/// The common case: up to 19 characters, no sign, no exponent.
///
/// A whole number below 2^53 divided by a power of ten up to 10^22 has two exact operands, so the one division rounds
/// correctly.
#[inline]
pub(super) fn quick(text: &[u8]) -> Option<f64> {
    scan(text).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
}

/// The number that `text` begins with, if it is a common one, and its length.
#[inline]
pub(super) fn scan(text: &[u8]) -> Option<(f64, usize)> {
    let (mut mantissa, mut point, mut length) = (0_u64, None, 0);
    for byte in text.iter().take(MOST + 1) {
        match byte {
            // Of so many digits that it overflows, nothing is used.
            b'0'..=b'9' => mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
            b'.' if point.is_none() && length > 0 => point = Some(length),
            _ => break,
        }
        length += 1;
    }
    let decimals = point.map_or(0, |point| length - 1 - point);
    if length == 0 || length > MOST || mantissa > 1 << 53 || (decimals == 0 && point.is_some()) {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "at most 2^53, so exact")]
    Some((mantissa as f64 / POWERS[decimals], length))
}

/// Most characters of a common number.
const MOST: usize = 19;

const POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

#[cold]
fn careful(text: &[u8]) -> Result<f64, Flaw> {
    if text.is_empty() {
        return Err(Flaw::Missing);
    }
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let (number, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match number.iter().position(|byte| *byte == b'.') {
        Some(at) => (&number[..at], Some(&number[at + 1..])),
        None => (number, None),
    };
    let exponent = exponent.map(|text| text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text));
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if !digits(whole) || !fraction.is_none_or(digits) || !exponent.is_none_or(digits) {
        return Err(Flaw::NotANumber);
    }
    if whole.len() + fraction.map_or(0, <[u8]>::len) > Flaw::MAX_DIGITS {
        return Err(Flaw::TooManyDigits);
    }
    if exponent.is_some_and(|exponent| exponent.len() > 4) {
        return Err(Flaw::OutOfRange);
    }
    let value = fast_float2::parse::<f64, _>(text).map_err(|_| Flaw::NotANumber)?;
    if value == 0.0 && number.iter().any(|byte| matches!(byte, b'1'..=b'9')) {
        return Err(Flaw::OutOfRange);
    }
    in_range(value)
}

/// A number that is finite and not absurd. Negative zero becomes zero.
pub(super) fn in_range(value: f64) -> Result<f64, Flaw> {
    if value.abs() <= Candle::MAX_VALUE { Ok(value + 0.0) } else { Err(Flaw::OutOfRange) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_quick_way_rounds_as_the_standard_library(whole in 0..10_000_000_000_u64, fraction in "[0-9]{0,12}") {
            let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
            prop_assert_eq!(parse(text.as_bytes()), Ok(text.parse::<f64>().unwrap()));
            if let Some(quick) = quick(text.as_bytes()) {
                prop_assert_eq!(quick, text.parse::<f64>().unwrap());
            }
        }

        #[test]
        fn what_is_accepted_is_what_the_standard_library_reads(text in "-?[0-9.eE+-]{0,20}") {
            if let Ok(value) = parse(text.as_bytes()) {
                prop_assert_eq!(value, text.parse::<f64>().unwrap());
            }
        }
    }

    #[test]
    fn case_92_numbers_are_exact_or_refused() {
        for (text, value) in [
            ("1e-8", 1e-8),
            ("1E+3", 1000.0),
            ("0", 0.0),
            ("-0", 0.0),
            ("-4.15775596190603", -4.157_755_961_906_03),
            ("0.00000001", 0.000_000_01),
            ("9007199254740993", 9_007_199_254_740_992.0), // 2^53 + 1 rounds to even
            ("123456789.123456789012345678", 123_456_789.123_456_79), // 27 digits
            ("1e18", 1e18),
        ] {
            assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Ok(f64::to_bits(value)), "{text}");
        }
        for (text, flaw) in [
            ("", Flaw::Missing),
            ("NaN", Flaw::NotANumber),
            ("nan", Flaw::NotANumber),
            ("inf", Flaw::NotANumber),
            ("-Infinity", Flaw::NotANumber),
            ("+1", Flaw::NotANumber),
            (" 1", Flaw::NotANumber),
            ("1 ", Flaw::NotANumber),
            (".5", Flaw::NotANumber),
            ("5.", Flaw::NotANumber),
            ("1.2.3", Flaw::NotANumber),
            ("1,5", Flaw::NotANumber),
            ("1_000", Flaw::NotANumber),
            ("0x10", Flaw::NotANumber),
            ("e5", Flaw::NotANumber),
            ("1e", Flaw::NotANumber),
            ("--1", Flaw::NotANumber),
            ("-", Flaw::NotANumber),
            ("١", Flaw::NotANumber),
            ("123456789012345678901234567890", Flaw::TooManyDigits),
            ("0.00000000000000000000000000001", Flaw::TooManyDigits),
            ("1e400", Flaw::OutOfRange),
            ("1e-400", Flaw::OutOfRange),
            ("1e99999999999999999999", Flaw::OutOfRange),
            ("1000000000000001000", Flaw::OutOfRange),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(flaw), "{text}");
        }
    }
}
