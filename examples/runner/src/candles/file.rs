use std::{
    fs::{File, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use livermore_core::{
    exchange::CandleCsv,
    ids::{Timeframe, Timestamp},
    market::Candle,
};

use super::row::HEADER;
use crate::failure::Failure;

/// A candle file that grows line by line. Whatever ends the program, what was written before stays whole but for the
/// last line, and that one is replaced by the next program that goes on with the file.
pub(super) struct CandleFile {
    path: PathBuf,
    /// `None` until there is something to write to a file that is not there.
    file: Option<File>,
    /// Bytes that are whole lines. What is behind them is cut off before anything is written.
    whole: u64,
    /// First and last candle.
    known: Option<(Candle, Candle)>,
    rows: u64,
}

impl CandleFile {
    /// Reads what is there, and keeps other processes from writing to it. Nothing is changed yet.
    pub(super) fn open(path: &Path, timeframe: Timeframe) -> Result<Self, Failure> {
        let mut this = Self { path: path.to_owned(), file: None, whole: 0, known: None, rows: 0 };
        match File::options().read(true).write(true).open(path) {
            Ok(file) => {
                this.file = Some(this.locked(file)?);
                this.read(timeframe)?;
                Ok(this)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(this),
            Err(error) => Err(this.failed(error)),
        }
    }

    /// First and last candle of the file.
    pub(super) const fn known(&self) -> Option<(Candle, Candle)> {
        self.known
    }

    /// Candles in the file when it was opened.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds whole lines, after the header where there is none.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let file = if let Some(file) = self.file.take() {
            file
        } else {
            // Made by somebody else meanwhile, it is not ours.
            let made = File::options().read(true).write(true).create_new(true).open(&self.path);
            self.locked(made.map_err(|error| self.failed(error))?)?
        };
        let file = self.file.insert(file);
        let written = write(file, self.whole, lines);
        self.whole = written.map_err(|error| Failure::OutputFile { path: shown(&self.path), error })?;
        Ok(())
    }

    /// Waits until the machine may lose its power.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.file.as_ref().map_or(Ok(()), File::sync_all).map_err(|error| self.failed(error))
    }

    /// The file is not what it was taken for.
    pub(super) fn refused(&self, reason: impl Into<String>) -> Failure {
        Failure::CandleFile { path: shown(&self.path), reason: reason.into() }
    }

    fn locked(&self, file: File) -> Result<File, Failure> {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Failure::CandleFileInUse { path: shown(&self.path) }),
            // A file system without locks: whoever uses it looks after that.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        }
    }

    fn read(&mut self, timeframe: Timeframe) -> Result<(), Failure> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let whole = whole_lines(&mut file).map_err(|error| self.failed(error))?;
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(0)).map_err(|error| self.failed(error))?;
        (&file).take(HEADER.len() as u64).read_to_end(&mut head).map_err(|error| self.failed(error))?;
        if !HEADER.starts_with(&head) || (whole > 0 && head.len() < HEADER.len()) {
            let header = String::from_utf8_lossy(HEADER);
            return Err(self.refused(format!(
                "line 1: is not {}; this file is not written to: name another one",
                header.trim_end()
            )));
        }
        file.seek(SeekFrom::Start(0)).map_err(|error| self.failed(error))?;
        if whole > 0 {
            let mut csv = CandleCsv::new(shown(&self.path), BufReader::new((&file).take(whole)), timeframe)?;
            while let Some(candle) = csv.read()? {
                let first = match self.known {
                    Some((_, last)) if last.open_time() >= candle.open_time() => {
                        return Err(self.refused(format!("line {}: comes before the line above it", csv.line())));
                    }
                    Some((first, _)) => first,
                    None => candle,
                };
                self.known = Some((first, candle));
            }
            self.rows = csv.rows();
        }
        self.whole = whole;
        self.file = Some(file);
        Ok(())
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::OutputFile { path: shown(&self.path), error }
    }

    /// Where the candles that are missing between `from` and the file's own begin and end, as far as the file tells.
    pub(super) fn continues(&self, from: Timestamp) -> Result<(), Failure> {
        let Some((first, last)) = self.known else { return Ok(()) };
        if from > last.close_time() {
            return Err(self.refused(format!(
                "ends at {}, and --from {from} would leave a hole; give --from {} or another file",
                last.close_time(),
                last.close_time()
            )));
        }
        if from < first.open_time() {
            eprintln!("note: {} begins at {}; what came before is not asked for", shown(&self.path), first.open_time());
        }
        Ok(())
    }
}

/// Puts lines behind the first `whole` bytes; returns how many are whole then.
fn write(file: &mut File, whole: u64, lines: &[u8]) -> io::Result<u64> {
    let head = if whole == 0 { HEADER } else { b"" };
    if file.metadata()?.len() != whole {
        file.set_len(whole)?;
    }
    file.seek(SeekFrom::Start(whole))?;
    file.write_all(&[head, lines].concat())?;
    Ok(whole + (head.len() + lines.len()) as u64)
}

/// Bytes up to the last end of a line.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    const BLOCK: u64 = 1 << 16;
    let mut end = file.seek(SeekFrom::End(0))?;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(last) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
