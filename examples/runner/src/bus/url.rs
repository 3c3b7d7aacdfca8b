use std::fmt;

use livermore_core::ids::did_you_mean;

use crate::failure::Failure;

/// Where commands are recorded, as it was typed. It may hold a password, so nothing here shows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BusUrl(String);

/// What a [`BusUrl`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BusPlace<'a> {
    /// This process; gone when it ends.
    Memory,
    /// A journal in a folder, for one process at a time.
    Folder(&'a str),
    /// A Redis server; the whole URL.
    Redis(&'a str),
    /// A PostgreSQL database; the whole URL.
    Postgres(&'a str),
}

/// Where commands are recorded when nobody says: beside the settings.
pub(super) const DEFAULT: &str = "file:./.livermore";

const SCHEMES: [&str; 6] = ["memory", "file", "redis", "rediss", "postgres", "postgresql"];

impl BusUrl {
    pub(crate) fn place(&self) -> Result<BusPlace<'_>, Failure> {
        let url = self.0.as_str();
        match url.split_once(':') {
            None if url == "memory" => Ok(BusPlace::Memory),
            Some(("file", folder)) if !folder.is_empty() => Ok(BusPlace::Folder(folder)),
            Some(("redis" | "rediss", rest)) if rest.starts_with("//") => Ok(BusPlace::Redis(url)),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(BusPlace::Postgres(url)),
            other => {
                let word = other.map_or(url, |(scheme, _)| scheme);
                let meant = did_you_mean(word, SCHEMES).filter(|meant| *meant != word);
                Err(Failure::BusUrl { meant: meant.map(str::to_owned) })
            }
        }
    }

    /// The option that names this bus again, where it has to be named; without a password.
    pub(crate) fn as_option(&self) -> String {
        let from_environment = std::env::var("LIVERMORE_BUS_URL").is_ok_and(|url| url == self.0);
        let plain = |character: char| character.is_ascii_alphanumeric() || ":/@.,_-+%…".contains(character);
        match self.shown() {
            _ if from_environment || self.0 == DEFAULT => String::new(),
            shown if shown.chars().all(plain) => format!(" --bus {shown}"),
            shown => format!(" --bus '{}'", shown.replace('\'', r"'\''")),
        }
    }

    /// The URL without user, password and query.
    pub(crate) fn shown(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "…"));
        match rest.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://…@{host}"),
            None if query.is_empty() => format!("{scheme}://{rest}"),
            None => format!("{scheme}://…@{rest}"),
        }
    }
}

impl From<String> for BusUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for BusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusUrl").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> BusUrl {
        BusUrl(text.to_owned())
    }

    #[test]
    fn places() {
        assert_eq!(url("memory").place().unwrap(), BusPlace::Memory);
        assert_eq!(url("file:./x").place().unwrap(), BusPlace::Folder("./x"));
        assert_eq!(url("rediss://h").place().unwrap(), BusPlace::Redis("rediss://h"));
        assert_eq!(url("postgresql://h/db").place().unwrap(), BusPlace::Postgres("postgresql://h/db"));
        for wrong in ["", "file:", "redis:h", "mysql://u:canary@h", "canary", "://canary", "memory:"] {
            let told = url(wrong).place().unwrap_err().to_string();
            assert!(told.contains("redis://") && !told.contains("canary"), "{told}");
        }
        assert!(url("rdis://u:canary@h").place().unwrap_err().to_string().contains("did you mean redis"));
        assert!(url("memroy").place().unwrap_err().to_string().contains("did you mean memory"));
    }

    #[test]
    fn a_shown_url_has_no_password() {
        for (text, shown) in [
            ("redis://:can@ry@h:1/0", " --bus redis://…@h:1/0"),
            ("postgres://h/db?password=canary", " --bus postgres://…@h/db"),
            ("redis://h:1", " --bus redis://h:1"),
            ("file:/a b/c", " --bus 'file:/a b/c'"),
            (DEFAULT, ""),
        ] {
            assert_eq!(url(text).as_option(), shown);
        }
    }
}
