use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A moment in a write at which the process may end or the disk may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "test-util"), allow(unreachable_pub, dead_code, reason = "public for tests only"))]
pub enum WriteStep {
    /// Nothing is written yet.
    Begin,
    /// Half of a new line at the end of a file is written.
    AppendHalfWritten,
    /// The new line is written, not yet safe on the disk.
    AppendWritten,
    /// The new line is safe on the disk.
    AppendSynced,
    /// Half of a file that is to replace another is written, beside it.
    ReplacementHalfWritten,
    /// That file is written, not yet safe on the disk.
    ReplacementWritten,
    /// That file is safe on the disk, beside the old one.
    ReplacementSynced,
    /// It has taken the old one's place; the folder is not yet safe on the disk.
    Replaced,
    /// Everything is safe on the disk; nobody has been told.
    End,
    /// A write to a journal has failed and is about to be taken back.
    Undo,
}

#[cfg(feature = "test-util")]
impl WriteStep {
    /// Every step of a save that works, in order.
    pub const ALL: [Self; 9] = [
        Self::Begin,
        Self::AppendHalfWritten,
        Self::AppendWritten,
        Self::AppendSynced,
        Self::ReplacementHalfWritten,
        Self::ReplacementWritten,
        Self::ReplacementSynced,
        Self::Replaced,
        Self::End,
    ];
}

/// Called at each step of a write. Does nothing outside of tests.
#[derive(Clone, Default)]
pub(crate) struct Hook {
    #[cfg(feature = "test-util")]
    at: Option<std::sync::Arc<dyn Fn(WriteStep) -> io::Result<()> + Send + Sync>>,
}

impl Hook {
    #[cfg(feature = "test-util")]
    pub(crate) fn new(at: impl Fn(WriteStep) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { at: Some(std::sync::Arc::new(at)) }
    }

    #[cfg(feature = "test-util")]
    pub(crate) fn at(&self, step: WriteStep) -> io::Result<()> {
        self.at.as_ref().map_or(Ok(()), |at| at(step))
    }

    #[cfg(not(feature = "test-util"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as in tests")]
    pub(crate) const fn at(&self, _: WriteStep) -> io::Result<()> {
        Ok(())
    }

    /// Writes all of `bytes`, with a step in the middle.
    pub(crate) fn write(&self, file: &mut File, bytes: &[u8], middle: WriteStep) -> io::Result<()> {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        if cfg!(feature = "test-util") {
            file.write_all(first)?;
            self.at(middle)?;
            return file.write_all(second);
        }
        file.write_all(bytes)
    }
}

/// Puts `bytes` in the place of the file at `path`, which holds the old bytes or the new ones at any moment.
pub(crate) fn replace(path: &Path, bytes: &[u8], hook: &Hook) -> io::Result<()> {
    let temporary = temporary(path);
    let write = || {
        let mut file = options().create(true).write(true).truncate(true).open(&temporary)?;
        hook.write(&mut file, bytes, WriteStep::ReplacementHalfWritten)?;
        hook.at(WriteStep::ReplacementWritten)?;
        file.sync_all()?;
        hook.at(WriteStep::ReplacementSynced)?;
        fs::rename(&temporary, path)
    };
    if let Err(error) = write() {
        // On a full disk this gives the space back; if it fails too, the next open removes it.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    hook.at(WriteStep::Replaced)?;
    sync_folder(path)
}

/// Where the bytes that are to replace a file are written first.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// How files are opened: for nobody else to read, where the system knows of others.
pub(crate) fn options() -> OpenOptions {
    #[allow(unused_mut, reason = "not on every system")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder, and those above it, for nobody else to enter.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes the names in the folder of `path` safe on the disk.
#[cfg_attr(not(unix), allow(unused_variables, clippy::unnecessary_wraps, reason = "folders cannot be synced there"))]
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}
