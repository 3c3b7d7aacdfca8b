use std::{fmt, time::Duration};

use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, io::tcp::TcpSettings,
};
use serde::Deserialize;
use socket2::TcpKeepalive;

use crate::RedisError;

/// How to reach Redis, and the limits kept while using it.
///
/// Only the URL has no default. It may hold a password, so nothing of this is ever printed but host, port, database and
/// user. Unknown fields are refused; [`check`](Self::check) reports everything wrong at once.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct RedisConfig {
    /// `redis://user:password@host:port/database`; `rediss://` for an encrypted connection (feature `tls`);
    /// `?protocol=resp2` where the server cannot speak RESP3. A node of a cluster is enough to find the others.
    pub url: String,
    /// Further nodes of the same cluster, each `host:port`, for when the one in the URL is down.
    pub nodes: Vec<String>,
    /// How long connecting may take, login included. 2 s by default.
    pub connect_timeout_ms: u64,
    /// How long an answer may take. 2 s by default.
    pub response_timeout_ms: u64,
    /// How often a connection is asked whether it is alive. Two unanswered times in a row it is replaced. 3 s by default.
    pub ping_interval_ms: u64,
    /// How our connections are named in `CLIENT LIST`; the role follows after a colon. `livermore` by default.
    pub client_name: String,
    /// What to do about a server that may forget what is recorded: one without an append-only file, or one that evicts
    /// keys when its memory is full. Refused by default.
    pub unsafe_server: UnsafeServer,
    /// So many commands of a user are kept whole after they have ended, for its history. 1,000 by default.
    pub history: u32,
}

/// What to do about a server that may forget what is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnsafeServer {
    /// The log does not open.
    #[default]
    Refuse,
    /// The log opens with a warning, and does not call itself durable.
    Warn,
}

/// What a connection is for; the last part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Commands,
    Doorbell,
    Ingress,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            nodes: Vec::new(),
            connect_timeout_ms: 2_000,
            response_timeout_ms: 2_000,
            ping_interval_ms: 3_000,
            client_name: "livermore".to_owned(),
            unsafe_server: UnsafeServer::Refuse,
            history: 1_000,
        }
    }
}

impl RedisConfig {
    /// The defaults with this URL.
    pub fn from_url(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Everything wrong with it, at once.
    pub fn check(&self) -> Result<(), RedisError> {
        self.servers().map(drop)
    }

    /// Where to connect to, checked: the URL first, then the further nodes.
    pub(crate) fn servers(&self) -> Result<Vec<ConnectionInfo>, RedisError> {
        let mut problems = Vec::new();
        let first = self.parse_url(&mut problems);
        let mut range = |name: &str, value: u64, min: u64, max: u64| {
            if !(min..=max).contains(&value) {
                problems.push(format!("{name} is {value}; write a number from {min} to {max}"));
            }
        };
        range("connectTimeoutMs", self.connect_timeout_ms, 10, MAX_TIMEOUT_MS);
        range("responseTimeoutMs", self.response_timeout_ms, 10, MAX_TIMEOUT_MS);
        range("pingIntervalMs", self.ping_interval_ms, 10, MAX_TIMEOUT_MS);
        range("history", self.history.into(), 1, 100_000);
        let name = &self.client_name;
        if !(1..=48).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            problems.push("clientName must be 1 to 48 visible ASCII characters without spaces".to_owned());
        }
        let mut servers = Vec::from_iter(first);
        for (index, node) in self.nodes.iter().enumerate() {
            let address = node.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
            match (address, servers.first()) {
                (Some((host, port)), Some(first)) if !host.is_empty() && !host.contains(['/', '@']) => {
                    servers.push(at(first, host, port));
                }
                (_, None) => {}
                _ => problems.push(format!("nodes[{index}] is not host:port; user and password come from the url")),
            }
        }
        if problems.is_empty() { Ok(servers) } else { Err(RedisError::Config { problems }) }
    }

    pub(crate) const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) const fn response_timeout(&self) -> Duration {
        Duration::from_millis(self.response_timeout_ms)
    }

    pub(crate) const fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.ping_interval_ms)
    }

    /// The name of a connection.
    pub(crate) fn name_of(&self, role: Role) -> String {
        format!("{}:{}", self.client_name, role.as_str())
    }

    /// The limits of a connection.
    pub(crate) fn limits(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout()))
            .set_response_timeout(Some(self.response_timeout()))
    }

    /// Where it leads, for messages: never a password.
    pub(crate) fn target(&self) -> String {
        // A problem here was reported by `check` already.
        self.parse_url(&mut Vec::new()).map_or_else(|| "an unreadable URL".to_owned(), |info| target(&info))
    }

    fn parse_url(&self, problems: &mut Vec<String>) -> Option<ConnectionInfo> {
        if self.url.is_empty() {
            problems.push(format!("url is missing; write {FORM}"));
            return None;
        }
        let (encrypted, plain) = (self.url.starts_with("rediss://"), self.url.starts_with("redis://"));
        if !encrypted && !plain {
            problems.push(format!("url does not start with redis:// or rediss://; write {FORM}"));
            return None;
        }
        if encrypted && !cfg!(feature = "tls") {
            let text = "url asks for an encrypted connection, and livermore-redis was built without its feature `tls`";
            problems.push(text.to_owned());
            return None;
        }
        if self.url.contains('#') {
            let text = "url has a #; certificates are always checked, and a # in a password is written %23";
            problems.push(text.to_owned());
            return None;
        }
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        if query.split('&').any(|pair| !pair.is_empty() && !pair.starts_with("protocol=")) {
            problems.push("url has a parameter that is not known; known: protocol".to_owned());
            return None;
        }
        let Ok(info) = self.url.as_str().into_connection_info() else {
            // The parser's own words could quote a piece of the URL.
            problems.push(format!("url cannot be read; write {FORM}, with %40 for @ and %2F for / in a password"));
            return None;
        };
        let protocol = if query.is_empty() { ProtocolVersion::RESP3 } else { info.redis_settings().protocol() };
        let login = info.redis_settings().clone().set_protocol(protocol).set_skip_set_lib_name();
        Some(info.set_redis_settings(login).set_tcp_settings(tcp()))
    }
}

