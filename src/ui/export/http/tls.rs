//! TLS, which rustls does.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::secret::read_secret;

/// A certificate with its key.
#[derive(Clone)]
pub struct Tls {
    pub(super) acceptor: TlsAcceptor,
}

impl core::fmt::Debug for Tls {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// From files in PEM: the chain, the own certificate first, and the key.
    ///
    /// # Errors
    /// When one of them cannot be read, the key is open to everybody, or they do not belong together.
    pub fn from_files(chain: &Path, key: &Path) -> anyhow::Result<Self> {
        let content = std::fs::read(chain).with_context(|| format!("cannot read {}", chain.display()))?;
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&content)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{} is no certificate in PEM", chain.display()))?;
        if certificates.is_empty() {
            bail!("{} has no certificate in PEM", chain.display());
        }
        let private = PrivateKeyDer::from_pem_slice(&read_secret(key)?)
            .with_context(|| format!("{} is no private key in PEM", key.display()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .context("TLS cannot be set up")?
            .with_no_client_auth()
            .with_single_cert(certificates, private)
            .with_context(|| format!("{} and {} do not make a pair", chain.display(), key.display()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}
