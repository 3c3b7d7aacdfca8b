//! Numbers and times as the exchange writes them.

use livermore_core::ids::Timestamp;

/// A number without exponent and without trailing zeros.
pub(super) fn number(number: f64) -> String {
    // Adding zero turns -0 into 0.
    (number + 0.0).to_string()
}

/// RFC 3339 in UTC with 0 to 9 digits after the point, trailing zeros cut.
pub(super) fn time(time: Timestamp, nanos_after: u32) -> String {
    let nanos = time.as_millis() % 1_000 * 1_000_000 + i64::from(nanos_after);
    let fraction = format!("{nanos:09}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}Z", seconds(time))
}

/// The print format of Go's clock: `2026-09-30 02:37:15.05 +0000 UTC m=+21697.195984854`.
pub(super) fn go_time(time: Timestamp, nanos_after: u32, uptime_secs: u64) -> String {
    let nanos = time.as_millis() % 1_000 * 1_000_000 + i64::from(nanos_after);
    let fraction = format!("{nanos:09}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let date = seconds(time).replace('T', " ");
    format!("{date}{point}{fraction} +0000 UTC m=+{uptime_secs}.{nanos:09}")
}

/// Up to the second, without a zone.
fn seconds(time: Timestamp) -> String {
    let whole = Timestamp::from_secs(time.as_secs()).unwrap_or(Timestamp::EPOCH);
    whole.to_string().trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_look_like_the_exchange_s() {
        assert_eq!(number(1e-8), "0.00000001");
        assert_eq!(number(2667.20), "2667.2");
        assert_eq!(number(-0.0), "0");
        let moment = Timestamp::from_millis(1_790_735_835_050).unwrap();
        assert_eq!(time(moment, 0), "2026-09-30T02:37:15.05Z");
        assert_eq!(time(moment, 7_895_263), "2026-09-30T02:37:15.057895263Z");
        assert_eq!(time(Timestamp::EPOCH, 0), "1970-01-01T00:00:00Z");
        assert_eq!(go_time(moment, 0, 21_697), "2026-09-30 02:37:15.05 +0000 UTC m=+21697.050000000");
    }
}
