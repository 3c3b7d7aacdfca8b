use std::time::{Duration, UNIX_EPOCH};

use livermore_core::ids::Timestamp;

/// The wait a `Retry-After` header asks for: whole seconds, or a date to compare with the exchange's time `now`. `None`
/// when it is neither. Not bounded yet.
pub(crate) fn parse(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(header).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(since_epoch(now)))
}

/// The wait an `x-ratelimit-reset` header asks for. Its unit is not documented: small numbers are seconds from now,
/// large ones a moment in UNIX seconds or milliseconds.
pub(super) fn parse_reset(header: &str, now: Timestamp) -> Option<Duration> {
    let number = header.trim().parse::<u64>().ok()?;
    Some(match number {
        0..=86_400 => Duration::from_secs(number),
        86_401..=9_999_999_999 => Duration::from_secs(number).saturating_sub(since_epoch(now)),
        _ => Duration::from_millis(number).saturating_sub(since_epoch(now)),
    })
}

fn since_epoch(time: Timestamp) -> Duration {
    Duration::from_millis(time.as_millis().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_read_in_any_of_its_units() {
        let now = Timestamp::from_secs(1_790_000_000).unwrap();
        for (header, seconds) in [
            ("30", Some(30)),
            ("1790000030", Some(30)),
            ("1790000030000", Some(30)),
            ("1700000000", Some(0)),
            ("x", None),
        ] {
            assert_eq!(parse_reset(header, now), seconds.map(Duration::from_secs), "{header}");
        }
    }
}
