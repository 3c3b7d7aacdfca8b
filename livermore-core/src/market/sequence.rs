use crate::{
    ErrorKind,
    ids::{Timeframe, Timestamp},
};

/// A candle that does not belong where it was put.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SequenceError {
    #[error("the candle of {open_time} is still forming; only closed candles are accepted here")]
    NotFinal { open_time: Timestamp },
    #[error("expected {expected} candles, got a {got} candle")]
    WrongTimeframe { expected: Timeframe, got: Timeframe },
    #[error("time {} ({open_time}) was given twice", open_time.as_secs())]
    Duplicate { open_time: Timestamp },
    #[error("time {} ({open_time}) comes after {} ({last}): candles must be in ascending order", open_time.as_secs(), last.as_secs())]
    OutOfOrder { open_time: Timestamp, last: Timestamp },
    #[error("{missing} candles are missing between {} ({last}) and {} ({open_time})", last.as_secs(), open_time.as_secs())]
    Gap { last: Timestamp, open_time: Timestamp, missing: u64 },
    #[error(
        "{missing} candles are missing between {} ({last}) and {} ({open_time}); at most {max} are filled as no-trade bars",
        last.as_secs(), open_time.as_secs()
    )]
    HoleTooLong { last: Timestamp, open_time: Timestamp, missing: u64, max: u64 },
}

impl SequenceError {
    /// Holes are a matter of state (repair, then go on); the rest is wrong input.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Gap { .. } | Self::HoleTooLong { .. } => ErrorKind::WrongState,
            Self::NotFinal { .. } | Self::WrongTimeframe { .. } | Self::Duplicate { .. } | Self::OutOfOrder { .. } => {
                ErrorKind::InvalidInput
            }
        }
    }
}

/// The order every series of candles keeps: one timeframe, final only, strictly ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    timeframe: Timeframe,
    /// Start of the bucket after the last candle, in milliseconds: one comparison tells the common case.
    next: i64,
}

impl Order {
    /// In `next` before the first candle. No bucket starts then.
    const NONE: i64 = i64::MIN;

    pub(crate) const fn new(timeframe: Timeframe) -> Self {
        Self { timeframe, next: Self::NONE }
    }

    /// An order that goes on after `last`.
    pub(crate) fn after(timeframe: Timeframe, last: Option<Timestamp>) -> Self {
        Self { timeframe, next: last.map_or(Self::NONE, |last| last.as_millis() + timeframe.millis()) }
    }

    pub(crate) const fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// Start of the last candle.
    pub(crate) const fn last(&self) -> Option<Timestamp> {
        if self.next == Self::NONE {
            return None;
        }
        Some(Timestamp::from_millis_in_range(self.next - self.timeframe.millis()))
    }

    /// Takes a candle that may follow.
    #[inline]
    pub(crate) const fn take(&mut self, candle: &super::Candle) {
        self.next = candle.open_time().as_millis() + candle.timeframe().millis();
    }

    /// How many buckets lie between the last candle and `candle`; an error when it may not follow at all.
    #[inline]
    pub(crate) fn missing_before(&self, candle: &super::Candle) -> Result<u64, SequenceError> {
        self.missing(candle, candle.is_final())
    }

    /// [`Self::missing_before`] for candles of any finality.
    #[inline]
    pub(crate) fn missing_before_any(&self, candle: &super::Candle) -> Result<u64, SequenceError> {
        self.missing(candle, true)
    }

    #[inline]
    fn missing(&self, candle: &super::Candle, may_be_taken: bool) -> Result<u64, SequenceError> {
        let (timeframe, open_time) = (candle.timeframe(), candle.open_time());
        if open_time.as_millis() == self.next && timeframe == self.timeframe && may_be_taken {
            return Ok(0);
        }
        self.unusual(timeframe, open_time, may_be_taken)
    }

    /// The first candle, and any that does not follow the last one at once.
    ///
    /// Takes numbers: a candle whose address is taken cannot stay in registers.
    #[cold]
    #[inline(never)]
    fn unusual(&self, timeframe: Timeframe, open_time: Timestamp, may_be_taken: bool) -> Result<u64, SequenceError> {
        if !may_be_taken {
            return Err(SequenceError::NotFinal { open_time });
        }
        if timeframe != self.timeframe {
            return Err(SequenceError::WrongTimeframe { expected: self.timeframe, got: timeframe });
        }
        let Some(last) = self.last() else { return Ok(0) };
        let step = open_time.millis_since(last);
        match step.signum() {
            0 => Err(SequenceError::Duplicate { open_time }),
            -1 => Err(SequenceError::OutOfOrder { open_time, last }),
            _ => Ok((step / self.timeframe.millis() - 1).unsigned_abs()),
        }
    }
}
