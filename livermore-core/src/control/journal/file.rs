#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    super::{ControlError, Entry, ledger::Ledger},
    FileLogConfig,
};
use crate::{
    disk::{Hook, WriteStep, decode, encode, options, replace, sync_folder, temporary},
    ids::UserId,
};

/// The journal of a command log: a first line that says what it is, then one line per write.
///
/// A line holds a list of `[user, entry]`. It is written as a whole or not at all: one without its line feed was not
/// finished, and does not count. Everything here blocks.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
    /// So many bytes are safe on the disk.
    length: u64,
    shorten_from: u64,
    /// At this length it is shortened.
    shorten_at: u64,
    hook: Hook,
}

/// What was read from a journal.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) journal: JournalFile,
    pub(super) ledger: Ledger,
    /// Bytes of a last line that was not finished and is cut off.
    pub(super) torn: Option<u64>,
}

/// A write that did not work.
#[derive(Debug, Clone)]
pub(super) struct NotWritten {
    /// Whether nothing of it is left, for sure.
    pub(super) undone: bool,
    pub(super) step: String,
    pub(super) error: Arc<io::Error>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    journal: String,
    version: u32,
}

pub(super) const NAME: &str = "commands.jsonl";
const FORMAT: &str = "livermore-commands";
const VERSION: u32 = 1;

/// So many entries are in a line of a shortened journal.
const ENTRIES: usize = 100;

impl JournalFile {
    /// Reads a journal, makes it where there is none, and cuts off what was not finished.
    pub(super) fn open(config: &FileLogConfig) -> Result<Opened, ControlError> {
        let path = config.folder.join(NAME);
        let unavailable = |error: io::Error| {
            let step = format!("opening {}: {error}", path.display());
            ControlError::Unavailable { step, source: Some(Box::new(error)) }
        };
        let file = Self::open_file(&path, &config.hook).map_err(unavailable)?;
        let mut ledger = Ledger::new(config.policy.clone());
        let mut reader = BufReader::new(&file);
        let (mut length, mut torn, mut line) = (0, None, Vec::new());
        for number in 1_u64.. {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(unavailable)? as u64;
            if number == 1 {
                check_head(&path, &line)?;
            } else if read == 0 {
                break;
            } else if line.ends_with(b"\n") {
                let entries: Vec<(UserId, Entry)> = decode(&line).ok_or_else(|| damaged(&path, number))?;
                entries.into_iter().for_each(|(user, entry)| ledger.apply(user, entry));
            } else {
                torn = Some(read);
                break;
            }
            length += read;
        }
        let settle = || {
            if torn.is_some() {
                file.set_len(length)?;
            }
            // What was read counts from now on, so it must not be lost any more.
            file.sync_all()?;
            sync_folder(&path)
        };
        settle().map_err(unavailable)?;
        let shorten_from = config.shorten_from;
        let mut journal =
            Self { path, file, length, shorten_from, shorten_at: shorten_from, hook: config.hook.clone() };
        if length >= shorten_from {
            journal.measure(shortened(&ledger).map_err(|error| journal.unavailable(&error))?.len());
        }
        Ok(Opened { journal, ledger, torn })
    }

    fn open_file(path: &Path, hook: &Hook) -> io::Result<File> {
        match fs::remove_file(temporary(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match options().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                replace(path, &head()?, hook)?;
                options().read(true).write(true).open(path)
            }
            opened => opened,
        }
    }

    /// Writes entries, all of them or none. After an error the journal must be opened again.
    pub(super) fn append(&mut self, entries: &[(UserId, Entry)]) -> Result<(), NotWritten> {
        let write = |journal: &mut Self| {
            let line = encode(&entries)?;
            journal.hook.at(WriteStep::Begin)?;
            journal.file.seek(SeekFrom::Start(journal.length))?;
            journal.hook.write(&mut journal.file, &line, WriteStep::AppendHalfWritten)?;
            journal.hook.at(WriteStep::AppendWritten)?;
            journal.file.sync_data()?;
            journal.hook.at(WriteStep::AppendSynced)?;
            journal.length += line.len() as u64;
            Ok(())
        };
        write(self).map_err(|error: io::Error| {
            let undo = || {
                self.hook.at(WriteStep::Undo)?;
                self.file.set_len(self.length)?;
                self.file.sync_all()
            };
            NotWritten {
                undone: undo().is_ok(),
                step: format!("writing {}: {error}", self.path.display()),
                error: Arc::new(error),
            }
        })
    }

    /// Whether it is time to shorten it.
    pub(super) const fn is_long(&self) -> bool {
        self.length >= self.shorten_at
    }

    /// Puts a shorter journal of the same logs in its place. After an error the journal must be opened again.
    pub(super) fn shorten(&mut self, ledger: &Ledger) -> io::Result<()> {
        let bytes = shortened(ledger)?;
        replace(&self.path, &bytes, &self.hook)?;
        self.file = options().read(true).write(true).open(&self.path)?;
        self.length = bytes.len() as u64;
        self.measure(bytes.len());
        Ok(())
    }

    /// Shortening has not worked: not before it is twice as long.
    pub(super) const fn put_off(&mut self) {
        self.shorten_at = self.length.saturating_mul(2);
    }

    /// `counting` bytes would be left of it.
    fn measure(&mut self, counting: usize) {
        self.shorten_at = self.shorten_from.max((counting as u64).saturating_mul(2));
    }

    fn unavailable(&self, error: &io::Error) -> ControlError {
        ControlError::Unavailable { step: format!("reading {}: {error}", self.path.display()), source: None }
    }
}

fn head() -> io::Result<Vec<u8>> {
    Ok(encode(&Head { journal: FORMAT.to_owned(), version: VERSION })?)
}

fn shortened(ledger: &Ledger) -> io::Result<Vec<u8>> {
    let entries: Vec<(UserId, Entry)> = ledger.entries().collect();
    let mut bytes = head()?;
    for some in entries.chunks(ENTRIES) {
        bytes.extend(encode(&some)?);
    }
    Ok(bytes)
}

fn check_head(path: &Path, line: &[u8]) -> Result<(), ControlError> {
    let path = path.display();
    match decode::<Head>(line) {
        Some(Head { journal, version }) if journal == FORMAT && version <= VERSION => Ok(()),
        Some(Head { journal, version }) if journal == FORMAT => {
            let reason = format!(
                "{path} was written by a newer livermore (format {version}; this one reads {VERSION}); \
                 update this program"
            );
            Err(ControlError::Setup { reason })
        }
        _ => {
            let reason = format!(
                "{path} is not a journal of commands, or its line 1 is damaged; restore it from a backup, or move it \
                 away to begin with an empty log"
            );
            Err(ControlError::Setup { reason })
        }
    }
}

fn damaged(path: &Path, line: u64) -> ControlError {
    let (path, before) = (path.display(), line - 1);
    let reason = format!(
        "line {line} of {path} is damaged or was changed by hand: its checksum or its content is wrong; restore the \
         file from a backup, or give up that line and all that follow by keeping the first {before} (head -n {before})"
    );
    ControlError::Setup { reason }
}
