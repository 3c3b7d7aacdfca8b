use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    time::Duration,
};

use super::disk::options;
use crate::settings::SettingsError;

/// How often a folder in use is tried again.
const EVERY: Duration = Duration::from_millis(20);

/// Takes the folder for this process, for as long as the file is held; the system gives it back when a process ends,
/// however it ends.
pub(super) async fn lock(folder: &Path, wait: Duration) -> Result<File, SettingsError> {
    let setup = |error: io::Error| SettingsError::Setup {
        reason: format!("the folder {} cannot be locked: {error}", folder.display()),
    };
    let file = options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(setup)?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(setup(error)),
            Err(TryLockError::WouldBlock) if waited >= wait => {
                let step = format!("another process uses the folder {}; stop it, or try again", folder.display());
                return Err(SettingsError::Busy { step });
            }
            Err(TryLockError::WouldBlock) => {
                let pause = EVERY.min(wait.saturating_sub(waited));
                tokio::time::sleep(pause).await;
                waited += pause;
            }
        }
    }
}
