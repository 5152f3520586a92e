//! Shakes hands with those who connect.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::connector::Peer;
use super::names::domains;
use super::validity::concern;
use super::{Fault, Files, Stamp, authorities, stamp};

/// So often it is looked whether the files changed.
const LOOKED_AT: Duration = Duration::from_secs(1);
/// So often it is told that a certificate ends soon, or ended: each day.
const REMINDED: u64 = 24 * 3600 / LOOKED_AT.as_secs();

/// A connection over TLS that somebody else opened.
pub type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// What is shown to whoever connects, and what is asked of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub own: Files,
    /// Certificates of those who may vouch for who connects (PEM). `None`: nobody is asked for a certificate.
    pub clients: Option<PathBuf>,
}

/// Its copies show the same certificate.
#[derive(Clone)]
pub struct Acceptor {
    terms: Arc<ArcSwap<Terms>>,
    others: Sender<Shown>,
}

/// How hands are shaken.
struct Terms {
    shown: Shown,
    certificate: CertificateDer<'static>,
    plain: Arc<ServerConfig>,
    /// Where those who connect are asked for a certificate; they need not have one.
    asking: Arc<ServerConfig>,
}

impl Shown {
    /// Whether the files can be used.
    pub fn check(&self) -> Result<(), Fault> {
        self.load().map(drop)
    }

    fn load(&self) -> Result<Terms, Fault> {
        let own = self.own.load()?;
        let path = &self.own.certificate;
        let certificate = own.cert.first().cloned().ok_or_else(|| Fault::NoCertificate { path: path.clone() })?;
        let shown = Arc::new(SingleCertAndKey::from(own));
        let provider = Arc::new(ring::default_provider());
        let builder = || {
            let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
            builder.map_err(|error| Fault::Library { error })
        };
        let plain = Arc::new(builder()?.with_no_client_auth().with_cert_resolver(shown.clone()));
        let terms = |plain, asking| Terms { shown: self.clone(), certificate, plain, asking };
        let Some(clients) = &self.clients else { return Ok(terms(plain.clone(), plain)) };
        let roots = Arc::new(authorities(clients)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).allow_unauthenticated();
        let unusable = |_| Fault::NoCertificate { path: clients.clone() };
        let verifier = verifier.build().map_err(unusable)?;
        let asking = Arc::new(builder()?.with_client_cert_verifier(verifier).with_cert_resolver(shown));
        Ok(terms(plain, asking))
    }

    fn stamp(&self) -> Stamp {
        let own: [&Path; 2] = [&self.own.certificate, &self.own.key];
        stamp(&own.into_iter().chain(self.clients.as_deref()).collect::<Vec<_>>())
    }
}

impl Acceptor {
    /// Whoever connected with a certificate for these names, as we find them again: vouched for by the same, and shown
    /// what they were shown. `None`: nobody is asked for one.
    pub fn peer(&self, names: Vec<String>) -> Option<Peer> {
        let Shown { own, clients } = &self.terms.load().shown;
        Some(Peer { names, authorities: Some(clients.clone()?), own: Some(own.clone()) })
    }

