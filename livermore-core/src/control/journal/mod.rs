//! A command log in a folder (feature `file`).

mod config;
mod file;
mod report;
mod writer;

pub use config::FileLogConfig;
pub use report::FileLogReport;

pub(super) use writer::Writer;
