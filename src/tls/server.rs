//! TLS as a server: a certificate and its key from files that are read again when they change, so that a renewed
//! certificate needs no restart. A pair that does not fit keeps the one before.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::{certificates, install_provider, validity};

/// Where the certificate (with its chain) and the key are; both are PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Divided by the file that has to be mended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    #[error("{0}")]
    Cert(String),
    #[error("{0}")]
    Key(String),
}

impl Pair {
    fn read(&self) -> Result<Arc<ServerConfig>, PairError> {
        install_provider();
        let chain = certificates(&self.cert).map_err(PairError::Cert)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|e| PairError::Key(format!("no private key in {}: {e}", self.key.display())))?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key);
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let (cert, key) = (self.cert.display(), self.key.display());
                PairError::Key(format!("{key} is not the key of {cert}"))
            }
            other => PairError::Cert(format!("{} can't be used: {other}", self.cert.display())),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Whether the pair can be used at all.
    pub fn check(&self) -> Result<(), PairError> {
        self.read().map(drop)
    }

    /// Whether clients will take the certificate for valid at this time.
    pub fn check_validity(&self, now: DateTime<Utc>) -> Result<(), PairError> {
        let chain = certificates(&self.cert).map_err(PairError::Cert)?;
        let Some((from, to)) = chain.first().and_then(|leaf| validity::of(leaf)) else {
            return Ok(());
        };
        let cert = self.cert.display();
        if now > to {
            Err(PairError::Cert(format!("{cert} has expired at {to}; renew it")))
        } else if now < from {
            Err(PairError::Cert(format!(
                "{cert} is not valid before {from}; set the clock, or wait"
            )))
        } else {
            Ok(())
        }
    }
}

/// What tells one edition of a file from the next.
type Edition = Option<(u64, i64, i64, u64)>;

fn edition(path: &Path) -> Edition {
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()))
}

/// The pair in use.
#[derive(Debug)]
pub struct Server {
    pair: Pair,
    config: RwLock<Arc<ServerConfig>>,
    editions: Mutex<[Edition; 2]>,
}

impl Server {
    /// Blocks on the disk.
    pub fn open(pair: Pair) -> Result<Self, PairError> {
        let editions = Mutex::new([edition(&pair.cert), edition(&pair.key)]);
        let config = RwLock::new(pair.read()?);
        Ok(Self { pair, config, editions })
    }

    /// For the next connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a changed pair into use; nothing when the files are as they were. Blocks on the disk.
    pub fn refresh(&self) -> Option<Result<(), PairError>> {
        let found = [edition(&self.pair.cert), edition(&self.pair.key)];
        let mut known = self.editions.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == found {
            return None;
        }
        *known = found;
        Some(self.pair.read().map(|config| {
            *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        }))
    }
}
