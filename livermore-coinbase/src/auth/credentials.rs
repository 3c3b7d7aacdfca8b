use std::{env, fmt};

use secrecy::SecretString;
use serde::Deserialize;

use super::{ApiKey, KeyName};
use crate::CoinbaseError;

/// Where an API key is: the names of two environment variables, or a key made by the caller.
///
/// The names travel in configurations and settings; the values are read late, by [`resolve`](Self::resolve), and go
/// straight into an [`ApiKey`].
///
/// ```
/// use livermore_coinbase::Credentials;
///
/// let credentials = Credentials::from_env_names("COINBASE_API_KEY", "NO_SUCH_VARIABLE");
/// let error = credentials.resolve().unwrap_err().to_string();
/// assert!(error.contains("is not set"));
/// ```
#[derive(Clone, Deserialize)]
#[serde(from = "Names")]
pub struct Credentials(Source);

#[derive(Clone)]
enum Source {
    Env(Names),
    Key(ApiKey),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Names {
    api_key_env_var: String,
    private_key_env_var: String,
}

impl Credentials {
    /// The key whose name and private key are the values of these environment variables.
    pub fn from_env_names(name_var: impl Into<String>, secret_var: impl Into<String>) -> Self {
        Names { api_key_env_var: name_var.into(), private_key_env_var: secret_var.into() }.into()
    }

    /// A key made already.
    pub fn from_key(key: ApiKey) -> Self {
        Self(Source::Key(key))
    }

    /// Reads the variables and makes the key. Errors name the variable, never its value.
    pub fn resolve(&self) -> Result<ApiKey, CoinbaseError> {
        self.resolve_with(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The same, with the caller's own way to look a variable up.
    pub fn resolve_with(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<ApiKey, CoinbaseError> {
        let names = match &self.0 {
            Source::Key(key) => return Ok(key.clone()),
            Source::Env(names) => names,
        };
        let value = |field: &str, name: &str| {
            if !is_variable(name) {
                // It may be the key itself, written in the wrong place: it is not quoted.
                let hint = "write the NAME of an environment variable, for example COINBASE_API_KEY, not its value";
                return Err(refused(format!("{field} is not the name of an environment variable; {hint}")));
            }
            match lookup(name).map(SecretString::from) {
                Some(value) if !secrecy::ExposeSecret::expose_secret(&value).trim().is_empty() => Ok(value),
                Some(_) => Err(refused(format!("the environment variable {name} is empty"))),
                None => Err(refused(format!("the environment variable {name} is not set"))),
            }
        };
        let name = value("apiKeyEnvVar", &names.api_key_env_var)?;
        let secret = value("privateKeyEnvVar", &names.private_key_env_var)?;
        let in_variable = |variable: &str, error: CoinbaseError| match error {
            CoinbaseError::Key { reason } => refused(format!("environment variable {variable}: {reason}")),
            other => other,
        };
        let name = KeyName::new(secrecy::ExposeSecret::expose_secret(&name))
            .map_err(|error| in_variable(&names.api_key_env_var, error))?;
        ApiKey::new(name, &secret).map_err(|error| in_variable(&names.private_key_env_var, error))
    }
}

fn refused(reason: String) -> CoinbaseError {
    CoinbaseError::Key { reason }
}

/// Short, and of the characters shells allow: a key or its name has others.
fn is_variable(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl From<Names> for Credentials {
    fn from(names: Names) -> Self {
        Self(Source::Env(names))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name| if is_variable(name) { name } else { "(not a name)" };
        match &self.0 {
            Source::Env(names) => f
                .debug_struct("Credentials")
                .field("api_key_env_var", &shown(names.api_key_env_var.as_str()))
                .field("private_key_env_var", &shown(names.private_key_env_var.as_str()))
                .finish(),
            Source::Key(key) => f.debug_tuple("Credentials").field(key).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "hunter2canary==";

    fn told(lookup: impl Fn(&str) -> Option<String>) -> String {
        Credentials::from_env_names("KEY_VAR", "SECRET_VAR").resolve_with(lookup).unwrap_err().to_string()
    }

    #[test]
    fn problems_name_the_variable_and_never_its_value() {
        let value = |name: &str, key: &str, secret: &str| {
            Some(if name == "KEY_VAR" { key.to_owned() } else { secret.to_owned() })
        };
        assert!(told(|_| None).contains("KEY_VAR is not set"));
        assert!(told(|name| value(name, " ", CANARY)).contains("KEY_VAR is empty"));
        assert!(told(|name| value(name, "id", "\n")).contains("SECRET_VAR is empty"));
        let secret = told(|name| value(name, "id", CANARY));
        assert!(secret.contains("SECRET_VAR") && !secret.contains("hunter2"), "{secret}");
        let name = told(|name| value(name, "hunter2 two", CANARY));
        assert!(name.contains("KEY_VAR") && !name.contains("hunter2"), "{name}");
    }

    #[test]
    fn a_key_written_where_a_name_belongs_is_not_shown() {
        let credentials = Credentials::from_env_names(CANARY, CANARY);
        let shown = format!("{credentials:?} {}", credentials.resolve().unwrap_err());
        assert!(shown.contains("NAME") && !shown.contains("hunter2"), "{shown}");
    }
}
