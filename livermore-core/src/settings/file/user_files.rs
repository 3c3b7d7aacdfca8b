use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{FileFinding, FileStoreConfig, FileWarning, backward::Backward};
use crate::{
    disk::{Hook, WriteStep, decode, encode, options, replace, temporary},
    ids::{Revision, UserId},
    settings::{Cause, HistoryEntry, HistoryQuery, SettingsError},
};

/// The two files of one user: what is stored (a copy of the last line of the history), and the history.
///
/// The history is written first, and counts: a whole line in it is a save, whether or not the other file has it yet.
/// Everything here blocks.
#[derive(Debug)]
pub(super) struct UserFiles<'c> {
    user: UserId,
    current: PathBuf,
    history: PathBuf,
    config: &'c FileStoreConfig,
}

/// What is known of a history without reading it again.
#[derive(Debug)]
pub(super) struct Index {
    lines: usize,
    causes: HashMap<Cause, Revision>,
}

/// The file of what is stored.
enum Current {
    Missing,
    Damaged,
    Whole(Box<HistoryEntry>),
}

/// The part of a line that the index needs.
#[derive(Deserialize)]
struct Indexed {
    revision: Revision,
    cause: Option<Cause>,
}

impl<'c> UserFiles<'c> {
    pub(super) fn new(config: &'c FileStoreConfig, user: UserId) -> Self {
        let users = users_folder(&config.folder);
        let (current, history) = (users.join(format!("{user}.json")), users.join(format!("{user}.history.jsonl")));
        Self { user, current, history, config }
    }

    /// The last save, or `None` where nothing was saved.
    pub(super) fn current(&self) -> Result<Option<HistoryEntry>, SettingsError> {
        match self.read_current() {
            Ok(Current::Missing) => Ok(None),
            Ok(Current::Whole(entry)) => Ok(Some(*entry)),
            Ok(Current::Damaged) => Err(SettingsError::Unreadable {
                reason: format!("the file {} is damaged or was changed by hand", self.current.display()),
            }),
            Err(error) => Err(self.unavailable("reading", &self.current, error)),
        }
    }

    /// The part of the history that is asked for. Damaged lines are left out.
    pub(super) fn history(&self, query: HistoryQuery) -> Result<Vec<HistoryEntry>, SettingsError> {
        let read = || {
            let mut entries = Vec::new();
            let Some(file) = open(&self.history)? else { return Ok(entries) };
            let mut lines = Backward::new(&file)?;
            while entries.len() < query.limit
                && let Some((_, line)) = lines.line()?
            {
                entries.extend(decode(&line).filter(|entry: &HistoryEntry| query.includes(entry.revision)));
            }
            Ok(entries)
        };
        read().map_err(|error| self.unavailable("reading", &self.history, error))
    }

    pub(super) fn index(&self) -> Result<Index, SettingsError> {
        let read = || {
            let mut index = Index { lines: 0, causes: HashMap::new() };
            let Some(file) = open(&self.history)? else { return Ok(index) };
            let mut lines = Backward::new(&file)?;
            while let Some((_, line)) = lines.line()? {
                index.lines += 1;
                if let Some(Indexed { revision, cause: Some(cause) }) = decode(&line) {
                    index.causes.insert(cause, revision);
                }
            }
            Ok(index)
        };
        read().map_err(|error| self.unavailable("reading", &self.history, error))
    }

    /// Writes a save. After an error it is not known what is on the disk: [`recover`](Self::recover) finds out.
    pub(super) fn write(&self, entry: &HistoryEntry, index: &mut Index) -> Result<(), SettingsError> {
        let line = encode(entry).map_err(|error| self.unavailable("writing", &self.history, error.into()))?;
        let hook = &self.config.hook;
        let mut before = None;
        let mut append = || {
            hook.at(WriteStep::Begin)?;
            let mut file = options().create(true).append(true).open(&self.history)?;
            before = Some(file.metadata()?.len());
            hook.write(&mut file, &line, WriteStep::AppendHalfWritten)?;
            hook.at(WriteStep::AppendWritten)?;
            file.sync_data()?;
            hook.at(WriteStep::AppendSynced)
        };
        let appended = append();
        appended.map_err(|error| {
            self.undo(before);
            self.unavailable("writing", &self.history, error)
        })?;
        let finish = || {
            replace(&self.current, &line, hook)?;
            hook.at(WriteStep::End)
        };
        finish().map_err(|error| {
            // Taken back only where the new file has not taken the old one's place.
            match self.read_current() {
                Ok(Current::Whole(written)) if written.revision == entry.revision => {}
                _ => self.undo(before),
            }
            self.unavailable("writing", &self.current, error)
        })?;
        index.lines += 1;
        index.causes.extend(entry.cause.clone().map(|cause| (cause, entry.revision)));
        Ok(())
    }

