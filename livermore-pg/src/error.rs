use std::time::Duration;

use livermore_core::{
    ErrorKind, Fault,
    control::ControlError,
    settings::{Problem, ProblemCode, SettingsError},
};

/// Why PostgreSQL could not be used.
///
/// No message, no `Debug` output and no source holds a password, a document or a row: the server's own texts quote them
/// and are never passed on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PgError {
    /// The configuration is wrong; every problem is listed.
    #[error("the PostgreSQL configuration is not valid: {}", problems.join("; "))]
    Config {
        /// Field, what was found, what to write.
        problems: Vec<String>,
    },
    /// No connection, or it was lost before the answer came. A save may or may not have happened.
    #[error("PostgreSQL cannot be reached: {step}")]
    Unreachable {
        /// What was being done.
        step: String,
        /// What happened to the connection.
        #[source]
        source: Option<Fault>,
    },
    /// Too much at once, or someone else holds a lock. Nothing was changed.
    #[error("PostgreSQL is busy: {step}")]
    Busy {
        /// What was being done.
        step: String,
    },
    /// An operator has to act.
    #[error("{reason}")]
    Setup {
        /// What is wrong and what to do.
        reason: String,
    },
    /// The database was migrated by a newer program. Nothing was changed.
    #[error("the database is at schema version {db}, newer than this program, which knows up to {binary}; update it")]
    SchemaNewer {
        /// What the database has.
        db: i64,
        /// What this program has.
        binary: i64,
    },
    /// The database refused the values.
    #[error("PostgreSQL refused the values: {rule}")]
    Refused {
        /// The constraint or the SQLSTATE.
        rule: String,
        /// What that means for a document.
        code: ProblemCode,
    },
    /// The store was closed.
    #[error("the connection pool was closed")]
    Closed,
}

impl PgError {
    /// What a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Config { .. } | Self::Refused { .. } => ErrorKind::InvalidInput,
            Self::Unreachable { .. } | Self::Busy { .. } => ErrorKind::Unavailable,
            Self::Setup { .. } | Self::SchemaNewer { .. } => ErrorKind::WrongState,
            Self::Closed => ErrorKind::Closed,
        }
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// The connection was silent for too long.
    pub(crate) fn silent(step: &str) -> Self {
        Self::Unreachable { step: step.to_owned(), source: Some(Fault::new("no answer in time".to_owned())) }
    }

    /// Translates an error of sqlx, leaving behind what must not be shown.
    pub(crate) fn new(step: &str, error: &sqlx::Error) -> Self {
        let step = step.to_owned();
        let Some(server) = error.as_database_error() else {
            return Self::Unreachable { step, source: Some(fault(error)) };
        };
        let code = server.code().unwrap_or_default();
        match class(&code) {
            Class::Unreachable => {
                Self::Unreachable { step, source: Some(Fault::new(format!("{} (SQLSTATE {code})", meaning(&code)))) }
            }
            Class::Busy => Self::Busy { step: format!("{step}: {} (SQLSTATE {code})", meaning(&code)) },
            Class::Operator => Self::Setup { reason: format!("{step}: {} (SQLSTATE {code})", meaning(&code)) },
            Class::Refused => {
                let rule = server.constraint().map_or_else(|| format!("SQLSTATE {code}"), ToOwned::to_owned);
                Self::Refused { code: refused_code(&code, &rule), rule }
            }
        }
    }
}

/// What a command log says. `may_have_happened`: what was asked for was sent, and how it ended is not known.
pub(crate) fn control_error(error: PgError, may_have_happened: bool, retry_after: Duration) -> ControlError {
    match error {
        PgError::Unreachable { step, source } => {
            let source = source.map(|fault| Box::new(fault).into());
            if may_have_happened {
                ControlError::OutcomeUnknown { step, source }
            } else {
                ControlError::Unavailable { step, source }
            }
        }
        PgError::Busy { .. } => ControlError::Busy { retry_after },
        PgError::Refused { rule, code } => {
            let message = format!("was refused by the database ({rule})");
            ControlError::Invalid { problems: vec![Problem::new("", code, message)] }
        }
        PgError::Closed => ControlError::Closed,
        PgError::Setup { reason } => ControlError::Setup { reason },
        PgError::Config { .. } | PgError::SchemaNewer { .. } => ControlError::Setup { reason: error.to_string() },
    }
}

/// Whether the server itself has said that it did nothing, although the connection is of no more use.
pub(crate) fn is_undone(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "25006" || class(&code) != Class::Unreachable)
}

/// What to do about a SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The connection is gone or useless; a new one may work.
    Unreachable,
    /// Nothing happened; the same call may work in a moment.
    Busy,
    /// It stays so until someone acts.
    Operator,
    /// The values broke a rule.
    Refused,
}

