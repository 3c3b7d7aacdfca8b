use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::StartError;

/// A certificate authority that exists for one server, and what it signed.
pub(super) struct OwnTls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) ca_pem: String,
    pub(super) ca_der: Vec<u8>,
}

/// Makes a certificate for 127.0.0.1 and `localhost`.
pub(super) fn own_tls() -> Result<OwnTls, StartError> {
    make().map_err(|error| StartError::Certificate(error.to_string()))
}

fn make() -> Result<OwnTls, Box<dyn std::error::Error>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "livermore fake exchange");
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    let leaf_key = KeyPair::generate()?;
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let leaf = CertificateParams::new(names)?.signed_by(&leaf_key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok(OwnTls { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem: ca.pem(), ca_der: ca.der().to_vec() })
}
