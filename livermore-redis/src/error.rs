use std::time::Duration;

use livermore_core::{ErrorKind, Fault, control::ControlError};

/// Why Redis could not be used.
///
/// No message, no `Debug` output and no source holds a password, a key or a value: the server's own texts quote them and
/// are never passed on.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The configuration is wrong; every problem is listed.
    #[error("the Redis configuration is not valid: {}", problems.join("; "))]
    Config {
        /// Field, what was found, what to write.
        problems: Vec<String>,
    },
    /// There is no connection; nothing was sent.
    #[error("Redis cannot be reached: {step}")]
    Unreachable {
        /// What was being done.
        step: String,
        /// What happened to the connection.
        #[source]
        source: Option<Fault>,
    },
    /// The connection was lost, or silent, before the answer came: it was done, or not.
    #[error("Redis did not answer: {step}")]
    NoAnswer {
        /// What was being done.
        step: String,
        /// What happened to the connection.
        #[source]
        source: Option<Fault>,
    },
    /// The server refuses for now; nothing was done.
    #[error("Redis refuses for now: {step}: {reason}")]
    Later {
        /// What was being done.
        step: String,
        /// Why, and the server's code for it.
        reason: String,
    },
    /// An operator has to act.
    #[error("{reason}")]
    Setup {
        /// What is wrong and what to do.
        reason: String,
    },
    /// What was used is closed.
    #[error("the connection to Redis was closed")]
    Closed,
}

impl RedisError {
    /// What a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Config { .. } => ErrorKind::InvalidInput,
            Self::Unreachable { .. } | Self::NoAnswer { .. } | Self::Later { .. } => ErrorKind::Unavailable,
            Self::Setup { .. } => ErrorKind::WrongState,
            Self::Closed => ErrorKind::Closed,
        }
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// Translates an error of the driver, leaving behind what must not be shown.
    pub(crate) fn new(step: &str, error: &redis::RedisError) -> Self {
        let step = step.to_owned();
        let Some(code) = code_of(error) else {
            return Self::NoAnswer { step, source: Some(fault(error)) };
        };
        let reason = format!("{} ({code})", meaning(&code));
        match class(&code) {
            Class::Later | Class::Moved | Class::NoScript => Self::Later { step, reason },
            Class::Login | Class::Operator => Self::Setup { reason: format!("{step}: {reason}") },
        }
    }

    /// The same where nothing but the connection was asked for.
    pub(crate) fn connecting(step: &str, error: &redis::RedisError) -> Self {
        match Self::new(step, error) {
            Self::NoAnswer { step, source } => Self::Unreachable { step, source },
            other => other,
        }
    }

    /// The server's answer is not what the question asks for.
    pub(crate) fn unexpected(step: &str) -> Self {
        Self::Setup {
            reason: format!("{step}: the server's answer has an unknown form; another program may use these keys"),
        }
    }
}

/// What to do about an answer of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The same call may work in a moment.
    Later,
    /// Another node of the cluster has the key: look where, and ask there.
    Moved,
    /// The script has to be sent whole.
    NoScript,
    /// The login, or a right it lacks. Asking often looks like an attack, and fills the server's log.
    Login,
    /// It stays so until someone acts.
    Operator,
}

impl Class {
    /// How soon a connection is tried again that ended like this.
    pub(crate) const fn pause(self) -> Duration {
        match self {
            Self::Login => Duration::from_secs(5),
            Self::Operator => Duration::from_secs(2),
            Self::Later | Self::Moved | Self::NoScript => Duration::from_millis(100),
        }
    }
}

/// The one place that knows the codes an answer of the server begins with.
pub(crate) fn class(code: &str) -> Class {
    match code {
        "LOADING" | "MASTERDOWN" | "READONLY" | "BUSY" | "CLUSTERDOWN" | "TRYAGAIN" | "ASK" | "OOM" | "MISCONF"
        | "NOREPLICAS" | "MAXCLIENTS" | "UNBLOCKED" | "EXECABORT" => Class::Later,
        "MOVED" => Class::Moved,
        "NOSCRIPT" => Class::NoScript,
        "NOAUTH" | "WRONGPASS" | "NOPERM" => Class::Login,
        _ => Class::Operator,
    }
}

fn meaning(code: &str) -> &'static str {
    match code {
        "LOADING" => "the server is starting up and reads its data",
        "MASTERDOWN" => "a replica has lost its master",
        "READONLY" => "the server is a replica; after a failover the next connection leads to the new master",
        "BUSY" => "a script of someone else blocks the server; SCRIPT KILL ends it",
        "CLUSTERDOWN" => "the cluster has no master for these keys",
        "TRYAGAIN" | "ASK" => "the keys are being moved to another node of the cluster",
        "MOVED" => "the keys are on another node of the cluster",
        "NOSCRIPT" => "the server has forgotten its scripts",
        "OOM" => "redis_oom: the server's memory is full and nothing was recorded; raise maxmemory or free some",
        "MISCONF" => "the server cannot write to its disk; make room",
        "NOREPLICAS" => "too few replicas are connected",
        "MAXCLIENTS" => "the server has no free connection; raise maxclients",
        "UNBLOCKED" => "what was waited for is gone",
        "EXECABORT" => "the transaction was refused",
        "NOAUTH" | "WRONGPASS" => "the login was refused; check user and password in the url",
        "NOPERM" => "the login lacks a right; load the ACL rules of docs/redis.md for it",
        "WRONGTYPE" => "a key has another type than it must have; another program uses livermore's keys",
        "CROSSSLOT" => "the keys are not in one slot",
        _ => "the server answered with an error",
    }
}

