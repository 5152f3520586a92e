//! TLS for whoever takes connections or opens them: certificates and keys from files, read again when the files change.
//!
//! A certificate that is renewed takes effect within a second or two, or with the next connection of ours; one that
//! cannot be used is told, and the one before it is shown on. Does not know what is spoken over a connection. The only
//! door to rustls on this side.

mod acceptor;
mod connector;
mod distrust;
mod names;
#[cfg(test)]
mod tests;
mod validity;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use acceptor::{Acceptor, Shown, TlsStream};
pub use connector::{Connector, Peer, PeerStream};
pub use distrust::{Distrust, in_words};
use jiff::Timestamp;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};

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
    #[error("this machine has no certificates of authorities: name a file with those that are trusted")]
    NoAuthorities,
    #[error("TLS: {error}")]
    Library { error: Error },
}

impl Fault {
    /// Of the file that is at fault.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Fault::Unreadable { path, .. }
            | Fault::NoCertificate { path }
            | Fault::NoKey { path }
            | Fault::Strangers { key: path, .. }
            | Fault::Unusable { path, .. } => Some(path),
            Fault::NoAuthorities | Fault::Library { .. } => None,
        }
    }
}

impl Files {
    /// Whether they can be used.
    pub fn check(&self) -> Result<(), Fault> {
        self.load().map(drop)
    }

    /// What somebody has to hear of the certificate though it can be used: that it is over, or soon.
    pub fn concern(&self, now: Timestamp) -> Option<String> {
        let shown = certificates(&self.certificate).ok()?;
        let what = validity::concern(shown.first()?, now)?;
        Some(format!("{}: {what}", self.certificate.display()))
    }

    fn load(&self) -> Result<CertifiedKey, Fault> {
        let chain = certificates(&self.certificate)?;
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
}

/// Whether a file has certificates of authorities that can be used.
pub fn check_authorities(path: &Path) -> Result<(), Fault> {
    authorities(path).map(drop)
}

/// Those who may vouch for others.
fn authorities(path: &Path) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| Fault::Unusable { path: path.to_path_buf(), error })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found = CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(|| Fault::NoCertificate { path: path.to_path_buf() })
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    fs::read(path).map_err(|error| Fault::Unreadable { path: path.to_path_buf(), error })
}

/// Differs when one of the files was written anew.
type Stamp = Vec<Option<(SystemTime, u64)>>;

fn stamp(files: &[&Path]) -> Stamp {
    let of = |path: &&Path| {
        let told = fs::metadata(path).ok()?;
        Some((told.modified().ok()?, told.len()))
    };
    files.iter().map(of).collect()
}
