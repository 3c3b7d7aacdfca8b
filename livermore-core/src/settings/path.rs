use std::{fmt, str::FromStr};

/// A place in a document.
///
/// Written as a JSON pointer (`/symbols/monitored/0`, RFC 6901, with `~1` for `/` and `~0` for `~`) or with dots
/// (`symbols.monitored.0`), which is easier to type but cannot name a member that holds a dot. At least one name, each
/// without NUL.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<String>);

impl Path {
    /// The whole document.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The names from the outside in.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.0.iter().map(String::as_str)
    }

    /// The path of a member of what this path names.
    pub fn join(&self, name: impl Into<String>) -> Self {
        let mut longer = self.clone();
        longer.push(name);
        longer
    }

    pub(super) fn push(&mut self, name: impl Into<String>) {
        self.0.push(name.into());
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let refuse = |reason| Err(PathError { path: text.chars().take(64).collect(), reason });
        let names: Vec<String> = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect(),
            None => text.split('.').map(str::to_owned).collect(),
        };
        if names.iter().any(String::is_empty) {
            return refuse("has an empty name; write /symbols/monitored or symbols.monitored");
        }
        if text.contains('\0') {
            return refuse("holds a NUL character");
        }
        Ok(Self(names))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.names().try_for_each(|name| write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")))
    }
}

/// A path that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path {path:?} {reason}")]
pub struct PathError {
    path: String,
    reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_one_path() {
        for (text, pointer) in
            [("/a/b/0", "/a/b/0"), ("a.b.0", "/a/b/0"), ("/a~1b/~0", "/a~1b/~0"), ("/a.b", "/a.b"), ("x", "/x")]
        {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), pointer, "{text}");
        }
        for wrong in ["", "/", "a..b", "a.", "/a//b", "a\0"] {
            assert!(wrong.parse::<Path>().is_err(), "{wrong:?}");
        }
    }
}
