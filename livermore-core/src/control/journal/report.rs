use crate::settings::FileWarning;

/// What was found, and mended, when a command log was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileLogReport {
    /// How many users have commands here.
    pub users: usize,
    /// How many commands wait to be decided.
    pub waiting: usize,
    /// What was not as it should be.
    pub warnings: Vec<FileWarning>,
}
