//! What a process has used so far; only Linux tells.

use std::fs;

/// A line of `/proc/self/status` in KiB: `VmRSS:` is the memory of this process, `VmHWM:` its peak.
pub(crate) fn status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Seconds a process has run on a processor, for itself and in the kernel.
#[allow(clippy::cast_precision_loss, reason = "a count of ticks fits")]
pub(crate) fn cpu_seconds(process: &str) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program stands in brackets and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let sum = ticks()? + ticks()?;
    // A hundred ticks a second, on every Linux that Rust knows.
    Some(sum as f64 / 100.0)
}
