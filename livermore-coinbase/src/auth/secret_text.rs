//! Private keys as people have them: PEM or base64, mangled by environment files.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use secrecy::zeroize::Zeroizing;

use super::api_key::SigningKey;

/// The key in `text`, or what is wrong with it in words that quote nothing of it.
pub(super) fn parse(text: &str) -> Result<SigningKey, &'static str> {
    let text = unwrapped(text);
    if text.is_empty() {
        return Err("the private key is empty");
    }
    if text.starts_with('{') {
        return Err("the private key is a whole key file; take the value of its `privateKey` alone");
    }
    match text.find(BEGIN) {
        Some(at) => from_pem(&text[at + BEGIN.len()..]),
        None => from_base64(&text),
    }
}

/// Without quotes around it, and with line ends that were written as text made line ends again.
fn unwrapped(text: &str) -> Zeroizing<String> {
    let inner = text.trim().trim_matches(['"', '\'']);
    let mut plain = Zeroizing::new(String::with_capacity(inner.len()));
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let after = rest[at..].trim_start_matches('\\');
        rest = match after.strip_prefix(['n', 'r']) {
            Some(rest) => {
                plain.push('\n');
                rest
            }
            None => after,
        };
    }
    plain.push_str(rest);
    let trimmed = plain.trim();
    if trimmed.len() < plain.len() { Zeroizing::new(trimmed.to_owned()) } else { plain }
}

/// `text` follows `-----BEGIN `.
fn from_pem(text: &str) -> Result<SigningKey, &'static str> {
    let Some((label, body)) = text.split_once("-----") else { return Err(CUT_OFF) };
    match label {
        "EC PRIVATE KEY" | "PRIVATE KEY" => {}
        "RSA PRIVATE KEY" => return Err(RSA),
        "ENCRYPTED PRIVATE KEY" => return Err("the private key is locked with a password; export it without one"),
        "PUBLIC KEY" | "EC PUBLIC KEY" => return Err("it is the public half; the private key is needed"),
        _ => return Err("the PEM text is not a private key of a kind Coinbase issues (EC or Ed25519)"),
    }
    let Some((body, _)) = body.split_once("-----END") else { return Err(CUT_OFF) };
    let der = decoded(body).ok_or("the PEM text is damaged: what is between its first and last line is not base64")?;
    let key = if label == "EC PRIVATE KEY" {
        p256::SecretKey::from_sec1_der(&der).ok().map(|key| SigningKey::Es256(key.into()))
    } else {
        from_pkcs8(&der)
    };
    key.ok_or_else(|| why_not(&der))
}

fn from_pkcs8(der: &[u8]) -> Option<SigningKey> {
    if contains(der, OID_ED25519) {
        return ed25519_dalek::SigningKey::from_pkcs8_der(der).ok().map(SigningKey::Ed25519);
    }
    p256::SecretKey::from_pkcs8_der(der).ok().map(|key| SigningKey::Es256(key.into()))
}

/// What a key that cannot be read looks like.
fn why_not(der: &[u8]) -> &'static str {
    if contains(der, OID_RSA) {
        RSA
    } else if [OID_P384, OID_P521, OID_SECP256K1].iter().any(|oid| contains(der, oid)) {
        "the private key is on another curve (P-384, P-521 or secp256k1); Coinbase needs P-256 (ES256) or Ed25519"
    } else if contains(der, OID_P256) || contains(der, OID_ED25519) {
        "the private key is damaged or cut off; copy it again, from the first line to the last"
    } else {
        "the PEM text holds no private key that can be read; Coinbase needs P-256 (ES256) or Ed25519"
    }
}

fn from_base64(text: &str) -> Result<SigningKey, &'static str> {
    let Some(bytes) = decoded(text) else {
        return Err("the private key is neither PEM nor base64; copy `privateKey` from the portal's key file");
    };
    if let Ok(seed) = <&[u8; 32]>::try_from(bytes.as_slice()) {
        return Ok(SigningKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed)));
    }
    if let Ok(pair) = <&[u8; 64]>::try_from(bytes.as_slice()) {
        let key = ed25519_dalek::SigningKey::from_keypair_bytes(pair);
        return key.map(SigningKey::Ed25519).map_err(|_| {
            "the private key is 64 bytes, but its second half does not belong to the first: it is damaged, or a legacy \
             (HMAC) secret, which Coinbase no longer accepts; create a key in the Developer Platform's portal"
        });
    }
    // What legacy secrets look like: 32 letters and digits.
    if text.len() == 32 {
        return Err(
            "the private key looks like a legacy (HMAC) secret, which Coinbase no longer accepts; create a key \
                    in the Developer Platform's portal",
        );
    }
    Err("the private key is base64, but not of 32 or 64 bytes as an Ed25519 key: it is cut off, or of another kind")
}

/// Base64 with or without its padding and with spaces and line ends anywhere.
fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, config);
    let mut compact = Zeroizing::new(String::with_capacity(text.len()));
    compact.extend(text.chars().filter(|char| !char.is_whitespace()));
    engine.decode(compact.as_bytes()).ok().map(Zeroizing::new)
}

fn contains(der: &[u8], oid: &[u8]) -> bool {
    der.windows(oid.len()).any(|window| window == oid)
}

const BEGIN: &str = "-----BEGIN ";
const CUT_OFF: &str = "the private key is cut off: the PEM text has no last line (-----END …); in an environment file, \
                       write line ends as \\n";
const RSA: &str = "it is an RSA key; Coinbase needs P-256 (ES256) or Ed25519";

// Object identifiers with their DER tag and length.
const OID_P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
const OID_SECP256K1: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];
const OID_ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const OID_RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
