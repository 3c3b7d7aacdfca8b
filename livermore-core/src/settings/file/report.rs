use std::{fmt, path::PathBuf};

use crate::ids::{Revision, UserId};

/// What was found, and mended, when a folder of settings was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileReport {
    /// How many users have settings here.
    pub users: usize,
    /// What was not as it should be, by user.
    pub warnings: Vec<FileWarning>,
}

/// Something that was not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileWarning {
    /// The file, relative to the store's folder.
    pub file: PathBuf,
    /// Whose it is.
    pub user: Option<UserId>,
    /// What was found and done.
    pub finding: FileFinding,
}

/// What was found and done. Nothing acknowledged is lost by any of them, unless it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum FileFinding {
    #[error(
        "the last line was written in part ({bytes} bytes) and is cut off: a write was interrupted before it counted"
    )]
    TornLine { bytes: u64 },
    #[error("the last line is damaged and is skipped")]
    DamagedLine,
    #[error("a save was interrupted after it counted and is completed: revision {revision}")]
    Completed { revision: Revision },
    #[error("the file was damaged or changed by hand; it is set aside as {aside} and revision {revision} restored")]
    Restored { aside: String, revision: Revision },
    #[error("the history ends before revision {revision}, which is stored: a part of it is missing")]
    HistoryBehind { revision: Revision },
    #[error("the file is damaged or was changed by hand, and no history is there to restore it from")]
    Unreadable,
    #[error("the file belongs to nobody and is left alone")]
    Stray,
}

impl fmt::Display for FileWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.finding)
    }
}
