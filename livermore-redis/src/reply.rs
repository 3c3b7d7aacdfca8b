use std::collections::HashMap;

use redis::Value;

use crate::{
    RedisError,
    link::{Answer, Link},
};

/// What a script has answered: a list that begins with a word.
#[derive(Debug)]
pub(crate) struct Reply(pub(crate) Value);

impl Reply {
    /// The list.
    pub(crate) fn parts(self, step: &str) -> Result<Vec<Value>, RedisError> {
        match self.0 {
            Value::Array(parts) => Ok(parts),
            _ => Err(RedisError::unexpected(step)),
        }
    }
}

/// A bulk or simple string, or a number, as text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Okay => Some("OK".to_owned()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number that is not negative.
pub(crate) fn number(value: &Value) -> Option<u64> {
    text(value)?.parse().ok()
}

/// Names and values, in turn. Those that are not text are left out, and found missing by whoever needs them.
pub(crate) fn fields(value: &Value) -> Option<HashMap<String, String>> {
    match value {
        Value::Array(parts) => {
            let pairs = parts.chunks_exact(2).filter_map(|pair| Some((text(&pair[0])?, text(&pair[1])?)));
            Some(pairs.collect())
        }
        Value::Map(pairs) => Some(pairs.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()),
        _ => None,
    }
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerInfo {
    pub(crate) version: (u32, u32),
    pub(crate) is_cluster: bool,
    pub(crate) appends: bool,
    pub(crate) evicts: bool,
}

impl ServerInfo {
    pub(crate) async fn read(link: &Link) -> Result<Self, RedisError> {
        const STEP: &str = "asking the server about itself";
        match link.run(STEP, &redis::cmd("INFO")).await? {
            Answer::Value(value) => {
                text(&value).as_deref().and_then(Self::parse).ok_or_else(|| RedisError::unexpected(STEP))
            }
            Answer::NoScript | Answer::Moved(_) => Err(RedisError::unexpected(STEP)),
        }
    }

    fn parse(info: &str) -> Option<Self> {
        let field = |name: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned()))
        };
        let version = field("redis_version")?;
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let version = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self {
            version,
            is_cluster: field("redis_mode").is_some_and(|mode| mode == "cluster"),
            appends: field("aof_enabled")? == "1",
            // A server without a limit never evicts, whatever its policy says; but the limit can be set at any time.
            evicts: field("maxmemory_policy")? != "noeviction",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_describes_itself() {
        let info = "# Server\r\nredis_version:7.0.15\r\nredis_mode:cluster\r\n# Memory\r\nmaxmemory_policy:allkeys-lru\r\n\
                    # Persistence\r\naof_enabled:1\r\n";
        let parsed = ServerInfo::parse(info).unwrap();
        assert_eq!(parsed, ServerInfo { version: (7, 0), is_cluster: true, appends: true, evicts: true });
        assert_eq!(ServerInfo::parse("redis_version:7.0.15\r\n"), None);
        assert_eq!(ServerInfo::parse(""), None);
    }
}
