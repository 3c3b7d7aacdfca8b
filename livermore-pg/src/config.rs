use std::{fmt, str::FromStr, time::Duration};

use livermore_core::ids::did_you_mean;
use serde::Deserialize;
use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::PgError;

/// How to reach PostgreSQL, and the limits kept while using it.
///
/// Only the URL has no default. It may hold a password, so nothing of this is ever printed but host, port, database and
/// user. Unknown fields are refused; [`check`](Self::check) reports everything wrong at once.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct PgConfig {
    /// `postgres://user:password@host:port/database`, with libpq's parameters after a `?`. What it leaves out comes from
    /// `PGHOST`, `PGPASSWORD` and the like, or from the password file.
    pub url: String,
    /// Most connections at once. A watch takes one more; a command log two, one for its runners and one to listen on. 5
    /// by default.
    pub max_connections: u32,
    /// How long a call waits for a free connection, a new one included, before it is refused. 2 s by default.
    pub acquire_timeout_ms: u64,
    /// How long the server works on one statement before it gives up. 5 s by default.
    pub statement_timeout_ms: u64,
    /// How long a statement waits for a lock before it gives up. 2 s by default.
    pub lock_timeout_ms: u64,
    /// How long the server lets a transaction do nothing before it ends it and frees its locks. 5 s by default.
    pub idle_in_transaction_timeout_ms: u64,
    /// How often a watch asks for revisions although nothing was told, so that lost notices show after this time; and how
    /// often a connection that is listened on is tried. 5 s by default.
    pub poll_interval_ms: u64,
    /// Whether statements are prepared once per connection. Turn it off behind PgBouncer in transaction mode, where a
    /// watch lives on polling alone. On by default.
    pub prepared_statements: bool,
    /// What the server calls us in its lists. `livermore` by default.
    pub application_name: String,
}

impl Default for PgConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            max_connections: 5,
            acquire_timeout_ms: 2_000,
            statement_timeout_ms: 5_000,
            lock_timeout_ms: 2_000,
            idle_in_transaction_timeout_ms: 5_000,
            poll_interval_ms: 5_000,
            prepared_statements: true,
            application_name: "livermore".to_owned(),
        }
    }
}

impl PgConfig {
    /// The defaults with this URL.
    pub fn from_url(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Everything wrong with it, at once.
    pub fn check(&self) -> Result<(), PgError> {
        self.options().map(drop)
    }

    /// What to hand to sqlx, checked.
    pub(crate) fn options(&self) -> Result<PgConnectOptions, PgError> {
        let mut problems = Vec::new();
        let options = self.parse_url(&mut problems);
        let mut range = |name: &str, value: u64, min: u64, max: u64| {
            if !(min..=max).contains(&value) {
                problems.push(format!("{name} is {value}; write a number from {min} to {max}"));
            }
        };
        range("maxConnections", self.max_connections.into(), 1, 1_000);
        range("acquireTimeoutMs", self.acquire_timeout_ms, 10, MAX_TIMEOUT_MS);
        range("statementTimeoutMs", self.statement_timeout_ms, 10, MAX_TIMEOUT_MS);
        range("lockTimeoutMs", self.lock_timeout_ms, 10, MAX_TIMEOUT_MS);
        range("idleInTransactionTimeoutMs", self.idle_in_transaction_timeout_ms, 10, MAX_TIMEOUT_MS);
        range("pollIntervalMs", self.poll_interval_ms, 10, 3_600_000);
        let name = &self.application_name;
        if !(1..=63).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            problems.push("applicationName must be 1 to 63 visible ASCII characters without spaces".to_owned());
        }
        match options {
            Some(options) if problems.is_empty() => Ok(options
                .application_name(name)
                .statement_cache_capacity(if self.prepared_statements { 100 } else { 0 })
                .disable_statement_logging()),
            _ => Err(PgError::Config { problems }),
        }
    }

    /// The options with the limits of ordinary work.
    pub(crate) fn limited_options(&self) -> Result<PgConnectOptions, PgError> {
        Ok(self.options()?.options([
            ("statement_timeout", self.statement_timeout_ms),
            ("lock_timeout", self.lock_timeout_ms),
            ("idle_in_transaction_session_timeout", self.idle_in_transaction_timeout_ms),
        ]))
    }

