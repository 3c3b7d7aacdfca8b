use std::path::Path;

use livermore_core::{
    ErrorKind,
    control::{ControlPolicy, EmbeddedCommandLog, FileLogConfig},
};

use super::Bus;
use crate::{clock, failure::Failure, store::FolderLock};

/// The file that says who uses the log of a folder.
pub(crate) const LOCK: &str = "commands.lock";
/// The file that holds the log.
pub(crate) const JOURNAL: &str = "commands.jsonl";

/// Opens the log of a folder, and says on standard error what was found wrong and mended.
pub(crate) async fn open(folder: &str) -> Result<Bus, Failure> {
    let config = FileLogConfig::new(folder, ControlPolicy::default());
    let (log, report) = match EmbeddedCommandLog::open(config, clock::now_or_epoch).await {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::Unavailable => {
            return match FolderLock::of(Path::new(folder), LOCK) {
                Ok(FolderLock::Held(holder)) => Err(Failure::LogInUse { folder: folder.to_owned(), holder }),
                _ => Err(error.into()),
            };
        }
        Err(error) => return Err(error.into()),
    };
    for warning in &report.warnings {
        eprintln!("livermore: {folder}: {warning}");
    }
    Ok(Bus::new(log))
}