    /// Drops the oldest lines once there are twice as many as are kept.
    pub(super) fn compact(&self, index: &mut Index) -> io::Result<()> {
        let keep = self.config.history;
        if index.lines < keep.saturating_mul(2) {
            return Ok(());
        }
        let Some(file) = open(&self.history)? else { return Ok(()) };
        let mut lines = Backward::new(&file)?;
        let mut kept = Vec::new();
        while kept.len() < keep
            && let Some((_, line)) = lines.line()?
        {
            kept.push(line);
        }
        kept.reverse();
        replace(&self.history, &kept.concat(), &Hook::default())?;
        *index = Index { lines: kept.len(), causes: HashMap::new() };
        for line in &kept {
            if let Some(Indexed { revision, cause: Some(cause) }) = decode(line) {
                index.causes.insert(cause, revision);
            }
        }
        Ok(())
    }

    /// Makes the two files agree, after a process or the disk has failed in between. Says what it found.
    pub(super) fn recover(&self) -> Result<Vec<FileWarning>, SettingsError> {
        let mut warnings = Vec::new();
        for path in [&self.current, &self.history] {
            match fs::remove_file(temporary(path)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.unavailable("removing the remains of", path, error));
                }
                _ => {}
            }
        }
        let last =
            self.last_whole_line(&mut warnings).map_err(|error| self.unavailable("reading", &self.history, error))?;
        let current = self.read_current().map_err(|error| self.unavailable("reading", &self.current, error))?;
        let restore = |entry: &HistoryEntry| {
            let line = encode(entry).map_err(io::Error::from);
            line.and_then(|line| replace(&self.current, &line, &Hook::default()))
                .map_err(|error| self.unavailable("writing", &self.current, error))
        };
        match (current, last) {
            (Current::Whole(current), Some(last)) if last.revision > current.revision => {
                restore(&last)?;
                warnings.push(self.warning(&self.current, FileFinding::Completed { revision: last.revision }));
            }
            (Current::Whole(current), last) if last.as_ref().is_none_or(|last| last.revision < current.revision) => {
                let finding = FileFinding::HistoryBehind { revision: current.revision };
                warnings.push(self.warning(&self.history, finding));
            }
            (Current::Damaged, Some(last)) => {
                let aside = format!("{}.json.damaged", self.user);
                fs::rename(&self.current, self.current.with_file_name(&aside))
                    .map_err(|error| self.unavailable("setting aside", &self.current, error))?;
                restore(&last)?;
                let finding = FileFinding::Restored { aside, revision: last.revision };
                warnings.push(self.warning(&self.current, finding));
            }
            (Current::Damaged, None) => warnings.push(self.warning(&self.current, FileFinding::Unreadable)),
            (Current::Missing, Some(last)) => {
                restore(&last)?;
                warnings.push(self.warning(&self.current, FileFinding::Completed { revision: last.revision }));
            }
            (Current::Whole(_), _) | (Current::Missing, None) => {}
        }
        Ok(warnings)
    }

    /// The newest save in the history. A last line without its line feed is cut off.
    fn last_whole_line(&self, warnings: &mut Vec<FileWarning>) -> io::Result<Option<HistoryEntry>> {
        let Some(file) = open(&self.history)? else { return Ok(None) };
        let mut lines = Backward::new(&file)?;
        let mut damaged = false;
        while let Some((at, line)) = lines.line()? {
            if !line.ends_with(b"\n") {
                let file = options().write(true).open(&self.history)?;
                file.set_len(at)?;
                file.sync_all()?;
                warnings.push(self.warning(&self.history, FileFinding::TornLine { bytes: line.len() as u64 }));
            } else if let Some(entry) = decode(&line) {
                return Ok(Some(entry));
            } else if !damaged {
                damaged = true;
                warnings.push(self.warning(&self.history, FileFinding::DamagedLine));
            }
        }
        Ok(None)
    }

    fn read_current(&self) -> io::Result<Current> {
        match fs::read(&self.current) {
            Ok(bytes) => Ok(decode(&bytes).map_or(Current::Damaged, |entry| Current::Whole(Box::new(entry)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Current::Missing),
            Err(error) => Err(error),
        }
    }

    /// Takes back a history line, as far as the disk allows.
    fn undo(&self, before: Option<u64>) {
        let truncate = |length| {
            let file = options().write(true).open(&self.history)?;
            file.set_len(length)?;
            file.sync_all()
        };
        // If this fails too, the next call recovers; until then the save is neither done nor not done.
        let _: Option<io::Result<()>> = before.map(truncate);
    }

    fn warning(&self, path: &Path, finding: FileFinding) -> FileWarning {
        let file = path.strip_prefix(&self.config.folder).unwrap_or(path).to_owned();
        FileWarning { file, user: Some(self.user), finding }
    }

    fn unavailable(&self, doing: &str, path: &Path, error: io::Error) -> SettingsError {
        let file = path.strip_prefix(&self.config.folder).unwrap_or(path).display();
        let step = format!("{doing} {file} in {}: {error}", self.config.folder.display());
        SettingsError::Unavailable { step, source: Some(Box::new(error)) }
    }
}

pub(super) fn users_folder(folder: &Path) -> PathBuf {
    folder.join("users")
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Index {
    pub(super) fn revision_of(&self, cause: &Cause) -> Option<Revision> {
        self.causes.get(cause).copied()
    }
}