/// The same login at another address.
pub(crate) fn at(server: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let host = host.to_owned();
    let address = match server.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    server.clone().set_addr(address)
}

/// User, host, port and database.
pub(crate) fn target(server: &ConnectionInfo) -> String {
    let login = server.redis_settings();
    format!("{} on {}/{}", login.username().unwrap_or("default"), server.addr(), login.db())
}

/// The system tells us of a peer that has vanished, even while nothing is sent; our own pings are quicker.
fn tcp() -> TcpSettings {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5)).with_retries(3);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(10));
    settings
}

const FORM: &str = "redis://user:password@host:port/database";
const MAX_TIMEOUT_MS: u64 = 600_000;

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Doorbell => "doorbell",
            Self::Ingress => "ingress",
        }
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("url", &format_args!("({})", self.target()))
            .field("nodes", &self.nodes.len())
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .field("response_timeout_ms", &self.response_timeout_ms)
            .field("ping_interval_ms", &self.ping_interval_ms)
            .field("client_name", &self.client_name)
            .field("unsafe_server", &self.unsafe_server)
            .field("history", &self.history)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "hunter2canary";

    #[test]
    fn a_url_alone_is_enough() {
        for url in ["redis://localhost", "redis://app:x@localhost:7000/3", "redis://h/?protocol=resp2"] {
            RedisConfig::from_url(url).check().unwrap();
        }
        let servers = RedisConfig {
            nodes: vec!["h2:7001".to_owned()],
            ..RedisConfig::from_url(format!("redis://app:{CANARY}@h1:7000"))
        };
        let servers = servers.servers().unwrap();
        assert_eq!(target(&servers[1]), "app on h2:7001/0");
        assert_eq!(servers[1].redis_settings().password(), Some(CANARY), "the login goes with it");
    }

    #[test]
    fn the_newer_protocol_unless_told_otherwise() {
        let protocol = |url: &str| RedisConfig::from_url(url).servers().unwrap()[0].redis_settings().protocol();
        assert_eq!(protocol("redis://h"), ProtocolVersion::RESP3);
        assert_eq!(protocol("redis://h?protocol=resp2"), ProtocolVersion::RESP2);
        assert_eq!(protocol("redis://h?protocol=resp3"), ProtocolVersion::RESP3);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let config = RedisConfig {
            url: "mysql://x".to_owned(),
            response_timeout_ms: 0,
            history: 0,
            client_name: "two words".to_owned(),
            ..RedisConfig::default()
        };
        let text = config.check().unwrap_err().to_string();
        for part in ["url does not start", "responseTimeoutMs is 0", "history is 0", "clientName"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let config = RedisConfig { nodes: vec!["a:b@c:1".to_owned()], ..RedisConfig::from_url("redis://h") };
        assert!(config.check().unwrap_err().to_string().contains("nodes[0]"));
    }

    #[test]
    fn unknown_fields_and_parameters_are_refused() {
        let refused = serde_json::from_str::<RedisConfig>(r#"{"url": "redis://x", "pingInterval": 3}"#).unwrap_err();
        assert!(refused.to_string().contains("pingIntervalMs"), "{refused}");
        for url in ["redis://x?protocl=resp3", "redis://x#insecure", "redis://x?protocol=resp4"] {
            assert!(RedisConfig::from_url(url).check().is_err(), "{url}");
        }
    }

    #[test]
    fn no_password_is_ever_printed() {
        let urls = [
            format!("redis://app:{CANARY}@localhost/0"),
            format!("redis://:{CANARY}@localhost/0"),
            format!("redis://app:{CANARY}@localhost:99999/0"),
            format!("redis://app:{CANARY}/x@localhost"),
            format!("redis://app:a?{CANARY}@localhost"),
            format!("redis://app:a#{CANARY}@localhost"),
            format!("redis://localhost?password={CANARY}"),
            format!("redis://localhost?protocol={CANARY}"),
            format!("rediss://app:{CANARY}@localhost"),
            CANARY.to_owned(),
        ];
        for url in urls {
            let config = RedisConfig::from_url(&url);
            let shown = format!("{config:?} {config:#?} {:?} {}", config.check(), config.target());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    #[cfg(not(feature = "tls"))]
    fn encryption_needs_the_feature() {
        let text = RedisConfig::from_url("rediss://x").check().unwrap_err().to_string();
        assert!(text.contains("feature `tls`"), "{text}");
    }
}
