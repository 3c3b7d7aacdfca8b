use std::{fmt, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// How encrypted connections are made: which certificates are trusted, and by which cryptography.
///
/// By default the roots of Mozilla's programme, compiled in, and the `ring` provider, named explicitly: a program that
/// carries another provider as well, or none, is not disturbed.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// A caller's own choice of trusted certificates and cryptography, for REST and WebSockets alike.
    pub fn from_config(config: ClientConfig) -> Self {
        Self(Arc::new(config))
    }

    /// For a WebSocket, which is spoken over HTTP/1.1 alone.
    pub(crate) fn for_socket(&self) -> Arc<ClientConfig> {
        Arc::new(self.for_http())
    }

    /// For REST requests. The client speaks HTTP/1.1 and must not offer more.
    pub(crate) fn for_http(&self) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }
}

impl Default for Tls {
    fn default() -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        // The provider has suites for both versions of the protocol, so this cannot be refused.
        let versions = builder.with_protocol_versions(rustls::DEFAULT_VERSIONS);
        #[allow(clippy::expect_used, reason = "a constant pairing of provider and versions, covered by a test")]
        let builder = versions.expect("ring speaks TLS 1.2 and 1.3");
        Self(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_can_be_made_and_offers_http_1_alone() {
        let tls = Tls::default();
        assert_eq!(tls.for_http().alpn_protocols, [b"http/1.1".to_vec()]);
        assert!(tls.for_socket().alpn_protocols == [b"http/1.1".to_vec()]);
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 50);
    }
}
