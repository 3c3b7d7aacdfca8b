use std::io::Read;

use crate::failure::Failure;

/// A file, or standard input for `-`.
pub(crate) fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let failure = |error| Failure::Input { path: file.to_owned(), error };
    if file != "-" {
        return std::fs::read(file).map_err(failure);
    }
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text).map_err(failure)?;
    Ok(text)
}