/// The server's code, or none when it was not the server that spoke.
fn code_of(error: &redis::RedisError) -> Option<String> {
    if error.kind() == redis::ErrorKind::AuthenticationFailed {
        return Some("WRONGPASS".to_owned());
    }
    let code = error.code()?;
    let detail = error.detail().unwrap_or_default();
    Some(known_code(code, detail).to_owned())
}

/// Some errors hide their code in the text: those of scripts before Redis 7, and those that never had one.
fn known_code<'a>(code: &'a str, detail: &str) -> &'a str {
    const HIDDEN: [(&str, &str); 8] = [
        ("max number of clients", "MAXCLIENTS"),
        ("-OOM ", "OOM"),
        ("-READONLY ", "READONLY"),
        ("-WRONGTYPE ", "WRONGTYPE"),
        ("-NOPERM ", "NOPERM"),
        ("-MISCONF ", "MISCONF"),
        ("user executing the script", "NOPERM"),
        ("ERR AUTH", "WRONGPASS"),
    ];
    if code != "ERR" {
        return code;
    }
    HIDDEN.iter().find(|(text, _)| detail.contains(text)).map_or(code, |(_, hidden)| hidden)
}

/// How an answer of the server is classed; none when it was not the server that spoke.
pub(crate) fn class_of(error: &redis::RedisError) -> Option<Class> {
    code_of(error).map(|code| class(&code))
}

/// An error below the server's answers, in words that hold no value.
fn fault(error: &redis::RedisError) -> Fault {
    let text = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connection_refusal() {
        "nobody listens there".to_owned()
    } else if error.is_connection_dropped() {
        "the connection ended".to_owned()
    } else {
        match error.kind() {
            redis::ErrorKind::Parse => "the server sent something that is not Redis' protocol".to_owned(),
            redis::ErrorKind::InvalidClientConfig => "the configuration was refused".to_owned(),
            redis::ErrorKind::RESP3NotSupported => "the server does not speak RESP3; Redis 6.2 is needed".to_owned(),
            redis::ErrorKind::Io => "a connection error".to_owned(),
            _ => "the driver reported an error".to_owned(),
        }
    };
    Fault::new(text)
}

impl From<RedisError> for ControlError {
    fn from(error: RedisError) -> Self {
        match error {
            RedisError::Unreachable { step, source } | RedisError::NoAnswer { step, source } => {
                Self::Unavailable { step, source: source.map(|fault| Box::new(fault).into()) }
            }
            RedisError::Later { step, reason } => {
                Self::Unavailable { step, source: Some(Box::new(Fault::new(reason)).into()) }
            }
            RedisError::Setup { reason } => Self::Setup { reason },
            RedisError::Config { .. } => Self::Setup { reason: error.to_string() },
            RedisError::Closed => Self::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_27_every_code_has_its_class() {
        let table = [
            ("READONLY", Class::Later, "replica"),
            ("LOADING", Class::Later, "starting up"),
            ("MASTERDOWN", Class::Later, "lost its master"),
            ("BUSY", Class::Later, "SCRIPT KILL"),
            ("CLUSTERDOWN", Class::Later, "no master"),
            ("TRYAGAIN", Class::Later, "being moved"),
            ("ASK", Class::Later, "being moved"),
            ("OOM", Class::Later, "nothing was recorded"),
            ("MISCONF", Class::Later, "disk"),
            ("NOREPLICAS", Class::Later, "replicas"),
            ("MAXCLIENTS", Class::Later, "maxclients"),
            ("UNBLOCKED", Class::Later, "gone"),
            ("MOVED", Class::Moved, "another node"),
            ("NOSCRIPT", Class::NoScript, "scripts"),
            ("NOPERM", Class::Login, "lacks a right"),
            ("NOAUTH", Class::Login, "login was refused"),
            ("WRONGPASS", Class::Login, "login was refused"),
            ("WRONGTYPE", Class::Operator, "another type"),
            ("CROSSSLOT", Class::Operator, "slot"),
            ("ERR", Class::Operator, "an error"),
            ("", Class::Operator, "an error"),
            ("é", Class::Operator, "an error"),
        ];
        for (code, expected, words) in table {
            assert_eq!(class(code), expected, "{code}");
            assert!(meaning(code).contains(words), "{code}: {}", meaning(code));
        }
        assert!(Class::Login.pause() >= Duration::from_secs(5), "a refused login is not tried in a hurry");
    }

    #[test]
    fn codes_hidden_in_the_text_are_found() {
        let script = "Error running script (call to f_1): @user_script:9: -OOM command not allowed";
        for (code, detail, expected) in [
            ("ERR", "max number of clients reached", "MAXCLIENTS"),
            ("ERR", script, "OOM"),
            ("ERR", "The user executing the script can't run this command or subcommand", "NOPERM"),
            ("ERR", "something else", "ERR"),
            ("OOM", "command not allowed", "OOM"),
        ] {
            assert_eq!(known_code(code, detail), expected, "{detail}");
        }
    }
}
