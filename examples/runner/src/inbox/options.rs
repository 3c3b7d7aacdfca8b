#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use livermore_core::{control::Holder, ids::UserId};

use crate::{bus::BusOption, store::StoreOption};

#[derive(Debug, Args)]
pub(crate) struct InboxOptions {
    #[command(flatten)]
    pub(crate) bus: BusOption,
    #[command(flatten)]
    pub(crate) store: StoreOption,
    /// Whose commands: one user, or several separated by commas [default: 1].
    #[arg(long, value_name = "N[,M…]", value_delimiter = ',', conflicts_with = "users")]
    user: Vec<UserId>,
    /// Whose commands: all from the first to the last, for example 1-100.
    #[arg(long, value_name = "FIRST-LAST", value_parser = range)]
    users: Option<Range>,
    /// Print one JSON object per event.
    #[arg(long)]
    pub(crate) json: bool,
    /// Make a socket here that takes a pause also while the log cannot be reached: livermore pause --admin-socket PATH.
    #[cfg(unix)]
    #[arg(long, value_name = "PATH")]
    pub(crate) admin_socket: Option<PathBuf>,
    /// The name of this process in leases [default: host:pid:random].
    #[arg(long, value_name = "NAME", value_parser = Holder::new)]
    pub(crate) holder: Option<Holder>,
    /// How long the data plane takes for each change, and for each step of a job.
    #[arg(long, default_value = "200ms", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) plane_delay: Duration,
    /// The data plane fails so many times first.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) plane_fails: u64,
    /// How long each decision is held back before it is written down.
    #[arg(long, default_value = "0s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) decide_delay: Duration,
}

/// From the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range(u64, u64);

/// Enough for a machine; more than this is a typing error.
const MOST_USERS: u64 = 10_000;

impl InboxOptions {
    /// Each user once.
    pub(super) fn users(&self) -> Vec<UserId> {
        let mut users = match self.users {
            Some(Range(first, last)) => (first..=last).filter_map(|user| UserId::new(user).ok()).collect(),
            None if self.user.is_empty() => UserId::new(1).into_iter().collect(),
            None => self.user.clone(),
        };
        users.sort_unstable();
        users.dedup();
        users
    }
}

fn range(text: &str) -> Result<Range, String> {
    let wrong = || format!("is not a range of at most {MOST_USERS} users; write 1-100");
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let user = |text: &str| text.parse::<UserId>().map(UserId::get).map_err(|error| error.to_string());
    let (first, last) = (user(first)?, user(last)?);
    if first <= last && last - first < MOST_USERS { Ok(Range(first, last)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("1-100"), Ok(Range(1, 100)));
        assert_eq!(range("7-7"), Ok(Range(7, 7)));
        for wrong in ["1", "2-1", "0-3", "1-10001", "a-b", "1-2-3", "-"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