    /// How long a statement may take from here: the server gives up first, and is heard doing so.
    pub(crate) fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms.saturating_add(1_000))
    }

    /// Where it leads, for messages: never a password.
    pub(crate) fn target(&self) -> String {
        // A problem here was reported by `check` already.
        self.parse_url(&mut Vec::new()).map_or_else(|| "an unreadable URL".to_owned(), |options| target(&options))
    }

    fn parse_url(&self, problems: &mut Vec<String>) -> Option<PgConnectOptions> {
        let before = problems.len();
        if self.url.is_empty() {
            problems.push(format!("url is missing; write {FORM}"));
        } else if !["postgres://", "postgresql://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            problems.push(format!("url does not start with postgres://; write {FORM}"));
        } else {
            // sqlx ignores a parameter it does not know, and logs its value.
            let query = self.url.split_once('#').map_or(self.url.as_str(), |(url, _)| url);
            let query = query.split_once('?').map_or("", |(_, query)| query);
            let names =
                query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split('=').next().unwrap_or(""));
            for name in names.filter(|name| !PARAMETERS.contains(name)) {
                // What looks like no name may be the tail of a password that was not escaped.
                let plain = name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                match did_you_mean(name, PARAMETERS).filter(|_| plain) {
                    Some(meant) => {
                        problems.push(format!("url has a parameter that is not known; did you mean {meant}?"));
                    }
                    None => problems
                        .push(format!("url has a parameter that is not known; known: {}", PARAMETERS.join(", "))),
                }
            }
        }
        if problems.len() > before {
            return None;
        }
        let Ok(options) = PgConnectOptions::from_str(&self.url) else {
            // The parser's own words could quote a piece of the URL.
            problems.push(format!(
                "url cannot be read; write {FORM}, with %40 for @, %2F for / and %23 for # in a password"
            ));
            return None;
        };
        let encrypted =
            matches!(options.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull);
        if encrypted && !cfg!(feature = "tls") {
            problems.push(
                "url asks for an encrypted connection, and livermore-pg was built without its feature `tls`".to_owned(),
            );
            return None;
        }
        Some(options)
    }
}

/// Host, port, database and user.
pub(crate) fn target(options: &PgConnectOptions) -> String {
    let (host, port, user) = (options.get_host(), options.get_port(), options.get_username());
    format!("{user} on {host}:{port}/{}", options.get_database().unwrap_or(user))
}

const FORM: &str = "postgres://user:password@host:port/database";
const MAX_TIMEOUT_MS: u64 = 600_000;
const PARAMETERS: [&str; 14] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "ssl-mode",
];

impl fmt::Debug for PgConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgConfig")
            .field("url", &format_args!("({})", self.target()))
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout_ms", &self.acquire_timeout_ms)
            .field("statement_timeout_ms", &self.statement_timeout_ms)
            .field("lock_timeout_ms", &self.lock_timeout_ms)
            .field("idle_in_transaction_timeout_ms", &self.idle_in_transaction_timeout_ms)
            .field("poll_interval_ms", &self.poll_interval_ms)
            .field("prepared_statements", &self.prepared_statements)
            .field("application_name", &self.application_name)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "hunter2canary";

    #[test]
    fn a_url_alone_is_enough() {
        PgConfig::from_url("postgres://app@localhost:5433/db").check().unwrap();
        PgConfig::from_url("postgresql:///db?host=/tmp&application_name=x").check().unwrap();
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let config = PgConfig {
            url: "mysql://x".to_owned(),
            max_connections: 0,
            acquire_timeout_ms: 0,
            application_name: "two words".to_owned(),
            ..PgConfig::default()
        };
        let text = config.check().unwrap_err().to_string();
        for part in ["url does not start", "maxConnections is 0", "acquireTimeoutMs is 0", "applicationName"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn unknown_fields_and_parameters_are_refused() {
        let refused = serde_json::from_str::<PgConfig>(r#"{"url": "postgres://x", "maxConnection": 3}"#).unwrap_err();
        assert!(refused.to_string().contains("maxConnections"), "{refused}");
        let text = PgConfig::from_url("postgres://x/db?sslmod=require").check().unwrap_err().to_string();
        assert!(text.contains("sslmode"), "{text}");
    }

    #[test]
    fn no_password_is_ever_printed() {
        let urls = [
            format!("postgres://app:{CANARY}@localhost/db"),
            format!("postgres://app:{CANARY}@localhost:99999/db"),
            format!("postgres://app:{CANARY}/x@localhost/db"),
            format!("postgres://app:a?{CANARY}@localhost/db"),
            format!("postgres://app:a#{CANARY}@localhost/db"),
            format!("postgres://localhost/db?pasword={CANARY}"),
            format!("postgres://localhost/db?password={CANARY}"),
            CANARY.to_owned(),
        ];
        for url in urls {
            let config = PgConfig::from_url(&url);
            let shown = format!("{config:?} {config:#?} {:?} {}", config.check(), config.target());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    #[cfg(not(feature = "tls"))]
    fn encryption_needs_the_feature() {
        let text = PgConfig::from_url("postgres://x/db?sslmode=require").check().unwrap_err().to_string();
        assert!(text.contains("feature `tls`"), "{text}");
    }
}
