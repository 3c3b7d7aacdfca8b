use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::Verifier as _;
use livermore_core::ids::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::{ApiKey, ExchangeClock, Jwt, KeyName, TokenSource};

/// The P-256 key of RFC 6979, appendix A.2.5, in the forms keys are kept in.
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49
AwEHoUQDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8
maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==
-----END EC PRIVATE KEY-----
";
const PKCS8: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX
Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth
+mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ
-----END PRIVATE KEY-----
";
/// The key of RFC 8032, section 7.1, test 1: seed and public half, the seed alone, PKCS#8.
const PAIR: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const ED_PKCS8: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

fn key(secret: &str) -> ApiKey {
    try_key(secret).unwrap()
}

fn try_key(secret: &str) -> Result<ApiKey, String> {
    let name = KeyName::new("organizations/1/apiKeys/2").unwrap();
    ApiKey::new(name, &SecretString::from(secret)).map_err(|error| error.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs).unwrap()
}

/// Header and claims of a token whose signature the public half of `key` accepts.
fn verified(key: &ApiKey, token: &str) -> (Value, Value) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    match &*key.signing {
        super::api_key::SigningKey::Es256(key) => {
            let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
            key.verifying_key().verify(signed.as_bytes(), &signature).unwrap();
        }
        super::api_key::SigningKey::Ed25519(key) => {
            let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
            key.verifying_key().verify(signed.as_bytes(), &signature).unwrap();
        }
    }
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (json(header), json(claims))
}

#[test]
fn signatures_are_those_of_the_standards() {
    // RFC 6979, A.2.5, SHA-256, message "sample": r and s.
    let expected = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                    f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    assert_eq!(hex(&key(SEC1).sign(b"sample")), expected);
    // RFC 8032, 7.1, test 1: the empty message.
    let expected = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555\
                    fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    assert_eq!(hex(&key(PAIR).sign(b"")), expected);
}

#[test]
fn keys_are_read_in_every_form_they_are_kept_in() {
    let one_line = SEC1.replace('\n', "\\n");
    let es256 = [
        SEC1.to_owned(),
        PKCS8.to_owned(),
        one_line.clone(),
        format!("\"{one_line}\""),
        format!("'{}'\n", SEC1.trim()),
        SEC1.replace('\n', "\\\\n"),
        SEC1.replace('\n', "\\r\\n"),
        SEC1.replace('\n', "\r\n"),
        SEC1.replace('\n', " "),
        format!("  {}  ", PKCS8.replace('\n', "\n   ")),
    ];
    let wanted = key(SEC1).sign(b"x");
    for text in es256 {
        let key = key(&text);
        assert_eq!((key.algorithm(), key.sign(b"x")), ("ES256", wanted));
    }
    let ed25519 = [
        PAIR.to_owned(),
        SEED.to_owned(),
        ED_PKCS8.to_owned(),
        format!("{PAIR}\n"),
        format!("\"{PAIR}\""),
        PAIR.trim_end_matches('=').to_owned(),
        format!("{} {}", &PAIR[..40], &PAIR[40..]),
        ED_PKCS8.replace('\n', "\\n"),
    ];
    let wanted = key(PAIR).sign(b"x");
    for text in ed25519 {
        let key = key(&text);
        assert_eq!((key.algorithm(), key.sign(b"x")), ("EdDSA", wanted));
    }
}

#[test]
fn wrong_keys_are_told_apart_and_never_quoted() {
    let pem = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    // A PKCS#8 outline that names P-384, and one that names RSA; the rest of the key does not matter.
    let p384 = pem("PRIVATE KEY", "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDD7T7eRi8xegoRgUxNo");
    let rsa = pem("PRIVATE KEY", "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAMf0");
    let damaged = SEC1.replace("MHcCAQEEIMmvqdhF", "MHcCAQEEIMmvqdh");
    let other_half = format!("{}A{}", &PAIR[..60], &PAIR[61..]);
    let table: [(&str, &str); 18] = [
        ("", "empty"),
        (" \"\" ", "empty"),
        ("not-valid-base64!!!", "neither PEM nor base64"),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "not of 32 or 64 bytes"),
        ("a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6", "legacy"),
        (&other_half, "second half"),
        (&pem("EC PRIVATE KEY", "NOTVALIDDATA"), "no private key that can be read"),
        (&pem("EC PRIVATE KEY", "!!!!"), "not base64"),
        (&pem("RSA PRIVATE KEY", "AAAA"), "RSA"),
        (&pem("ENCRYPTED PRIVATE KEY", "AAAA"), "password"),
        (&pem("PUBLIC KEY", "AAAA"), "public half"),
        (&pem("OPENSSH PRIVATE KEY", "AAAA"), "not a private key of a kind"),
        (&p384, "P-384"),
        (&rsa, "RSA"),
        (&damaged, "damaged"),
        (&SEC1[..120], "cut off"),
        ("-----BEGIN EC PRIVATE KEY", "cut off"),
        (r#"{"name": "x", "privateKey": "y"}"#, "whole key file"),
    ];
    for (text, expected) in table {
        let error = try_key(text).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
        let pieces = text.split(|char: char| !char.is_ascii_alphanumeric()).filter(|piece| piece.len() > 12);
        pieces.for_each(|piece| assert!(!error.contains(piece), "{error}"));
    }
}

