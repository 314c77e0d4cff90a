//! TLS towards a broker: which roots to trust, and who we are.

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
use std::sync::Arc;

/// Whom to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The certificates of the operating system.
    System,
    /// The certificates in a PEM file.
    File(PathBuf),
}

/// How to speak TLS with a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    pub roots: Roots,
    /// Our own certificate chain and private key, PEM files, if the broker asks for one.
    pub identity: Option<Identity>,
}

/// A certificate chain and its private key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    #[error("cannot read certificates or a key from {}: {reason}", path.display())]
    Pem { path: PathBuf, reason: String },
    #[error("no certificate in {}", path.display())]
    NoCertificate { path: PathBuf },
    #[error("the operating system has no usable root certificates: {reason}")]
    NoSystemRoots { reason: String },
    #[error("the TLS library refuses the settings: {0}")]
    Settings(#[from] rustls::Error),
}

impl TlsOptions {
    /// Reads the files and makes a client configuration: TLS 1.2 or 1.3, hybrid key exchange first.
    ///
    /// Called for every connection, so a renewed certificate is taken up at the next one.
    pub(crate) fn client_config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let mut roots = RootCertStore::empty();
        match &self.roots {
            Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                let (added, _) = roots.add_parsable_certificates(found.certs);
                if added == 0 {
                    let reason = found.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                    return Err(TlsError::NoSystemRoots { reason });
                }
            }
            Roots::File(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate)?;
                }
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let config = match &self.identity {
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_file(&identity.key)
                    .map_err(|error| TlsError::Pem { path: identity.key.clone(), reason: error.to_string() })?;
                builder.with_client_auth_cert(certificates(&identity.certificate)?, key)?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }
}

/// Nobody is believed: for clients that speak without TLS, so that the system's certificates are not read for nothing.
pub(crate) fn without_roots() -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable =
        |error: rustls::pki_types::pem::Error| TlsError::Pem { path: path.clone(), reason: error.to_string() };
    let found =
        CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate { path: path.clone() });
    }
    Ok(found)
}
