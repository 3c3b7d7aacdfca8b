use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use livermore_core::{
    ids::UserId,
    settings::{FileReport, FileSettingsStore, FileStoreConfig, SettingsError, SettingsStore},
};
use serde_json::json;
use tempfile::TempDir;

use super::{
    Found,
    check::{Check, Status},
};
use crate::store::{FolderLock, SETTINGS_LOCK};

/// Enough of the end of a history to find its last whole lines in: each is at most a document and its reason.
const TAIL: u64 = 1 << 20;

/// The folder, who uses it, and the user's files.
pub(super) async fn examine(path: &str, user: UserId, checks: &mut Vec<Check>) -> Found {
    let folder = Path::new(path);
    let store = |status, found: String| Check::new("store", status, found).fact("kind", "file").fact("folder", path);
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            checks.push(
                store(Status::Fail, format!("{path} is not a folder")).next("give --store file:FOLDER another name"),
            );
            return Found::NotAsked;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let found = format!("the folder {path} is not there; the first settings command makes it");
            checks.push(store(Status::Warn, found).next(format!("livermore settings get --store file:{path}")));
            return Found::Stored(None);
        }
        Err(error) => {
            checks.push(store(Status::Fail, format!("{path}: {error}")));
            return Found::NotAsked;
        }
    }
    checks.push(match writable(folder) {
        Ok(()) => store(Status::Ok, format!("the folder {path} is writable")),
        Err(error) => store(Status::Fail, format!("the folder {path} is not writable: {error}"))
            .next("give it, and what is in it, to the account that livermore runs as, with chown and chmod"),
    });
    let in_use = lock(folder, checks);
    match read(folder, user).await {
        Ok((found, report)) => {
            // While somebody writes, half a save is nothing to worry about.
            if !in_use {
                findings(path, &report, checks);
            }
            found
        }
        Err(error) => {
            let found = format!("the files of user {user} cannot be read: {error}");
            checks.push(Check::new("files", Status::Fail, found));
            Found::NotAsked
        }
    }
}

/// Says who uses the folder, and answers whether somebody does.
fn lock(folder: &Path, checks: &mut Vec<Check>) -> bool {
    let row = |status, found: String| Check::new("lock", status, found);
    match FolderLock::of(folder, SETTINGS_LOCK) {
        Ok(FolderLock::Free) => {
            checks.push(row(Status::Ok, "no process uses the folder".to_owned()).fact("inUse", false));
            false
        }
        Ok(FolderLock::Held(holder)) => {
            let found = holder.as_ref().map_or_else(
                || "another process uses the folder".to_owned(),
                |holder| format!("the folder is in use by {holder}"),
            );
            let next = "settings commands wait 2 s for it; PostgreSQL serves several processes at once";
            checks.push(row(Status::Warn, found).next(next).fact("inUse", true).fact("holder", json!(holder)));
            true
        }
        Err(error) => {
            checks.push(row(Status::Fail, format!("the lock cannot be read: {error}")));
            false
        }
    }
}

fn findings(path: &str, report: &FileReport, checks: &mut Vec<Check>) {
    if report.warnings.is_empty() {
        checks.push(Check::new("files", Status::Ok, "the files of the user are whole"));
    }
    for warning in &report.warnings {
        let check = Check::new("files", Status::Warn, warning.to_string());
        let next = format!("any settings command mends what can be mended: livermore settings get --store file:{path}");
        checks.push(check.next(next).fact("file", warning.file.display().to_string()));
    }
}

/// What opening the store would find. Opening mends, so a copy of the user's files is opened, and removed again.
async fn read(folder: &Path, user: UserId) -> Result<(Found, FileReport), SettingsError> {
    let failed = |error: io::Error| SettingsError::Setup { reason: error.to_string() };
    let copy = TempDir::with_prefix("livermore-doctor-").map_err(failed)?;
    let users = copy.path().join("users");
    fs::create_dir(&users).map_err(failed)?;
    for name in [format!("{user}.json"), format!("{user}.history.jsonl")] {
        copy_end(&folder.join("users").join(&name), &users.join(&name)).map_err(failed)?;
    }
    let (store, report) = FileSettingsStore::open(FileStoreConfig::new(copy.path())).await?;
    let loaded = store.load(user).await;
    store.close().await;
    match loaded {
        Ok(stored) => Ok((Found::Stored(stored), report)),
        Err(SettingsError::Unreadable { .. }) => {
            let reason = format!("users/{user}.json is damaged or was changed by hand");
            Ok((Found::Unreadable(reason), report))
        }
        Err(error) => Err(error),
    }
}

/// Copies the end of a file that may not be there.
fn copy_end(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = match fs::metadata(from) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.is_file() {
        return Err(io::Error::other(format!("{} is not a file", from.display())));
    }
    let mut file = File::open(from)?;
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(TAIL)))?;
    io::copy(&mut file.take(TAIL * 2), &mut File::create(to)?).map(drop)
}

#[cfg(unix)]
fn writable(folder: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    let all = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    access(folder, all)?;
    for inner in ["lock", "users"] {
        match access(folder.join(inner), if inner == "lock" { Access::WRITE_OK } else { all }) {
            Err(error) if error != rustix::io::Errno::NOENT => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn writable(folder: &Path) -> io::Result<()> {
    if fs::metadata(folder)?.permissions().readonly() { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
}
