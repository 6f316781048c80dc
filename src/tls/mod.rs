//! TLS, with one provider. As a client: the system's certificate authorities or one of the plant's own, certificates always
//! checked. As a server: see [`Server`].

mod own;
mod server;
mod validity;

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore};

pub use own::client_of;
pub use server::{Pair, PairError, Server};

/// Files of a connection's TLS; all are PEM.
#[derive(Debug, Clone, Default)]
pub struct Files<'a> {
    /// Instead of the system's authorities.
    pub ca: Option<&'a Path>,
    pub client_cert: Option<&'a Path>,
    pub client_key: Option<&'a Path>,
}

/// The one provider of the process; harmless when it is there already.
pub fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub fn client_config(files: &Files) -> Result<Arc<ClientConfig>, String> {
    install_provider();
    let mut roots = RootCertStore::empty();
    if let Some(path) = files.ca {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    } else {
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        if roots.is_empty() {
            return Err(
                "the system has no certificate authorities; install ca-certificates, or set ca_file".to_owned(),
            );
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = match (files.client_cert, files.client_key) {
        (Some(cert), Some(key)) => {
            let told = |e: rustls::pki_types::pem::Error| format!("no private key in {}: {e}", key.display());
            let key = PrivateKeyDer::from_pem_file(key).map_err(told)?;
            config
                .with_client_auth_cert(certificates(cert)?, key)
                .map_err(|e| e.to_string())?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let told = |e: rustls::pki_types::pem::Error| format!("no certificates in {}: {e}", path.display());
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(told)?.collect();
    let found = found.map_err(told)?;
    if found.is_empty() {
        Err(format!("no certificates in {}", path.display()))
    } else {
        Ok(found)
    }
}

/// Why no trusted connection came about, as something that can be acted upon.
pub fn explain(error: &std::io::Error, host: &str) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("the certificate of {host} has expired; renew it there, or set this machine's clock")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("the certificate of {host} is not valid yet; set this machine's clock")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("the certificate is not made out to {host}; use the name that stands in it")
            }
            // A bad signature is that of another authority of the same name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                format!("the certificate of {host} is signed by nobody that is trusted here; set ca_file")
            }
            other => format!("the certificate of {host} is not accepted: {other}"),
        },
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("{host} refuses our side of TLS ({alert:?}); see client_cert_file and client_key_file")
        }
        _ => format!("TLS: {error}"),
    }
}
