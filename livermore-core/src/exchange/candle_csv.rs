use std::{fmt, io};

use csv::{ByteRecord, ErrorKind as CsvErrorKind};

use crate::{
    ErrorKind,
    ids::{Timeframe, Timestamp, did_you_mean},
    market::{Candle, CandleSource, Field, Finality, Ohlcv, SequenceError},
};

/// The columns of a candle file, in the order they are written. `time` is the bucket's start in UNIX seconds.
pub const COLUMNS: [Field; 6] = [Field::Time, Field::Open, Field::High, Field::Low, Field::Close, Field::Volume];

/// Reads candles from CSV text, strictly: a header naming exactly [`COLUMNS`] (in any order), then one finished candle
/// a line. Nothing is guessed; the first line that is not right ends the reading with an error that names it.
///
/// Order and holes are not looked at here: that is [`NoTradeFill`](crate::market::NoTradeFill)'s part.
///
/// ```
/// # use livermore_core::{exchange::CandleCsv, ids::Timeframe};
/// let text = "time,open,high,low,close,volume\n1522800000,7424.91,7424.91,7422,7422,7.14319709\n";
/// let mut file = CandleCsv::new("btc.csv", text.as_bytes(), Timeframe::M1)?;
/// assert_eq!(file.read()?.unwrap().close(), 7422.0);
/// assert!(file.read()?.is_none());
/// # Ok::<(), livermore_core::exchange::CsvError>(())
/// ```
pub struct CandleCsv<R> {
    name: String,
    reader: csv::Reader<R>,
    /// Where each of [`COLUMNS`] stands in a line.
    positions: [usize; 6],
    timeframe: Timeframe,
    record: ByteRecord,
    rows: u64,
}

impl<R: io::Read> CandleCsv<R> {
    /// Reads the header of `source`. `name` is what errors call it.
    pub fn new(name: impl Into<String>, source: R, timeframe: Timeframe) -> Result<Self, CsvError> {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .quoting(false) // numbers are never quoted; a stray quote is an error, not the start of a long field
            .flexible(true) // a wrong number of fields is reported by us, by name
            .buffer_capacity(1 << 16)
            .from_reader(source);
        let mut this =
            Self { name: name.into(), reader, positions: [0; 6], timeframe, record: ByteRecord::new(), rows: 0 };
        if !this.next_record()? {
            return Err(this.error(
                1,
                None,
                "the file is empty; the first line must be time,open,high,low,close,volume",
            ));
        }
        this.positions = this.read_header()?;
        Ok(this)
    }

    /// The next candle, or `None` at the end.
    #[inline]
    pub fn read(&mut self) -> Result<Option<Candle>, CsvError> {
        if !self.next_record()? {
            return Ok(None);
        }
        if self.record.len() != COLUMNS.len() {
            return Err(self.wrong_width());
        }
        let open_time = self.time()?;
        let [open, high, low, close, volume] =
            [self.number(1)?, self.number(2)?, self.number(3)?, self.number(4)?, self.number(5)?];
        let ohlcv = Ohlcv { open, high, low, close, volume };
        match Candle::new(self.timeframe, open_time, ohlcv, Finality::Verified, CandleSource::File) {
            Ok(candle) => {
                self.rows += 1;
                Ok(Some(candle))
            }
            Err(error) => Err(self.error(self.line(), Some(error.field()), error.to_string())),
        }
    }

    /// Candles read so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The line of the last candle, from 1.
    pub fn line(&self) -> u64 {
        self.record.position().map_or(1, csv::Position::line)
    }

    /// Bytes read so far, for showing progress.
    pub fn bytes(&self) -> u64 {
        self.reader.position().byte()
    }

    /// Says where in the file a candle stands that does not fit the ones before it.
    pub fn out_of_sequence(&self, line: u64, error: &SequenceError) -> CsvError {
        self.error(line, Some(Field::Time), error.to_string())
    }

    fn next_record(&mut self) -> Result<bool, CsvError> {
        self.reader.read_byte_record(&mut self.record).map_err(|error| {
            let line = error.position().map_or_else(|| self.reader.position().line(), csv::Position::line);
            let reason = match error.into_kind() {
                CsvErrorKind::Io(error) => format!("cannot be read: {error}"),
                _ => "is not CSV text".to_owned(),
            };
            self.error(line, None, reason)
        })
    }

