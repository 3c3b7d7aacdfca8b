//! Standard output of the commands that end by themselves.

use std::io::Write;

use serde_json::Value;

use crate::failure::Failure;

pub(crate) fn json(value: &Value) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value).map_err(std::io::Error::from)?)
}

pub(crate) fn line(text: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