#[test]
fn a_token_for_a_request_names_it() {
    for secret in [SEC1, PAIR] {
        let key = key(secret);
        let jwt =
            key.jwt_for_request("GET", "api.coinbase.com", "/api/v3/brokerage/accounts", at(1_790_000_000)).unwrap();
        let (header, claims) = verified(&key, jwt.expose());
        assert_eq!(header["alg"], key.algorithm());
        assert_eq!((&header["typ"], &header["kid"]), (&"JWT".into(), &"organizations/1/apiKeys/2".into()));
        assert_eq!(claims["uri"], "GET api.coinbase.com/api/v3/brokerage/accounts");
        assert_eq!((&claims["iss"], &claims["sub"]), (&"cdp".into(), &header["kid"]));
        let (nbf, exp) = (claims["nbf"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert_eq!(exp - nbf, 120);
        assert!((1_789_999_990..=1_790_000_000).contains(&nbf), "{nbf}");
        assert_eq!(jwt.expires(), at(exp));
        let socket = key.jwt_for_socket(at(1_790_000_000)).unwrap();
        let (other, claims) = verified(&key, socket.expose());
        assert_eq!(claims.get("uri"), None);
        assert_ne!(other["nonce"], header["nonce"]);
        assert_eq!(header["nonce"].as_str().unwrap().len(), 32);
    }
}

#[test]
fn case_81_a_token_for_a_message_is_as_old_as_its_sending() {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };
    let now = Arc::new(AtomicI64::new(1_790_000_000));
    let hand = Arc::clone(&now);
    let clock = ExchangeClock::with_local(move || at(hand.load(Ordering::Relaxed)));
    let tokens = TokenSource::new(key(PAIR), clock.clone());
    let first = tokens.for_socket().unwrap();
    now.fetch_add(130, Ordering::Relaxed);
    assert!(first.expires() <= clock.now(), "the first would be refused now");
    let second = tokens.for_socket().unwrap();
    let left = second.expires().millis_since(clock.now());
    assert!(left > 100_000, "{left}");
    // A clock that is 5 minutes behind makes tokens of the exchange's time once it is measured.
    clock.measured(clock.local(), clock.local(), at(1_790_000_130 + 300));
    let (_, claims) = verified(tokens.key(), tokens.for_socket().unwrap().expose());
    let nbf = claims["nbf"].as_i64().unwrap();
    assert!((1_790_000_420..=1_790_000_430).contains(&nbf), "{nbf}");
}

#[test]
fn nothing_secret_is_in_debug_texts() {
    let tokens = TokenSource::new(key(SEC1), ExchangeClock::system());
    let jwt = tokens.for_socket().unwrap();
    let credentials = crate::Credentials::from_key(tokens.key().clone());
    let config = crate::CoinbaseConfig::default().with_credentials(credentials.clone());
    let shown = format!("{tokens:?} {jwt:?} {credentials:?} {config:#?}");
    for secret in ["MHcCAQ", "c9afa9", "C9AFA9", "201, 175", jwt.expose(), &jwt.expose()[..20]] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// The recorded vectors of the project's fixtures, where they are at hand; the standards' own are above.
#[test]
fn recorded_tokens_are_made_again() {
    let root = std::env::var("LIVERMORE_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
    let path = format!("{root}/coinbase-fixtures/auth/jwt_vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        livermore_tests::skipped("the recorded token vectors are not at hand");
        return;
    };
    let vectors: Value = serde_json::from_str(&text).unwrap();
    for kind in ["ecdsa", "ed25519"] {
        let vector = &vectors[kind];
        let secrets = vector.as_object().unwrap().iter();
        let is_secret = |name: &str| name.contains("pem") && !name.contains("public_pem") || name.starts_with("base64");
        for (_, secret) in secrets.filter(|(name, _)| is_secret(name)) {
            let name = KeyName::new(vector["rest"]["header"]["kid"].as_str().unwrap()).unwrap();
            let key = ApiKey::new(name, &SecretString::from(secret.as_str().unwrap())).unwrap();
            for form in ["rest", "websocket"] {
                let token = vector[form]["jwt"].as_str().unwrap();
                let (header, claims) = verified(&key, token);
                assert_eq!((&header, &claims), (&vector[form]["header"], &vector[form]["claims"]));
                let uri = claims["uri"].as_str().map(str::to_owned);
                let nonce = header["nonce"].as_str().unwrap();
                let made = Jwt::made_of(&key, uri, claims["nbf"].as_i64().unwrap(), nonce);
                assert_eq!(made.expose(), token, "{kind} {form}");
            }
        }
    }
    for invalid in vectors["invalid_secrets"].as_array().unwrap() {
        assert!(try_key(invalid["secret"].as_str().unwrap()).is_err(), "{}", invalid["why"]);
    }
}
