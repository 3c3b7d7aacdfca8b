//! What is kept in folders is written with this (feature `file`): lines with checksums, files that are replaced as a
//! whole, a lock of a folder.

mod line;
mod lock;
mod write;

pub(crate) use line::{decode, encode};
pub(crate) use lock::{NotLocked, lock};
#[cfg(feature = "test-util")]
pub use write::WriteStep;
#[cfg(not(feature = "test-util"))]
pub(crate) use write::WriteStep;
pub(crate) use write::{Hook, options, private_folder, replace, sync_folder, temporary};
