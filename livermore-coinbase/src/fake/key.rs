use std::fmt;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use livermore_core::exchange::SplitMix64;
use p256::ecdsa::signature::Signer;
use serde_json::{Value, json};

/// A key of the fake exchange, made from a seed: worth nothing anywhere else.
///
/// The client side takes [`name`](Self::name) and [`secret`](Self::secret), exactly as the exchange's portal hands
/// them out; [`token`](Self::token) makes tokens for tests that speak the protocol themselves.
#[derive(Clone)]
pub struct FakeKey {
    name: String,
    secret: Secret,
    view: bool,
}

#[derive(Clone)]
enum Secret {
    Es256(p256::SecretKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl FakeKey {
    /// An Ed25519 key, the portal's default kind.
    pub fn ed25519(seed: u64) -> Self {
        let secret = Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&bytes(seed)));
        Self { name: name("ed", seed), secret, view: true }
    }

    /// A key on the curve P-256, the portal's other kind.
    pub fn es256(seed: u64) -> Self {
        // All but one in 2^32 strings of bytes are keys; the next seed helps the rest.
        let key = (0..16).find_map(|n| p256::SecretKey::from_slice(&bytes(seed.wrapping_add(n))).ok());
        match key {
            Some(key) => Self { name: name("ec", seed), secret: Secret::Es256(key), view: true },
            None => Self::ed25519(seed),
        }
    }

    /// The same key without the permission to view: private requests are answered with 403.
    pub fn without_view(mut self) -> Self {
        self.view = false;
        self
    }

    /// The key's name, which is also what tokens carry as `kid` and `sub`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The private key as text: SEC1 PEM, or base64 of seed and public key.
    pub fn secret(&self) -> String {
        match &self.secret {
            Secret::Ed25519(key) => STANDARD.encode(key.to_keypair_bytes()),
            Secret::Es256(key) => {
                key.to_sec1_pem(p256::pkcs8::LineEnding::LF).map(|pem| pem.to_string()).unwrap_or_default()
            }
        }
    }

    /// The key file as the portal hands it out.
    pub fn file(&self) -> String {
        let field = if matches!(self.secret, Secret::Ed25519(_)) { "id" } else { "name" };
        json!({ field: self.name, "privateKey": self.secret() }).to_string()
    }

    /// A good token that is made at `now_secs` (UNIX seconds); `uri` for requests, for example
    /// `GET 127.0.0.1:4000/api/v3/brokerage/accounts`.
    pub fn token(&self, now_secs: i64, uri: Option<&str>) -> String {
        let mut claims = json!({ "sub": self.name, "iss": "cdp", "nbf": now_secs, "exp": now_secs + 120 });
        if let Some(uri) = uri {
            claims["uri"] = uri.into();
        }
        self.token_with(&self.header(), &claims)
    }

    /// The header of a good token; its nonce is as random as the process makes it.
    pub fn header(&self) -> Value {
        let mut nonce = [0_u8; 16];
        // Without randomness a nonce of zeros makes a test of reuse fail, which is right.
        let _ = getrandom::fill(&mut nonce);
        let nonce = format!("{:032x}", u128::from_be_bytes(nonce));
        json!({ "alg": self.algorithm(), "typ": "JWT", "kid": self.name, "nonce": nonce })
    }

    /// A token of these parts, rightly signed.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = match &self.secret {
            Secret::Ed25519(key) => key.sign(message.as_bytes()).to_bytes().to_vec(),
            Secret::Es256(key) => {
                let signature: p256::ecdsa::Signature =
                    p256::ecdsa::SigningKey::from(key.clone()).sign(message.as_bytes());
                signature.to_bytes().to_vec()
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(super) const fn algorithm(&self) -> &'static str {
        match self.secret {
            Secret::Ed25519(_) => "EdDSA",
            Secret::Es256(_) => "ES256",
        }
    }

    pub(super) const fn may_view(&self) -> bool {
        self.view
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        use p256::ecdsa::signature::Verifier;
        match &self.secret {
            Secret::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verifying_key().verify_strict(message, &signature).is_ok()),
            Secret::Es256(key) => p256::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| {
                p256::ecdsa::VerifyingKey::from(key.public_key()).verify(message, &signature).is_ok()
            }),
        }
    }
}

fn bytes(seed: u64) -> [u8; 32] {
    let mut rng = SplitMix64::new(seed);
    let mut bytes = [0; 32];
    for part in bytes.chunks_mut(8) {
        part.copy_from_slice(&rng.next_u64().to_be_bytes());
    }
    bytes
}

fn name(kind: &str, seed: u64) -> String {
    format!("organizations/00000000-0000-0000-0000-000000000000/apiKeys/fake-{kind}-{seed}")
}

impl fmt::Debug for FakeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeKey").field("name", &self.name).field("view", &self.view).finish_non_exhaustive()
    }
}