    fn read_header(&self) -> Result<[usize; 6], CsvError> {
        let names = COLUMNS.map(|column| column.to_string());
        let mut positions = [None; 6];
        for (position, field) in self.record.iter().enumerate() {
            let field = text(field).ok_or_else(|| self.not_text(1))?;
            // Spreadsheets put a byte order mark before the first name.
            let field = field.trim_start_matches('\u{feff}').trim();
            let Some(column) = names.iter().position(|name| name == field) else {
                let meant = did_you_mean(field, names.iter().map(String::as_str));
                let reason = format!(
                    "unknown column {:?} in the header; it must be time,open,high,low,close,volume",
                    shorten(field)
                );
                return Err(self.error(1, None, reason).suggest(meant));
            };
            if positions[column].replace(position).is_some() {
                return Err(self.error(1, Some(COLUMNS[column]), "the column is named twice in the header"));
            }
        }
        let mut found = [0; 6];
        for (column, position) in positions.into_iter().enumerate() {
            found[column] = position.ok_or_else(|| {
                let reason = "the column is missing from the header; it must be time,open,high,low,close,volume";
                self.error(1, Some(COLUMNS[column]), reason)
            })?;
        }
        Ok(found)
    }

    fn time(&self) -> Result<Timestamp, CsvError> {
        let secs = std::str::from_utf8(self.field(0)).ok().and_then(|text| text.parse::<i64>().ok());
        let Some(secs) = secs else {
            return Err(self.not_a_number(0, "a whole number of UNIX seconds"));
        };
        Timestamp::from_secs(secs)
            .map_err(|error| self.error(self.line(), Some(Field::Time), format!("{secs} {}", error.reason())))
    }

    #[inline]
    fn number(&self, column: usize) -> Result<f64, CsvError> {
        // As exact as the standard library's parser, and reads bytes without a pass over them to prove they are text.
        fast_float2::parse(self.field(column)).map_err(|_| self.not_a_number(column, "a number"))
    }

    #[inline]
    fn field(&self, column: usize) -> &[u8] {
        self.record.get(self.positions[column]).unwrap_or_default()
    }

    #[cold]
    fn not_a_number(&self, column: usize, expected: &str) -> CsvError {
        let Some(field) = text(self.field(column)) else { return self.not_text(self.line()) };
        let reason = if field.trim().is_empty() {
            "is empty".to_owned()
        } else {
            format!("{:?} is not {expected}", shorten(field))
        };
        self.error(self.line(), Some(COLUMNS[column]), reason)
    }

    fn wrong_width(&self) -> CsvError {
        let got = self.record.len();
        if self.record.iter().any(|field| text(field).is_none()) {
            return self.not_text(self.line());
        }
        // Which names are without a value depends on the order of this file's header.
        let missing = (0..COLUMNS.len()).find(|column| self.positions[*column] >= got);
        let field = missing.map(|column| COLUMNS[column]);
        let reason = match field {
            Some(_) => format!("is missing: the line has {got} fields, not 6"),
            None => format!("the line has {got} fields, not 6"),
        };
        self.error(self.line(), field, reason)
    }

    fn not_text(&self, line: u64) -> CsvError {
        self.error(line, None, "is not text; a candle file is UTF-8 CSV")
    }

    fn error(&self, line: u64, field: Option<Field>, reason: impl Into<String>) -> CsvError {
        CsvError { name: self.name.clone(), line, field, reason: reason.into(), suggestion: None }
    }
}

/// Text without control characters; anything else is a binary file.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t')).then_some(text)
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

impl<R> fmt::Debug for CandleCsv<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandleCsv").field("name", &self.name).field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// What is wrong in a candle file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvError {
    name: String,
    line: u64,
    field: Option<Field>,
    reason: String,
    suggestion: Option<String>,
}

impl CsvError {
    fn suggest(mut self, suggestion: Option<&str>) -> Self {
        self.suggestion = suggestion.map(str::to_owned);
        self
    }

    /// The line, from 1.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// The column, where one is to blame.
    pub const fn field(&self) -> Option<Field> {
        self.field
    }

    /// Always [`ErrorKind::InvalidInput`].
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.name, self.line)?;
        if let Some(field) = self.field {
            write!(f, ", field {field}")?;
        }
        write!(f, ": {}", self.reason)?;
        match &self.suggestion {
            Some(meant) => write!(f, " (did you mean {meant:?}?)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CsvError {}
