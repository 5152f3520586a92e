//! TLS for whoever takes connections: a certificate and its key from files, read again when the files change.
//!
//! A certificate that is renewed takes effect within a second or two; one that cannot be used is told, and the one
//! before it is shown on. Does not know what is spoken over a connection. The only door to rustls on this side.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

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

/// So often it is looked whether the files changed.
const LOOKED_AT: Duration = Duration::from_secs(1);

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
    others: Sender<Files>,
}

#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Acceptor {
    /// The files are looked at from a thread of their own: a disk that hangs holds up nobody who connects.
    pub fn open(files: Files) -> Result<Acceptor, Fault> {
        let (mut watched, certificate) = Watched::open(files)?;
        let shown = Arc::new(Shown(ArcSwap::from_pointee(certificate)));
        let path = watched.files.certificate.clone();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::Unusable { path: path.clone(), error })?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        let (others, told) = channel();
        let watch = move || {
            loop {
                let other = match told.recv_timeout(LOOKED_AT) {
                    Ok(files) => Some(files),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                match watched.look(other) {
                    None => {}
                    Some(Ok(certificate)) => {
                        shown.0.store(Arc::new(certificate));
                        let path = watched.files.certificate.display();
                        info!(certificate = %path, "another certificate is shown from here on");
                    }
                    Some(Err(fault)) => {
                        warn!(%fault, "the new certificate cannot be used; the one before is shown on");
                    }
                }
            }
        };
        let named = std::thread::Builder::new().name("certificate".into());
        named.spawn(watch).map_err(|error| Fault::Unreadable { path, error })?;
        Ok(Acceptor { tls: TlsAcceptor::from(Arc::new(config)), others })
    }

    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream> {
        self.tls.accept(stream).await
    }

    /// Other files; as they are, at once.
    pub fn set_files(&self, files: Files) {
        let _ = self.others.send(files);
    }
}

/// The files, and how they were when they were read last.
struct Watched {
    files: Files,
    stamp: [Option<(SystemTime, u64)>; 2],
}

impl Watched {
    fn open(files: Files) -> Result<(Watched, CertifiedKey), Fault> {
        // Before they are read: what is written meanwhile is read again.
        let stamp = files.stamp();
        let certificate = files.load()?;
        Ok((Watched { files, stamp }, certificate))
    }

    /// What is in them, if that is news: they changed, or others are meant.
    fn look(&mut self, others: Option<Files>) -> Option<Result<CertifiedKey, Fault>> {
        let are_others = others.as_ref().is_some_and(|others| *others != self.files);
        self.files = others.unwrap_or_else(|| self.files.clone());
        let stamp = self.files.stamp();
        if stamp == self.stamp && !are_others {
            return None;
        }
        self.stamp = stamp;
        Some(self.files.load())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_when_they_change_and_others_are_told_of_though_they_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
        let write = || {
            let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
            fs::write(&files.certificate, made.cert.pem()).unwrap();
            fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        };
        write();
        let (mut watched, _) = Watched::open(files.clone()).unwrap();
        assert!(watched.look(None).is_none() && watched.look(Some(files.clone())).is_none());
        write();
        let another_time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        fs::File::options().append(true).open(&files.key).unwrap().set_modified(another_time).unwrap();
        assert!(matches!(watched.look(None), Some(Ok(_))));
        assert!(watched.look(None).is_none(), "once");
        fs::remove_file(&files.key).unwrap();
        assert!(matches!(watched.look(None), Some(Err(Fault::Unreadable { .. }))));
        let nowhere = Files { certificate: dir.path().join("x"), key: dir.path().join("y") };
        assert!(matches!(watched.look(Some(nowhere)), Some(Err(Fault::Unreadable { .. }))));
        assert!(watched.look(None).is_none());
        write();
        assert!(matches!(watched.look(Some(files.clone())), Some(Ok(_))));
    }
}
