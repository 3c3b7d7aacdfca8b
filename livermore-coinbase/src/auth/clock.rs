use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use livermore_core::ids::Timestamp;

/// The exchange's time: this machine's clock, and how far it was measured to be off.
///
/// All clones share one measurement. Until there is one, this machine's clock is believed.
#[derive(Clone)]
pub struct ExchangeClock {
    local: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    skew: Arc<Mutex<Option<ClockSkew>>>,
    /// The latest time the exchange has told by itself, in milliseconds.
    heard: Arc<AtomicI64>,
}

/// How far this machine's clock is off, as measured once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew {
    /// The exchange's time minus this machine's, in milliseconds: positive when this machine is behind.
    pub offset_ms: i64,
    /// The measurement is right to within so many milliseconds.
    pub uncertainty_ms: i64,
    /// When it was measured, by this machine's clock.
    pub measured: Timestamp,
}

impl ExchangeClock {
    /// On this machine's clock.
    pub fn system() -> Self {
        Self::with_local(system_time)
    }

    /// On a caller's own idea of this machine's clock.
    pub fn with_local(local: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { local: Arc::new(local), skew: Arc::default(), heard: Arc::new(AtomicI64::new(i64::MIN)) }
    }

    /// The best estimate of the exchange's time.
    pub fn now(&self) -> Timestamp {
        self.after_heard(self.moved(self.skew().map_or(0, |skew| skew.offset_ms)))
    }

    /// A time the exchange's clock has certainly passed, as far as the measurement knows: to judge what has ended.
    pub fn surely(&self) -> Timestamp {
        self.after_heard(self.moved(self.skew().map_or(0, |skew| skew.offset_ms - skew.uncertainty_ms)))
    }

    /// The last measurement.
    pub fn skew(&self) -> Option<ClockSkew> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This machine's time, as it is.
    pub(crate) fn local(&self) -> Timestamp {
        (self.local)()
    }

    /// The exchange said `server` to a question asked at `asked` and answered at `answered`, both by this machine's
    /// clock. It looked at its own at some moment between the two: the middle is the best guess.
    pub(crate) fn measured(&self, asked: Timestamp, answered: Timestamp, server: Timestamp) -> ClockSkew {
        let round_trip = answered.millis_since(asked).max(0);
        let skew = ClockSkew {
            offset_ms: server.millis_since(asked) - round_trip / 2,
            uncertainty_ms: round_trip - round_trip / 2,
            measured: answered,
        };
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
        skew
    }

    /// The exchange's clock stood at `time` when it sent something: it will not stand lower again. One far ahead of what
    /// was measured is a mistake of the exchange, and not believed.
    pub(crate) fn heard(&self, time: Timestamp) {
        const MOST_AHEAD_MS: i64 = 86_400_000;
        let known = self.heard.load(Ordering::Relaxed);
        // Once a second is enough: buckets end with whole seconds.
        let is_later = time.as_millis().div_euclid(1_000) > known.div_euclid(1_000);
        if is_later && time.millis_since(self.now()) <= MOST_AHEAD_MS {
            self.heard.fetch_max(time.as_millis(), Ordering::Relaxed);
        }
    }

    fn after_heard(&self, time: Timestamp) -> Timestamp {
        let heard = self.heard.load(Ordering::Relaxed).max(time.as_millis());
        Timestamp::from_millis(heard).unwrap_or(time)
    }

    fn moved(&self, offset_ms: i64) -> Timestamp {
        let local = self.local();
        local.checked_add_millis(offset_ms).unwrap_or(local)
    }
}

impl ClockSkew {
    /// Beyond this a person should know. Tokens and candles are right regardless, as long as it is measured.
    const NOTABLE_MS: i64 = 2_000;

    /// In words, when it is large enough to matter.
    pub fn warning(&self) -> Option<String> {
        let side = if self.offset_ms > 0 { "behind" } else { "ahead of" };
        (self.offset_ms.abs() - self.uncertainty_ms > Self::NOTABLE_MS).then(|| {
            let seconds = (self.offset_ms.abs() + 500) / 1_000;
            format!("this machine's clock is {seconds} s {side} the exchange's; set it by NTP")
        })
    }
}

impl Default for ExchangeClock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for ExchangeClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeClock").field("skew", &self.skew()).finish_non_exhaustive()
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place of this crate that reads the clock")]
fn system_time() -> Timestamp {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(passed.as_millis()).ok().and_then(|now| Timestamp::from_millis(now).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    #[test]
    fn the_exchange_is_taken_to_answer_in_the_middle() {
        let clock = ExchangeClock::with_local(|| at(1_000_000));
        assert_eq!((clock.now(), clock.skew()), (at(1_000_000), None));
        let skew = clock.measured(at(999_000), at(999_100), at(1_299_050));
        assert_eq!((skew.offset_ms, skew.uncertainty_ms), (300_000, 50));
        assert_eq!(clock.now(), at(1_300_000));
        assert_eq!(clock.clone().surely(), at(1_299_950));
        let warning = skew.warning().unwrap();
        assert!(warning.contains("300 s behind"), "{warning}");
    }

    #[test]
    fn what_the_exchange_tells_is_a_lower_bound() {
        let clock = ExchangeClock::with_local(|| at(1_000_000));
        clock.heard(at(999_000));
        assert_eq!(clock.now(), at(1_000_000));
        clock.heard(at(1_002_000));
        clock.heard(at(1_001_000));
        clock.heard(at(999_999_999_999));
        assert_eq!((clock.now(), clock.surely()), (at(1_002_000), at(1_002_000)));
    }

    #[test]
    fn small_and_doubtful_offsets_are_not_worth_a_word() {
        let warning =
            |offset_ms, uncertainty_ms| ClockSkew { offset_ms, uncertainty_ms, measured: Timestamp::EPOCH }.warning();
        assert_eq!(warning(2_000, 0), None);
        assert_eq!(warning(-4_000, 3_000), None);
        assert!(warning(-60_400, 100).unwrap().contains("60 s ahead of"));
    }

    #[test]
    fn a_clock_stepped_back_while_asking_does_no_harm() {
        let clock = ExchangeClock::with_local(|| at(5));
        let skew = clock.measured(at(1_000), at(500), at(2_000));
        assert_eq!((skew.offset_ms, skew.uncertainty_ms), (1_000, 0));
    }

    #[test]
    fn the_machine_has_a_clock() {
        assert!(ExchangeClock::system().now() > at(1_700_000_000_000));
    }
}
