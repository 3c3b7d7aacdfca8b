use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use livermore_core::ids::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{ApiKey, KeyName};
use crate::CoinbaseError;

/// A token that says who asks: one for each request and each message, made when it is sent.
#[derive(Clone)]
pub struct Jwt {
    token: SecretString,
    expires: Timestamp,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
    nonce: &'a str,
    typ: &'static str,
}

#[derive(Serialize)]
pub(super) struct Claims<'a> {
    sub: &'a str,
    iss: &'static str,
    nbf: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
}

impl Jwt {
    /// How long the exchange accepts a token, in seconds.
    pub const LIFE_S: i64 = 120;
    /// A token begins a little in the past: the measured clock is not exact, and a token from the future is refused.
    const LEEWAY_S: i64 = 5;

    /// The token itself, to be sent and nothing else.
    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }

    /// The exchange time from which it is refused.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    pub(super) fn sign(key: &ApiKey, claims: &Claims<'_>) -> Result<Self, CoinbaseError> {
        let mut nonce = [0_u8; 16];
        getrandom::fill(&mut nonce).map_err(|_| unsigned("the system gives no random numbers"))?;
        let nonce = format!("{:032x}", u128::from_be_bytes(nonce));
        Self::with_nonce(key, claims, &nonce)
    }

    #[cfg(test)]
    pub(super) fn made_of(key: &ApiKey, uri: Option<String>, nbf: i64, nonce: &str) -> Self {
        let claims = Claims { sub: key.name().as_str(), iss: "cdp", nbf, exp: nbf + Self::LIFE_S, uri };
        Self::with_nonce(key, &claims, nonce).unwrap()
    }

    fn with_nonce(key: &ApiKey, claims: &Claims<'_>, nonce: &str) -> Result<Self, CoinbaseError> {
        let header = Header { alg: key.algorithm(), kid: key.name().as_str(), nonce, typ: "JWT" };
        let mut token = format!("{}.{}", part(&header)?, part(claims)?);
        let signature = key.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        let expires = Timestamp::from_secs(claims.exp).unwrap_or(Timestamp::MAX);
        Ok(Self { token: token.into(), expires })
    }
}

impl<'a> Claims<'a> {
    pub(super) fn new(name: &'a KeyName, now: Timestamp, uri: Option<String>) -> Self {
        let nbf = now.as_secs() - Jwt::LEEWAY_S;
        Self { sub: name.as_str(), iss: "cdp", nbf, exp: nbf + Jwt::LIFE_S, uri }
    }
}

fn part(value: &impl Serialize) -> Result<String, CoinbaseError> {
    let json = serde_json::to_vec(value).map_err(|_| unsigned("a token cannot be written"))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn unsigned(reason: &str) -> CoinbaseError {
    CoinbaseError::Key { reason: reason.to_owned() }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("expires", &self.expires).finish_non_exhaustive()
    }
}
