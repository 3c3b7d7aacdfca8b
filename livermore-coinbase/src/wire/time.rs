use livermore_core::ids::Timestamp;

/// RFC 3339 in UTC with 0 to 9 (or more) digits of a second's fraction; milliseconds are kept, the rest is cut off.
pub(super) fn parse_rfc3339(text: &[u8]) -> Option<Timestamp> {
    let (time, rest) = date_and_time(text, b'T')?;
    matches!(rest, b"Z" | b"+00:00").then_some(time)
}

/// The way the venue's servers print their own clock: `2026-09-30 02:37:15.05 +0000 UTC m=+21697.19`.
pub(super) fn parse_go(text: &[u8]) -> Option<Timestamp> {
    let (time, rest) = date_and_time(text, b' ')?;
    rest.starts_with(b" +0000 UTC").then_some(time)
}

fn date_and_time(text: &[u8], separator: u8) -> Option<(Timestamp, &[u8])> {
    let (text, mut rest) = text.split_at_checked(19)?;
    if [text[4], text[7], text[10], text[13], text[16]] != [b'-', b'-', separator, b':', b':'] {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let padded = fraction[..digits].iter().map(|byte| i64::from(byte - b'0')).chain([0, 0]);
        millis = padded.take(3).fold(0, |sum, digit| sum * 10 + digit);
        rest = &fraction[digits..];
    }
    // A leap second (:60) is the first moment after it, because a day has 86,400 seconds here.
    if !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let secs = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((Timestamp::from_millis(secs * 1_000 + millis).ok()?, rest))
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day comes last.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_millisecond_is_read_back(millis in 0..=Timestamp::MAX.as_millis()) {
            let time = Timestamp::from_millis(millis).unwrap();
            prop_assert_eq!(parse_rfc3339(time.to_string().as_bytes()), Some(time));
        }

        #[test]
        fn no_text_panics(text in ".*", bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = (parse_rfc3339(text.as_bytes()), parse_go(text.as_bytes()), parse_rfc3339(&bytes), parse_go(&bytes));
        }
    }

    #[test]
    fn case_93_times_of_every_documented_length() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2023-06-09T20:19:35Z", 1_686_341_975_000),
            ("2023-06-09T20:19:35.3Z", 1_686_341_975_300),
            ("2023-06-09T20:19:35.39625135Z", 1_686_341_975_396),
            ("2023-06-09T20:19:35.396251359Z", 1_686_341_975_396),
            ("2024-02-29T23:59:59.999999999Z", 1_709_251_199_999),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000), // a leap second
            ("2024-03-10T02:30:00Z", 1_710_037_800_000), // an hour that local clocks skip
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()).map(Timestamp::as_millis), Some(millis), "{text}");
        }
        for text in [
            "",
            "Z",
            "2023-06-09",
            "2023-06-09 20:19:35Z",
            "2023-06-09T20:19:35",
            "2023-06-09T20:19:35.Z",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-01-00T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:60:00Z",
            "2023-01-01T00:00:61Z",
            "1969-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "2023-01-01T00:00:00+01:00",
            "+023-01-01T00:00:00Z",
            "1686341975",
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), None, "{text}");
        }
        let go = "2026-09-30 02:37:15.05 +0000 UTC m=+21697.195984854";
        assert_eq!(parse_go(go.as_bytes()).map(|time| time.to_string()), Some("2026-09-30T02:37:15.050Z".to_owned()));
    }
}
