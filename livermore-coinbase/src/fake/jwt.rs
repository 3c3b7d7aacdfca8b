use std::collections::{HashSet, VecDeque};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::FakeKey;

/// Tokens remembered to notice those that come twice.
const REMEMBERED: usize = 10_000;
/// The longest life of a token, in seconds.
const LIFE_SECS: i64 = 120;

/// Checks tokens as the exchange does.
#[derive(Debug, Default)]
pub(super) struct Gate {
    keys: Vec<FakeKey>,
    /// How many good tokens are still to be refused.
    pub(super) refusals: u32,
    seen: HashSet<String>,
    order: VecDeque<String>,
    pub(super) tokens: u64,
    pub(super) reused: u64,
    pub(super) refused: u64,
}

/// What a token is checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) now_secs: i64,
    /// For requests: the method and the path.
    pub(super) request: Option<(&'a str, &'a str)>,
}

impl Gate {
    pub(super) fn new(keys: Vec<FakeKey>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// The key of a good token.
    pub(super) fn check(&mut self, token: &str, expected: Expected<'_>) -> Option<&FakeKey> {
        self.tokens += 1;
        self.remember(token);
        let position = self.keys.iter().position(|key| is_good(key, token, expected));
        let refused = position.is_none() || self.refusals > 0;
        if refused {
            self.refused += 1;
            self.refusals = self.refusals.saturating_sub(1);
            return None;
        }
        position.map(|position| &self.keys[position])
    }

    fn remember(&mut self, token: &str) {
        if !self.seen.insert(token.to_owned()) {
            self.reused += 1;
            return;
        }
        self.order.push_back(token.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }
}

fn is_good(key: &FakeKey, token: &str, expected: Expected<'_>) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    let [header_text, claims_text, signature] = parts[..] else { return false };
    let (Some(header), Some(claims)) = (json(header_text), json(claims_text)) else { return false };
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
    let text = |value: &Value, field: &str| value[field].as_str().map(str::to_owned).unwrap_or_default();
    let (Some(nbf), Some(exp)) = (claims["nbf"].as_i64(), claims["exp"].as_i64()) else { return false };
    let message = &token[..header_text.len() + 1 + claims_text.len()];
    text(&header, "alg") == key.algorithm()
        && text(&header, "typ") == "JWT"
        && text(&header, "kid") == key.name()
        && !text(&header, "nonce").is_empty()
        && text(&claims, "sub") == key.name()
        && matches!(text(&claims, "iss").as_str(), "cdp" | "coinbase-cloud")
        && (nbf..exp).contains(&expected.now_secs)
        && exp - nbf <= LIFE_SECS
        && is_for(&claims["uri"], expected.request)
        && key.verifies(message.as_bytes(), &signature)
}

/// Requests name the method, the host without a scheme, and the path without a query; messages name nothing.
fn is_for(uri: &Value, request: Option<(&str, &str)>) -> bool {
    let Some((method, path)) = request else { return uri.is_null() };
    let Some((named, rest)) = uri.as_str().and_then(|uri| uri.split_once(' ')) else { return false };
    let Some((host, named_path)) = rest.split_once('/') else { return false };
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let ours = matches!(name, "127.0.0.1" | "localhost" | "api.coinbase.com");
    named == method && ours && path.strip_prefix('/') == Some(named_path)
}

fn json(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
