//! TLS for whoever takes connections: a certificate and its key from files, read again when the files change.
//!
//! A certificate that is renewed takes effect with the next connection; one that cannot be used is told, and the one
//! before it is shown on. Does not know what is spoken over a connection. The only door to rustls on this side.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

/// A connection over TLS.
pub type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// Where certificate and key are, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and those between it and the root, in this order.
    pub certificate: PathBuf,
    /// PKCS #8, PKCS #1 or SEC 1, without a passphrase.
    pub key: PathBuf,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("{}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{}: no certificate (PEM) is in it", path.display())]
    NoCertificate { path: PathBuf },
    #[error("{}: no private key (PEM, without a passphrase) is in it", path.display())]
    NoKey { path: PathBuf },
    #[error("{}: the key does not belong to the certificate {}", key.display(), certificate.display())]
    Strangers { key: PathBuf, certificate: PathBuf },
    #[error("{}: {error}", path.display())]
    Unusable { path: PathBuf, error: Error },
}

impl Files {
    /// Whether they can be used.
    pub fn check(&self) -> Result<(), Fault> {
        self.load().map(drop)
    }

    fn load(&self) -> Result<CertifiedKey, Fault> {
        let path = self.certificate.clone();
        let chain = CertificateDer::pem_slice_iter(&read(&path)?).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(Fault::NoCertificate { path })?;
        let path = self.key.clone();
        let key = PrivateKeyDer::from_pem_slice(&read(&path)?).map_err(|_| Fault::NoKey { path })?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                Fault::Strangers { key: self.key.clone(), certificate: self.certificate.clone() }
            }
            error @ Error::InvalidCertificate(_) => Fault::Unusable { path: self.certificate.clone(), error },
            error => Fault::Unusable { path: self.key.clone(), error },
        })
    }

    /// Differs when either file was written anew.
    fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let told = fs::metadata(path).ok()?;
            Some((told.modified().ok()?, told.len()))
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    fs::read(path).map_err(|error| Fault::Unreadable { path: path.to_path_buf(), error })
}

/// Shakes hands with those who connect; its copies show the same certificate.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    shown: Arc<Shown>,
}

#[derive(Debug)]
struct Shown {
    certificate: ArcSwap<CertifiedKey>,
    watched: Mutex<Watched>,
}

#[derive(Debug)]
struct Watched {
    files: Files,
    stamp: [Option<(SystemTime, u64)>; 2],
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certificate.load_full())
    }
}

impl Acceptor {
    pub fn open(files: Files) -> Result<Acceptor, Fault> {
        // Before they are read: what is written meanwhile is read again.
        let stamp = files.stamp();
        let certificate = ArcSwap::from_pointee(files.load()?);
        let path = files.certificate.clone();
        let shown = Arc::new(Shown { certificate, watched: Mutex::new(Watched { files, stamp }) });
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::Unusable { path, error })?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        Ok(Acceptor { tls: TlsAcceptor::from(Arc::new(config)), shown })
    }

    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream> {
        self.look();
        self.tls.accept(stream).await
    }

    /// Other files; as they are, at once.
    pub fn set_files(&self, files: Files) {
        let Ok(mut watched) = self.shown.watched.lock() else { return };
        if watched.files != files {
            watched.files = files;
            watched.stamp = [None; 2];
        }
        self.shown.read_again(&mut watched);
    }

    /// Reads the files again if they changed. Whoever connects pays for a look at their times, which is little beside
    /// the handshake.
    fn look(&self) {
        // Else somebody is looking.
        if let Ok(mut watched) = self.shown.watched.try_lock() {
            self.shown.read_again(&mut watched);
        }
    }
}

impl Shown {
    fn read_again(&self, watched: &mut Watched) {
        let stamp = watched.files.stamp();
        if stamp == watched.stamp {
            return;
        }
        watched.stamp = stamp;
        let path = watched.files.certificate.display();
        match watched.files.load() {
            Ok(certificate) => {
                self.certificate.store(Arc::new(certificate));
                info!(certificate = %path, "another certificate is shown from here on");
            }
            Err(fault) => warn!(%fault, "the new certificate cannot be used; the one before is shown on"),
        }
    }
}
