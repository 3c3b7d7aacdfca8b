//! What is measured: the product, used as its callers use it.

use std::hint::black_box;

use livermore_core::{
    alert::{AlertRules, Evaluator, Observation},
    exchange::{CandleCsv, CsvError},
    ids::{Symbol, Timeframe},
    indicator::{BankBars, Bar, IndicatorError, MacdV, MacdVBank, MacdVConfig, MacdVSeries},
    market::{Candle, DEFAULT_MAX_FILL, NoTradeFill, Quality},
};

#[inline(never)]
pub(crate) fn update(macd_v: &mut MacdV, bars: &[Bar]) {
    for bar in bars {
        black_box(macd_v.update(bar));
    }
}

#[inline(never)]
pub(crate) fn update_all(macd_v: &mut MacdV, bars: &[Bar]) {
    macd_v.update_all(
        bars,
        #[inline(always)]
        |point| {
            black_box(point);
        },
    );
}

#[inline(never)]
pub(crate) fn peek(macd_v: &MacdV, bars: &[Bar]) {
    for bar in bars {
        black_box(&macd_v.peek(bar));
    }
}

#[inline(never)]
pub(crate) fn update_and_peek(macd_v: &mut MacdV, bars: &[Bar], forming: &[Bar]) {
    for (bar, forming) in bars.iter().zip(forming) {
        black_box(macd_v.update(bar));
        black_box(&macd_v.peek(forming));
    }
}

/// Candles with all checks, quiet minutes filled.
#[inline(never)]
pub(crate) fn series(
    fill: &mut NoTradeFill,
    series: &mut MacdVSeries,
    candles: &[Candle],
) -> Result<(), IndicatorError> {
    for candle in candles {
        for candle in fill.push(candle)? {
            black_box(series.update(&candle)?);
        }
    }
    Ok(())
}

#[inline(never)]
pub(crate) fn bank(bank: &mut MacdVBank, steps: &[&BankBars]) {
    for bars in steps {
        bank.step(bars);
        black_box(&mut *bank);
    }
}

/// A candle file to alerts. Returns how many bars and how many alerts there were.
#[inline(never)]
pub(crate) fn replay(text: &[u8]) -> Result<(u64, usize), CsvError> {
    let mut file = CandleCsv::new("bench.csv", text, Timeframe::M1)?;
    let mut fill = NoTradeFill::new(Timeframe::M1, DEFAULT_MAX_FILL);
    let mut series = MacdVSeries::new(Timeframe::M1, MacdVConfig::default()).expect("the default parameters are right");
    let symbol = Symbol::new("BTC-USD").expect("a symbol");
    let (mut evaluator, rules, mut alerts) = (Evaluator::new(), AlertRules::default(), 0);
    while let Some(candle) = file.read()? {
        for candle in fill.push(&candle).map_err(|error| file.out_of_sequence(file.line(), &error))? {
            let point = series.update(&candle).expect("filled candles are in order");
            let (Some(macd_v), Some(signal)) = (point.macd_v(), point.signal()) else { continue };
            let observation = Observation {
                symbol: &symbol,
                timeframe: candle.timeframe(),
                time: candle.open_time(),
                price: candle.close(),
                macd_v,
                signal,
                quality: Quality::Fresh,
            };
            alerts += black_box(evaluator.evaluate(&rules, &observation)).alerts.len();
        }
    }
    Ok((file.rows() + fill.filled(), alerts))
}

/// The least reading such a file can cost with the `csv` crate: the lines, cut into fields.
#[inline(never)]
pub(crate) fn csv_lines(text: &[u8]) -> Result<u64, csv::Error> {
    let mut reader = csv::Reader::from_reader(text);
    let (mut record, mut rows) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record)? {
        black_box(&record);
        rows += 1;
    }
    Ok(rows)
}

/// [`csv_lines`], and the six fields of each as numbers.
#[inline(never)]
pub(crate) fn csv_numbers(text: &[u8]) -> Result<u64, Box<dyn std::error::Error>> {
    let mut reader = csv::Reader::from_reader(text);
    let (mut record, mut rows, mut numbers) = (csv::ByteRecord::new(), 0, [0.0_f64; 6]);
    while reader.read_byte_record(&mut record)? {
        for (number, field) in numbers.iter_mut().zip(&record) {
            *number = std::str::from_utf8(field)?.parse()?;
        }
        black_box(&numbers);
        rows += 1;
    }
    Ok(rows)
}
