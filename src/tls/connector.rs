//! Shakes hands with those whom we connect to, whose certificate must say that they are who is meant.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tracing::warn;

use super::names::{domains, is_for};
use super::{Fault, Files, Stamp, authorities, stamp};

/// A connection over TLS that we opened.
pub type PeerStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Whom we connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The domains, or addresses, of which its certificate must be for one; the first is asked for.
    pub names: Vec<String>,
    /// Certificates of those who may vouch for it (PEM). `None`: the system's.
    pub authorities: Option<PathBuf>,
    /// What is shown to it where it asks. `None`: nothing.
    pub own: Option<Files>,
}

type Read = (Stamp, Arc<ClientConfig>);

/// Its copies connect to the same.
#[derive(Clone)]
pub struct Connector {
    peer: Peer,
    /// As the files were when they were read last.
    read: Arc<Mutex<Option<Read>>>,
    /// Why there was no connection the last time.
    fault: Arc<Mutex<Option<String>>>,
}

impl Peer {
    /// Whether the files can be used.
    pub fn check(&self) -> Result<(), Fault> {
        self.own.as_ref().map_or(Ok(()), Files::check)?;
        self.authorities.as_deref().map_or(Ok(()), super::check_authorities)
    }

    fn load(&self) -> Result<ClientConfig, Fault> {
        let roots = match &self.authorities {
            Some(path) => authorities(path)?,
            None => system_authorities()?,
        };
        let provider = ring::default_provider();
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Verifier { roots, names: self.names.clone(), algorithms };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Fault::Library { error })?.dangerous();
        let builder = builder.with_custom_certificate_verifier(Arc::new(verifier));
        Ok(match &self.own {
            Some(own) => builder.with_client_cert_resolver(Arc::new(Own(Arc::new(own.load()?)))),
            None => builder.with_no_client_auth(),
        })
    }

    fn stamp(&self) -> Stamp {
        let own = self.own.iter().flat_map(|own| [own.certificate.as_path(), own.key.as_path()]);
        let files: Vec<&Path> = own.chain(self.authorities.as_deref()).collect();
        stamp(&files)
    }
}

impl Connector {
    pub fn new(peer: Peer) -> Connector {
        Connector { peer, read: Arc::default(), fault: Arc::default() }
    }

    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Over a connection that is there. The files are read again where they changed, beside the runtime: a disk that
    /// hangs holds up nobody else.
    pub async fn connect(&self, stream: TcpStream) -> io::Result<PeerStream> {
        let reader = self.clone();
        let config = tokio::task::spawn_blocking(move || reader.config()).await.map_err(io::Error::other)?;
        let config = config.map_err(io::Error::other)?;
        // What is no name of a host (`*.carrier.example`) is not asked for by name.
        let mut names = self.peer.names.iter().filter_map(|name| ServerName::try_from(name.clone()).ok());
        let name = match names.next() {
            Some(name) => name,
            None => ServerName::IpAddress(stream.peer_addr()?.ip().into()),
        };
        TlsConnector::from(config).connect(name, stream).await
    }

    /// There is a connection, or none for this reason. `true`: the time before it was otherwise.
    pub fn is_news(&self, fault: Option<&str>) -> bool {
        let mut before = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = before.as_deref() != fault;
        *before = fault.map(str::to_string);
        is_news
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Fault> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.peer.stamp();
        if let Some((before, config)) = &*read
            && *before == stamp
        {
            return Ok(config.clone());
        }
        match (self.peer.load(), &mut *read) {
            (Ok(config), read) => {
                let config = Arc::new(config);
                *read = Some((stamp, config.clone()));
                Ok(config)
            }
            (Err(fault), Some((before, config))) => {
                warn!(%fault, "the new files cannot be used; those before are used on");
                *before = stamp;
                Ok(config.clone())
            }
            (Err(fault), None) => Err(fault),
        }
    }
}

fn system_authorities() -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    // Some that are no use to us are always among them.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(Fault::NoAuthorities) } else { Ok(roots) }
}

/// Shows it whoever asks: what they ask for is only known by those who will look at it.
#[derive(Debug)]
struct Own(Arc<CertifiedKey>);

impl ResolvesClientCert for Own {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Somebody who is trusted vouches for it, and it is for whom we mean.
#[derive(Debug)]
struct Verifier {
    roots: RootCertStore,
    names: Vec<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _asked: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, between, now, self.algorithms.all)?;
        if self.names.iter().any(|name| is_for(certificate, name)) {
            return Ok(ServerCertVerified::assertion());
        }
        let (meant, found) = (self.names.join(" or "), domains(certificate).join(", "));
        let found = if found.is_empty() { "nobody" } else { &found };
        let why = format!("the certificate is not for {meant}, but for {found}");
        Err(CertificateError::Other(rustls::OtherError(Arc::new(io::Error::other(why)))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
