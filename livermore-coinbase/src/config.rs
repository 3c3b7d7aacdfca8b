use std::{fmt, net::IpAddr, time::Duration};

use reqwest::Url;
use serde::Deserialize;

use crate::{CoinbaseError, Credentials, tls::Tls};

/// How to reach Coinbase Advanced Trade, and the limits kept while using it.
///
/// Everything has a default: the default alone reads public market data. Unknown fields are refused;
/// [`check`](Self::check) reports everything wrong at once.
///
/// ```
/// use livermore_coinbase::{CoinbaseConfig, Credentials};
///
/// let public = CoinbaseConfig::default();
/// public.check()?;
///
/// let mut private = CoinbaseConfig::default();
/// private.credentials = Some(Credentials::from_env_names("COINBASE_API_KEY", "COINBASE_API_SECRET"));
/// private.check()?;
/// # Ok::<(), livermore_coinbase::CoinbaseError>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct CoinbaseConfig {
    /// Market data. `wss://`, or `ws://` for a server on this machine.
    pub ws_url: String,
    /// The user's own orders, with a key. `wss://`, or `ws://` for a server on this machine.
    pub user_ws_url: String,
    /// REST, with the path all endpoints share. `https://`, or `http://` for a server on this machine.
    pub rest_url: String,
    /// How long each stage of connecting may take: finding the host and reaching it, encryption, the upgrade to a
    /// WebSocket; for a REST request all of it. 5 s by default.
    pub connect_timeout_ms: u64,
    /// A live connection without a message for so long is given up; heartbeats come every second. 10 s by default.
    pub silence_ms: u64,
    /// How long the first byte of a REST answer may take, and each further piece. 10 s by default.
    pub response_timeout_ms: u64,
    /// How long a whole REST answer may take. 30 s by default.
    pub body_timeout_ms: u64,
    /// How often one REST request is tried before its error is told. 4 by default.
    pub attempts: u32,
    /// REST requests a second, for all callers together. 5 by default: the exchange publishes no number.
    pub requests_per_second: u32,
    /// REST requests that may follow one another at once after a quiet time. 8 by default.
    pub burst: u32,
    /// Candles asked for at a time, at most 350. 300 by default: older servers refuse more.
    pub candles_per_page: u32,
    /// Where the API key is; none by default. Public market data needs none.
    pub credentials: Option<Credentials>,
    /// Which certificates are trusted. Those of the public authorities by default.
    #[serde(skip)]
    pub tls: Tls,
}

impl Default for CoinbaseConfig {
    fn default() -> Self {
        Self {
            ws_url: "wss://advanced-trade-ws.coinbase.com".to_owned(),
            user_ws_url: "wss://advanced-trade-ws-user.coinbase.com".to_owned(),
            rest_url: "https://api.coinbase.com/api/v3/brokerage".to_owned(),
            connect_timeout_ms: 5_000,
            silence_ms: 10_000,
            response_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            attempts: 4,
            requests_per_second: 5,
            burst: 8,
            candles_per_page: 300,
            credentials: None,
            tls: Tls::default(),
        }
    }
}

impl CoinbaseConfig {
    /// The defaults with these addresses: market data, the user's own orders, REST.
    pub fn from_urls(ws: impl Into<String>, user_ws: impl Into<String>, rest: impl Into<String>) -> Self {
        Self { ws_url: ws.into(), user_ws_url: user_ws.into(), rest_url: rest.into(), ..Self::default() }
    }

    /// The same with this key.
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Everything wrong with it, at once. The key is not looked at: [`Credentials::resolve`] does.
    pub fn check(&self) -> Result<(), CoinbaseError> {
        self.parts().map(drop)
    }

    /// The addresses, checked.
    pub(crate) fn parts(&self) -> Result<Addresses, CoinbaseError> {
        let mut problems = Vec::new();
        let mut range = |name: &str, value: u64, min: u64, max: u64| {
            if !(min..=max).contains(&value) {
                problems.push(format!("{name} is {value}; write a number from {min} to {max}"));
            }
        };
        range("connectTimeoutMs", self.connect_timeout_ms, 10, MAX_TIMEOUT_MS);
        range("silenceMs", self.silence_ms, 100, MAX_TIMEOUT_MS);
        range("responseTimeoutMs", self.response_timeout_ms, 10, MAX_TIMEOUT_MS);
        range("bodyTimeoutMs", self.body_timeout_ms, 10, MAX_TIMEOUT_MS);
        range("attempts", self.attempts.into(), 1, 20);
        range("requestsPerSecond", self.requests_per_second.into(), 1, 1_000);
        range("burst", self.burst.into(), 1, 1_000);
        range("candlesPerPage", self.candles_per_page.into(), 1, 350);
        let mut address = |name: &str, text: &str, scheme: &str| {
            address(text, scheme).map_err(|problem| problems.push(format!("{name} {problem}"))).ok()
        };
        let ws = address("wsUrl", &self.ws_url, "ws");
        let user_ws = address("userWsUrl", &self.user_ws_url, "ws");
        let rest = address("restUrl", &self.rest_url, "http");
        match (ws, user_ws, rest) {
            (Some(ws), Some(user_ws), Some(rest)) if problems.is_empty() => Ok(Addresses { ws, user_ws, rest }),
            _ => Err(CoinbaseError::Config { problems }),
        }
    }

