use std::{fmt, sync::Arc};

use ed25519_dalek::Signer as _;
use livermore_core::ids::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Jwt, KeyName, jwt::Claims, secret_text};
use crate::CoinbaseError;

/// An API key of the Coinbase Developer Platform, ready to sign: ES256 (P-256) or EdDSA (Ed25519).
///
/// The private half is wiped from memory when the last clone goes, and is in no `Debug`, error or log.
#[derive(Clone)]
pub struct ApiKey {
    name: KeyName,
    pub(super) signing: Arc<SigningKey>,
}

/// What signs.
pub(super) enum SigningKey {
    Es256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl ApiKey {
    /// A key from its name and private key.
    ///
    /// ES256 keys are PEM as issued (`BEGIN EC PRIVATE KEY`) or converted (`BEGIN PRIVATE KEY`); Ed25519 keys are base64
    /// of 64 or 32 bytes, or PEM. What environment files do to such texts is undone: quotes around them, line ends
    /// written as `\n` or lost, doubled backslashes, spaces.
    pub fn new(name: KeyName, secret: &SecretString) -> Result<Self, CoinbaseError> {
        let signing = secret_text::parse(secret.expose_secret())
            .map_err(|reason| CoinbaseError::Key { reason: reason.to_owned() })?;
        Ok(Self { name, signing: Arc::new(signing) })
    }

    /// The key's name.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// `ES256` or `EdDSA`.
    pub fn algorithm(&self) -> &'static str {
        self.signing.algorithm()
    }

    /// A token for one REST request at exchange time `now`. `path` is without the query.
    pub fn jwt_for_request(&self, method: &str, host: &str, path: &str, now: Timestamp) -> Result<Jwt, CoinbaseError> {
        Jwt::sign(self, &Claims::new(&self.name, now, Some(format!("{method} {host}{path}"))))
    }

    /// A token for one WebSocket message at exchange time `now`.
    pub fn jwt_for_socket(&self, now: Timestamp) -> Result<Jwt, CoinbaseError> {
        Jwt::sign(self, &Claims::new(&self.name, now, None))
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        match &*self.signing {
            SigningKey::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().into()
            }
            SigningKey::Ed25519(key) => key.sign(message).to_bytes(),
        }
    }
}

impl SigningKey {
    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("name", &self.name).field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}
