use std::io::Read;

use livermore_core::{exchange::CandleCsv, ids::Timeframe, market::Candle};

use crate::failure::Failure;

/// A candle and where it stands in its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) candle: Candle,
}

/// Rows looked at before any is used. Ten candles that happen to begin at multiples of five minutes are one case in ten
/// million.
const ROWS: usize = 10;

/// Reads the first rows and refuses a file whose candles are evidently longer than it was said.
///
/// Without this a file of days read as minutes would pass for a quiet market: each hole short enough to be filled.
pub(super) fn read<R: Read>(name: &str, file: &mut CandleCsv<R>, timeframe: Timeframe) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::with_capacity(ROWS);
    while rows.len() < ROWS {
        let Some(candle) = file.read()? else { return Ok(rows) };
        rows.push(Row { line: file.line(), candle });
    }
    let fits = |longer: &Timeframe| rows.iter().all(|row| longer.is_aligned(row.candle.open_time()));
    let longer = Timeframe::ALL.into_iter().rev().filter(|longer| timeframe.ratio_to(*longer).is_some()).find(fits);
    match longer {
        Some(longer) => Err(Failure::Timeframe { name: name.to_owned(), timeframe, longer }),
        None => Ok(rows),
    }
}