    pub(crate) const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) const fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }

    pub(crate) const fn response_timeout(&self) -> Duration {
        Duration::from_millis(self.response_timeout_ms)
    }

    pub(crate) const fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }
}

/// Where to connect to.
#[derive(Clone)]
pub(crate) struct Addresses {
    pub(crate) ws: Url,
    pub(crate) user_ws: Url,
    pub(crate) rest: Url,
}

/// An address of this scheme, encrypted unless it stays on this machine.
fn address(text: &str, scheme: &str) -> Result<Url, String> {
    let form = format!("write {scheme}s://host[:port][/path]");
    // The parser's own words could quote what was written.
    let url = Url::parse(text.trim()).map_err(|_| format!("cannot be read; {form}"))?;
    let plain = url.scheme() == scheme;
    if !plain && url.scheme().strip_suffix('s') != Some(scheme) {
        return Err(format!("does not start with {scheme}s://; {form}"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("has a login, a ? or a #; {form}"));
    }
    if plain && !is_loopback(&url) {
        return Err(format!(
            "is not encrypted; {scheme}:// is only for 127.0.0.1, [::1] and localhost, elsewhere {form}"
        ));
    }
    Ok(url)
}

/// Whether what is sent there stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

const MAX_TIMEOUT_MS: u64 = 600_000;

impl fmt::Debug for CoinbaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoinbaseConfig")
            .field("ws_url", &shown(&self.ws_url))
            .field("user_ws_url", &shown(&self.user_ws_url))
            .field("rest_url", &shown(&self.rest_url))
            .field("requests_per_second", &self.requests_per_second)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

/// Host and port: whatever else was written there is not shown.
fn shown(text: &str) -> String {
    let url = Url::parse(text.trim()).ok();
    let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    host.map_or_else(|| "(unreadable)".to_owned(), |(host, port)| format!("{host}:{port}"))
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addresses").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_encrypted() {
        let addresses = CoinbaseConfig::default().parts().unwrap();
        assert_eq!(addresses.ws.scheme(), "wss");
        assert_eq!(addresses.user_ws.scheme(), "wss");
        assert_eq!(addresses.rest.as_str(), "https://api.coinbase.com/api/v3/brokerage");
    }

    #[test]
    fn plain_text_never_leaves_the_machine() {
        let check = |ws: &str, rest: &str| CoinbaseConfig::from_urls(ws, ws, rest).check();
        for host in ["127.0.0.1:80", "127.8.0.1", "[::1]:9000", "localhost:9000", "LOCALHOST"] {
            check(&format!("ws://{host}"), &format!("http://{host}/api")).unwrap();
        }
        for host in
            ["api.coinbase.com", "10.0.0.1", "0.0.0.0", "localhost.example.com", "[::ffff:10.0.0.1]", "[fe80::1]"]
        {
            let text = check(&format!("ws://{host}"), &format!("http://{host}")).unwrap_err().to_string();
            for field in ["wsUrl is not encrypted", "userWsUrl", "restUrl"] {
                assert!(text.contains(field), "{host}: {text}");
            }
        }
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let config = CoinbaseConfig {
            connect_timeout_ms: 0,
            attempts: 0,
            candles_per_page: 351,
            ..CoinbaseConfig::from_urls("https://x", "wss://x?a", "wss://hunter2:canary@x")
        };
        let text = config.check().unwrap_err().to_string();
        for part in
            ["connectTimeoutMs is 0", "attempts is 0", "candlesPerPage is 351", "wsUrl does not", "userWsUrl has"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        let shown = format!("{text} {config:?}");
        assert!(!shown.contains("hunter2") && shown.contains("x:443"), "{shown}");
    }

    #[test]
    fn it_reads_from_json() {
        let text = r#"{"requestsPerSecond": 2, "credentials": {"apiKeyEnvVar": "A", "privateKeyEnvVar": "B"}}"#;
        let config: CoinbaseConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.requests_per_second, 2);
        assert!(format!("{:?}", config.credentials).contains("\"B\""));
        let refused = serde_json::from_str::<CoinbaseConfig>(r#"{"restURL": "x"}"#).unwrap_err().to_string();
        assert!(refused.contains("restUrl"), "{refused}");
    }
}
