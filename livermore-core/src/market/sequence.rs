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
    pub(crate) timeframe: Timeframe,
    pub(crate) last: Option<Timestamp>,
}

impl Order {
    pub(crate) const fn new(timeframe: Timeframe) -> Self {
        Self { timeframe, last: None }
    }

    /// How many buckets lie between the last candle and `candle`; an error when it may not follow at all.
    #[inline]
    pub(crate) fn missing_before(&self, candle: &super::Candle) -> Result<u64, SequenceError> {
        if !candle.is_final() {
            return Err(SequenceError::NotFinal { open_time: candle.open_time() });
        }
        self.missing_before_any(candle)
    }

    /// [`Self::missing_before`] for candles of any finality.
    #[inline]
    pub(crate) fn missing_before_any(&self, candle: &super::Candle) -> Result<u64, SequenceError> {
        let open_time = candle.open_time();
        if candle.timeframe() != self.timeframe {
            return Err(SequenceError::WrongTimeframe { expected: self.timeframe, got: candle.timeframe() });
        }
        let Some(last) = self.last else { return Ok(0) };
        let step = open_time.millis_since(last);
        if step == self.timeframe.millis() {
            Ok(0) // the common case, without a division
        } else if step == 0 {
            Err(SequenceError::Duplicate { open_time })
        } else if step < 0 {
            Err(SequenceError::OutOfOrder { open_time, last })
        } else {
            Ok((step / self.timeframe.millis() - 1).unsigned_abs())
        }
    }
}
