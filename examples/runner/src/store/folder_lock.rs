use std::{
    fmt,
    fs::{File, Metadata, TryLockError},
    io,
    path::Path,
};

use serde::Serialize;

/// Whether a process uses a folder.
#[derive(Debug)]
pub(crate) enum FolderLock {
    Free,
    /// By whom, where the system tells.
    Held(Option<Holder>),
}

/// The process that uses a folder.
#[derive(Debug, Serialize)]
pub(crate) struct Holder {
    pid: u32,
    program: Option<String>,
}

impl FolderLock {
    /// Looks at the lock of this name in a folder, and makes nothing in it. The lock is asked for together with other readers of it, and given
    /// back at once.
    pub(crate) fn of(folder: &Path, name: &str) -> io::Result<Self> {
        let file = match File::open(folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Free),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Self::Free),
            Err(TryLockError::WouldBlock) => Ok(Self::Held(file.metadata().ok().and_then(|file| holder(&file)))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The first of the processes that hold a lock on the file, as Linux lists them.
#[cfg(target_os = "linux")]
fn holder(file: &Metadata) -> Option<Holder> {
    use std::os::linux::fs::MetadataExt;
    let (device, inode) = (file.st_dev(), file.st_ino());
    let identity = format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // 1: FLOCK  ADVISORY  WRITE 4242 08:01:131078 0 EOF; a waiting one has "->" in the second place.
    let pid = locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = words.as_slice() else { return None };
        pid.parse().ok().filter(|pid| *pid > 0 && *place == identity)
    })?;
    let program = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned());
    Some(Holder { pid, program })
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &Metadata) -> Option<Holder> {
    None
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.program {
            Some(program) => write!(f, "process {}, {program}", self.pid),
            None => write!(f, "process {}", self.pid),
        }
    }
}