    /// The files are looked at from a thread of their own: a disk that hangs holds up nobody who connects.
    pub fn open(shown: Shown) -> Result<Acceptor, Fault> {
        let path = shown.own.certificate.clone();
        let (mut watched, terms) = Watched::open(shown)?;
        let terms = Arc::new(ArcSwap::from_pointee(terms));
        let (others, told) = channel();
        let held = terms.clone();
        let watch = move || {
            let mut looks = 0_u64;
            loop {
                if looks.is_multiple_of(REMINDED)
                    && let Some(concern) = concern(&held.load().certificate, Timestamp::now())
                {
                    warn!(concern, "the certificate that is shown");
                }
                looks += 1;
                let other = match told.recv_timeout(LOOKED_AT) {
                    Ok(shown) => Some(shown),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                match watched.look(other) {
                    None => {}
                    Some(Ok(terms)) => {
                        held.store(Arc::new(terms));
                        looks = 0;
                        let path = watched.shown.own.certificate.display();
                        info!(certificate = %path, "the new files of [tls] are used from here on");
                    }
                    Some(Err(fault)) => {
                        warn!(%fault, "the new files of [tls] cannot be used; those before are used on");
                    }
                }
            }
        };
        let named = std::thread::Builder::new().name("certificate".into());
        named.spawn(watch).map_err(|error| Fault::Unreadable { path, error })?;
        Ok(Acceptor { terms, others })
    }

    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream> {
        TlsAcceptor::from(self.terms.load().plain.clone()).accept(stream).await
    }

    /// Also asks for a certificate, where those are named who may vouch for one → the domains that it is for. One for
    /// which nobody vouches ends the connection.
    pub async fn accept_asking(&self, stream: TcpStream) -> io::Result<(TlsStream, Vec<String>)> {
        let stream = TlsAcceptor::from(self.terms.load().asking.clone()).accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let domains = shown.map(domains).unwrap_or_default();
        Ok((stream, domains))
    }

    /// Other files; as they are, at once.
    pub fn set_files(&self, shown: Shown) {
        let _ = self.others.send(shown);
    }
}

/// The files, and how they were when they were read last.
struct Watched {
    shown: Shown,
    stamp: Stamp,
}

impl Watched {
    fn open(shown: Shown) -> Result<(Watched, Terms), Fault> {
        // Before they are read: what is written meanwhile is read again.
        let stamp = shown.stamp();
        let terms = shown.load()?;
        Ok((Watched { shown, stamp }, terms))
    }

    /// What is in them, if that is news: they changed, or others are meant.
    fn look(&mut self, others: Option<Shown>) -> Option<Result<Terms, Fault>> {
        let are_others = others.as_ref().is_some_and(|others| *others != self.shown);
        self.shown = others.unwrap_or_else(|| self.shown.clone());
        let stamp = self.shown.stamp();
        if stamp == self.stamp && !are_others {
            return None;
        }
        self.stamp = stamp;
        Some(self.shown.load())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn files_are_read_when_they_change_and_others_are_told_of_though_they_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let own = Files { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
        let files = Shown { own: own.clone(), clients: None };
        let write = || {
            let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
            fs::write(&own.certificate, made.cert.pem()).unwrap();
            fs::write(&own.key, made.signing_key.serialize_pem()).unwrap();
        };
        write();
        let (mut watched, _) = Watched::open(files.clone()).unwrap();
        assert!(watched.look(None).is_none() && watched.look(Some(files.clone())).is_none());
        write();
        let another_time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        fs::File::options().append(true).open(&own.key).unwrap().set_modified(another_time).unwrap();
        assert!(matches!(watched.look(None), Some(Ok(_))));
        assert!(watched.look(None).is_none(), "once");
        fs::remove_file(&own.key).unwrap();
        assert!(matches!(watched.look(None), Some(Err(Fault::Unreadable { .. }))));
        let nowhere = Files { certificate: dir.path().join("x"), key: dir.path().join("y") };
        let nowhere = Shown { own: nowhere, clients: None };
        assert!(matches!(watched.look(Some(nowhere)), Some(Err(Fault::Unreadable { .. }))));
        assert!(watched.look(None).is_none());
        write();
        assert!(matches!(watched.look(Some(files.clone())), Some(Ok(_))));
        let clients = Some(dir.path().join("clients.pem"));
        assert!(matches!(watched.look(Some(Shown { clients, ..files.clone() })), Some(Err(Fault::Unreadable { .. }))));
        fs::copy(&own.certificate, dir.path().join("clients.pem")).unwrap();
        assert!(matches!(watched.look(None), Some(Ok(_))), "the file of those who vouch is watched, too");
    }
}
