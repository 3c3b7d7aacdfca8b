use std::{
    fs::File,
    io::{self, Read},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;

/// Where candles are read from.
pub(super) struct Input {
    /// What errors call it.
    pub(super) name: String,
    pub(super) source: Box<dyn Read>,
    /// Length in bytes, where it is known.
    length: Option<u64>,
}

impl Input {
    pub(super) fn open(path: &str) -> Result<Self, Failure> {
        if path == "-" {
            return Ok(Self { name: "standard input".to_owned(), source: Box::new(io::stdin().lock()), length: None });
        }
        let failure = |error| Failure::Input { path: path.to_owned(), error };
        let file = File::open(path).map_err(failure)?;
        let metadata = file.metadata().map_err(failure)?;
        if metadata.is_dir() {
            return Err(failure(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let length = metadata.is_file().then_some(metadata.len());
        Ok(Self { name: path.to_owned(), source: Box::new(file), length })
    }

    /// A progress bar on standard error; hidden when that is not a terminal or `wanted` is false.
    pub(super) fn progress(&self, wanted: bool) -> ProgressBar {
        let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let (template, length) = match self.length {
            Some(length) => ("{bar:40} {percent:>3} %  {bytes_per_sec}  {eta} left", Some(length)),
            None => ("{spinner} {bytes} read  {bytes_per_sec}", None),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(length, target).with_style(style)
    }
}
