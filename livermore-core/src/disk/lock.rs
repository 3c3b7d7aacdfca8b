use std::{
    fmt,
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use super::options;

/// How often a folder in use is tried again.
const EVERY: Duration = Duration::from_millis(20);

/// Why a folder was not locked.
#[derive(Debug)]
pub(crate) enum NotLocked {
    /// Another process has it.
    Held {
        folder: PathBuf,
        /// Which, where the system lets it be read.
        by: Option<u32>,
    },
    Failed {
        folder: PathBuf,
        error: io::Error,
    },
}

/// Takes the file `name` in a folder for this process, for as long as it is held; the system gives it back when a
/// process ends, however it ends.
pub(crate) async fn lock(folder: &Path, name: &str, wait: Duration) -> Result<File, NotLocked> {
    let failed = |error: io::Error| NotLocked::Failed { folder: folder.to_owned(), error };
    let path = folder.join(name);
    let mut file = options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => {
                // For people only: whoever cannot lock reads it. That it cannot be written on a full disk does no harm.
                let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
                return Ok(file);
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if waited >= wait => {
                let by = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(NotLocked::Held { folder: folder.to_owned(), by });
            }
            Err(TryLockError::WouldBlock) => {
                let pause = EVERY.min(wait.saturating_sub(waited));
                tokio::time::sleep(pause).await;
                waited += pause;
            }
        }
    }
}

impl fmt::Display for NotLocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { folder, by } => {
                write!(f, "another process uses the folder {}", folder.display())?;
                by.map_or(Ok(()), |by| write!(f, " (process {by})"))?;
                f.write_str("; stop it, or try again")
            }
            Self::Failed { folder, error } => write!(f, "the folder {} cannot be locked: {error}", folder.display()),
        }
    }
}
