use std::{ffi::OsString, fmt};

use livermore_core::ids::did_you_mean;

use crate::failure::Failure;

/// Where settings are kept, as it was typed. It may hold a password, so nothing here shows it.
#[derive(Clone)]
pub(crate) struct StoreUrl(String);

/// What a [`StoreUrl`] names.
pub(crate) enum Place<'a> {
    /// A folder, for one process at a time.
    Folder(&'a str),
    /// A PostgreSQL database; the whole URL.
    #[cfg_attr(not(feature = "pg"), allow(dead_code, reason = "only told that it is not there"))]
    Postgres(&'a str),
}

const SCHEMES: [&str; 3] = ["file", "postgres", "postgresql"];

impl StoreUrl {
    pub(crate) fn place(&self) -> Result<Place<'_>, Failure> {
        let url = self.0.as_str();
        match url.split_once(':') {
            Some(("file", folder)) if !folder.is_empty() => Ok(Place::Folder(folder)),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(Place::Postgres(url)),
            Some((scheme, _)) => {
                let meant = did_you_mean(scheme, SCHEMES).filter(|meant| *meant != scheme);
                Err(Failure::StoreUrl { meant: meant.map(str::to_owned) })
            }
            None => Err(Failure::StoreUrl { meant: None }),
        }
    }
}

impl From<String> for StoreUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreUrl").finish_non_exhaustive()
    }
}

/// `text` without the passwords of the URLs among `words`, where it quotes them: a command line that is not understood
/// is quoted back.
pub(crate) fn without_passwords(text: &str, words: impl Iterator<Item = OsString>) -> String {
    words.fold(text.to_owned(), |text, word| {
        // clap quotes what is not UTF-8 in the same lossy way.
        let word = word.to_string_lossy();
        let Some((scheme, rest)) = word.split_once("://") else { return text };
        let scheme = scheme.rsplit_once('=').map_or(scheme, |(_, scheme)| scheme);
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        if host == rest && !rest.contains("password") {
            return text;
        }
        let host = host.split_once('?').map_or(host, |(host, _)| host);
        text.replace(&format!("{scheme}://{rest}"), &format!("{scheme}://…@{host}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let place = |url: &str| match StoreUrl(url.to_owned()).place() {
            Ok(Place::Folder(folder)) => format!("folder {folder}"),
            Ok(Place::Postgres(url)) => format!("postgres {url}"),
            Err(failure) => failure.to_string(),
        };
        assert_eq!(place("file:./x"), "folder ./x");
        assert_eq!(place("postgresql://h/db"), "postgres postgresql://h/db");
        for wrong in ["", "file:", "postgres:h", "mysql://u:canary@h", "canary", "://canary"] {
            let told = place(wrong);
            assert!(told.contains("file:./.livermore") && told.contains("postgres://livermore_app"), "{told}");
            assert!(!told.contains("canary"), "{told}");
        }
        assert!(place("postgress://u:canary@h").contains("did you mean postgres:"));
    }

    #[test]
    fn a_quoted_url_loses_its_password() {
        for (word, shown) in [
            ("postgres://u:canary@h/db", "'postgres://…@h/db'"),
            ("--stor=postgres://u:can@ry@h/db?password=canary", "'--stor=postgres://…@h/db'"),
            ("postgres://h/db?password=canary", "'postgres://…@h/db'"),
            ("https://example.org", "'https://example.org'"),
        ] {
            assert_eq!(without_passwords(&format!("'{word}'"), [OsString::from(word)].into_iter()), shown);
        }
    }
}
