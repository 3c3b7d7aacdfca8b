use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::{SocketAddr, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// A socket that only this account can use, gone with this value.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    path: PathBuf,
    /// Device and number of the file, which tell it from one that another process has put there.
    file: (u64, u64),
    pub(super) listener: tokio::net::UnixListener,
}

impl AdminSocket {
    /// Makes it; takes the place of one that nobody listens to any more.
    pub(crate) fn bind(path: &Path) -> Result<Self, Failure> {
        let failure = |error| Failure::AdminSocket { path: path.display().to_string(), error };
        // Too long a path could be made here, and never be connected to.
        SocketAddr::from_pathname(path).map_err(failure)?;
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(failure(io::Error::other("something else is there, which is left as it is")));
            }
            Ok(_) => match UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Ok(_) => return Err(Failure::AdminSocketInUse { path: path.display().to_string() }),
                Err(error) => return Err(failure(error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failure(error)),
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Made in a folder that nobody else may enter: there is no moment at which others can connect.
        let folder = tempfile::Builder::new().prefix(".").rand_bytes(4).tempdir_in(parent).map_err(failure)?;
        let made = folder.path().join("s");
        let listener = UnixListener::bind(&made).map_err(failure)?;
        fs::set_permissions(&made, Permissions::from_mode(0o600)).map_err(failure)?;
        listener.set_nonblocking(true).map_err(failure)?;
        let listener = tokio::net::UnixListener::from_std(listener).map_err(failure)?;
        let file = identity(&made).map_err(failure)?;
        fs::rename(&made, path).map_err(failure)?;
        Ok(Self { path: path.to_owned(), file, listener })
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            // What is left of it is taken over by the next one.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}