/// The one place that knows SQLSTATEs (PostgreSQL's documentation, appendix A).
pub(crate) fn class(code: &str) -> Class {
    match code {
        // A standby or a server in read-only mode: after a failover the next connection leads to the new primary.
        "25006" | "25P03" | "57P01" | "57P02" | "57P03" | "57P05" | "58000" | "58030" | "XX000" => Class::Unreachable,
        // 23505: two savers met at a unique index, and the other one was first.
        "40001" | "40P01" | "55P03" | "57014" | "53000" | "53200" | "53300" | "23505" => Class::Busy,
        _ => match code.get(..2) {
            Some("08") => Class::Unreachable,
            Some("22" | "23" | "54") => Class::Refused,
            _ => Class::Operator,
        },
    }
}

/// Whether the connection that brought this SQLSTATE may serve again.
pub(crate) fn connection_survives(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| class(&code) != Class::Unreachable)
}

fn meaning(code: &str) -> &'static str {
    match code {
        "25006" => "the server is read-only, as a standby is",
        "25P03" => "the transaction did nothing for too long",
        "57P01" | "57P02" => "the server is shutting down",
        "57P03" => "the server is starting up",
        "40001" | "40P01" => "other transactions were in the way",
        "55P03" => "someone else holds the lock",
        "57014" => "it took longer than the statement timeout",
        "53100" => "the server's disk is full; make room",
        "53200" => "the server is out of memory",
        "53300" => "the server has no free connection",
        "23505" => "another save came first",
        "28000" | "28P01" => "the login was refused; check user and password, and pg_hba.conf on the server",
        "3D000" => "there is no such database; create it, or correct the url",
        "3F000" | "42P01" | "42883" | "42703" => "livermore's tables are missing; run the migrations as the owner role",
        "42501" => "the role lacks a right; run SELECT livermore.grant_access('the role') as the owner role",
        "42704" => "there is no such role; create it",
        _ => "the server answered with an error",
    }
}

fn refused_code(code: &str, rule: &str) -> ProblemCode {
    match code {
        "22P05" | "22021" => ProblemCode::Nul,
        "22003" => ProblemCode::Number,
        _ if rule.ends_with("_size") || rule.ends_with("_length") || code.starts_with("54") => ProblemCode::TooLarge,
        _ if rule.ends_with("_form") => ProblemCode::VersionInvalid,
        _ => ProblemCode::Range,
    }
}

/// An error below the SQL, in words that hold no value.
fn fault(error: &sqlx::Error) -> Fault {
    Fault::new(match error {
        sqlx::Error::Io(error) => format!("connection error: {}", error.kind()),
        sqlx::Error::Tls(_) => "the encrypted connection could not be made; check sslmode and certificates".to_owned(),
        sqlx::Error::PoolTimedOut => "no connection in time".to_owned(),
        sqlx::Error::Configuration(_) => "the configuration was refused".to_owned(),
        sqlx::Error::Protocol(_) => "the server sent something unexpected".to_owned(),
        sqlx::Error::ColumnDecode { index, .. } => format!("column {index} of the answer is not what it should be"),
        _ => "the driver reported an error".to_owned(),
    })
}

impl From<PgError> for SettingsError {
    fn from(error: PgError) -> Self {
        match error {
            PgError::Unreachable { step, source } => {
                Self::Unavailable { step, source: source.map(|fault| Box::new(fault).into()) }
            }
            PgError::Busy { step } => Self::Busy { step },
            PgError::Refused { rule, code } => {
                let message = format!("was refused by the database ({rule})");
                Self::Invalid { problems: vec![Problem::new("", code, message)] }
            }
            PgError::Closed => Self::Closed,
            PgError::Setup { reason } => Self::Setup { reason },
            PgError::Config { .. } | PgError::SchemaNewer { .. } => Self::Setup { reason: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_71_every_sqlstate_has_its_class() {
        let table = [
            ("40001", Class::Busy),
            ("40P01", Class::Busy),
            ("55P03", Class::Busy),
            ("57014", Class::Busy),
            ("53300", Class::Busy),
            ("23505", Class::Busy),
            ("53100", Class::Operator),
            ("42501", Class::Operator),
            ("42P01", Class::Operator),
            ("3F000", Class::Operator),
            ("28P01", Class::Operator),
            ("3D000", Class::Operator),
            ("25006", Class::Unreachable),
            ("57P01", Class::Unreachable),
            ("57P03", Class::Unreachable),
            ("08006", Class::Unreachable),
            ("08P01", Class::Unreachable),
            ("25P03", Class::Unreachable),
            ("XX000", Class::Unreachable),
            ("23514", Class::Refused),
            ("23503", Class::Refused),
            ("22P05", Class::Refused),
            ("22021", Class::Refused),
            ("54000", Class::Refused),
            ("", Class::Operator),
            ("é", Class::Operator),
        ];
        for (code, expected) in table {
            assert_eq!(class(code), expected, "{code}");
        }
    }
}
