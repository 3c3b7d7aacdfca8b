use serde_json::{Map, Value};

use crate::settings::{Path, Problem, ProblemCode, document::kind_of};

/// Version 1: what the TypeScript system stored in `users.settings`, and the smaller version 1 of its plans with
/// `alertsEnabled`. `rest` holds, at each level, the members that version 1 did not define.
///
/// These types are never changed. Values are moved, not copied; a member that is null counts as missing.
pub(super) struct V1 {
    pub(super) sub: Option<Value>,
    pub(super) perseus_profile: Option<ProfileV1>,
    pub(super) livermore_runtime: Option<RuntimeV1>,
    pub(super) exchanges: Option<Vec<(String, ExchangeV1)>>,
    pub(super) symbols: Option<Value>,
    pub(super) scanner_symbols_last_update: Option<Value>,
    pub(super) scanner_exchange: Option<Value>,
    pub(super) alerts_enabled: Option<Value>,
    pub(super) rest: Map<String, Value>,
}

pub(super) struct ProfileV1 {
    pub(super) public_name: Option<Value>,
    pub(super) description: Option<Value>,
    pub(super) primary_exchange: Option<Value>,
    pub(super) trading_mode: Option<Value>,
    pub(super) currency: Option<Value>,
    pub(super) timezone: Option<Value>,
    pub(super) locale: Option<Value>,
    pub(super) rest: Map<String, Value>,
}

pub(super) struct RuntimeV1 {
    pub(super) auto_start: Option<Value>,
    pub(super) logging: Option<LoggingV1>,
    pub(super) rest: Map<String, Value>,
}

pub(super) struct LoggingV1 {
    pub(super) data_directory: Option<Value>,
    pub(super) log_directory: Option<Value>,
    pub(super) verbosity_level: Option<Value>,
    pub(super) rest: Map<String, Value>,
}

pub(super) struct ExchangeV1 {
    pub(super) enabled: Option<Value>,
    pub(super) api_key_environment_variable_name: Option<Value>,
    pub(super) secret_environment_variable_name: Option<Value>,
    pub(super) password_environment_variable_name: Option<Value>,
    pub(super) rest: Map<String, Value>,
}

impl V1 {
    pub(super) fn read(mut members: Members) -> Result<Self, Problem> {
        Ok(Self {
            sub: members.text("sub")?,
            perseus_profile: members.object("perseus_profile")?.map(ProfileV1::read).transpose()?,
            livermore_runtime: members.object("livermore_runtime")?.map(RuntimeV1::read).transpose()?,
            exchanges: members.object("exchanges")?.map(ExchangeV1::read_all).transpose()?,
            symbols: members.array("symbols")?,
            scanner_symbols_last_update: members.text("scanner_symbols_last_update")?,
            scanner_exchange: members.text("scanner_exchange")?,
            alerts_enabled: members.yes_or_no("alertsEnabled")?,
            rest: members.map,
        })
    }
}

impl ProfileV1 {
    fn read(mut members: Members) -> Result<Self, Problem> {
        Ok(Self {
            public_name: members.text("public_name")?,
            description: members.text("description")?,
            primary_exchange: members.text("primary_exchange")?,
            trading_mode: members.text("trading_mode")?,
            currency: members.text("currency")?,
            timezone: members.text("timezone")?,
            locale: members.text("locale")?,
            rest: members.map,
        })
    }
}

impl RuntimeV1 {
    fn read(mut members: Members) -> Result<Self, Problem> {
        Ok(Self {
            auto_start: members.yes_or_no("auto_start")?,
            logging: members.object("logging")?.map(LoggingV1::read).transpose()?,
            rest: members.map,
        })
    }
}

impl LoggingV1 {
    fn read(mut members: Members) -> Result<Self, Problem> {
        Ok(Self {
            data_directory: members.text("data_directory")?,
            log_directory: members.text("log_directory")?,
            verbosity_level: members.text("verbosity_level")?,
            rest: members.map,
        })
    }
}

impl ExchangeV1 {
    fn read_all(mut members: Members) -> Result<Vec<(String, Self)>, Problem> {
        let names: Vec<String> = members.map.keys().cloned().collect();
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            if let Some(exchange) = members.object(&name)? {
                all.push((name, Self::read(exchange)?));
            }
        }
        Ok(all)
    }

    fn read(mut members: Members) -> Result<Self, Problem> {
        Ok(Self {
            enabled: members.yes_or_no("enabled")?,
            api_key_environment_variable_name: members.text("ApiKeyEnvironmentVariableName")?,
            secret_environment_variable_name: members.text("SecretEnvironmentVariableName")?,
            password_environment_variable_name: members.text("PasswordEnvironmentVariableName")?,
            rest: members.map,
        })
    }
}

/// The members of an object of an old document that have not been taken yet, and where the object is.
pub(super) struct Members {
    at: Path,
    map: Map<String, Value>,
}

impl Members {
    pub(super) fn of_document(map: Map<String, Value>) -> Self {
        Self { at: Path::root(), map }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<Value>, Problem> {
        self.take(name, "text", Value::is_string)
    }

    fn yes_or_no(&mut self, name: &str) -> Result<Option<Value>, Problem> {
        self.take(name, "true or false", Value::is_boolean)
    }

    fn array(&mut self, name: &str) -> Result<Option<Value>, Problem> {
        self.take(name, "an array", Value::is_array)
    }

    fn object(&mut self, name: &str) -> Result<Option<Self>, Problem> {
        Ok(match self.take(name, "an object", Value::is_object)? {
            Some(Value::Object(map)) => Some(Self { at: self.at.join(name), map }),
            _ => None,
        })
    }

    fn take(&mut self, name: &str, kind: &str, fits: fn(&Value) -> bool) -> Result<Option<Value>, Problem> {
        match self.map.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) if fits(&value) => Ok(Some(value)),
            Some(value) => {
                let message = format!("is {}, not {kind}", kind_of(&value));
                Err(Problem::new(self.at.join(name).to_string(), ProblemCode::Type, message))
            }
        }
    }
}
