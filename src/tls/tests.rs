//! Both ends on the loopback: whom we believe, and who is believed.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// An authority whose certificate lies in `NAME.pem`.
fn authority(dir: &Path, name: &str) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(dir.join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
    Issuer::new(params, key)
}

/// A certificate for these names, vouched for by the authority.
fn certified(dir: &Path, name: &str, by: &Issuer<'static, KeyPair>, dns: &[&str], uris: &[&str]) -> Files {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(dns.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
    let files = Files { certificate: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) };
    fs::write(&files.certificate, params.signed_by(&key, by).unwrap().pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

/// Both sides of one connection: what each says of it.
async fn shake(acceptor: &Acceptor, connector: &Connector) -> (io::Result<Vec<String>>, io::Result<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let theirs = async {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept_asking(stream).await.map(|(_, names)| names)
    };
    let ours = async { connector.connect(TcpStream::connect(to).await.unwrap()).await.map(drop) };
    tokio::join!(theirs, ours)
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(30), test).await.expect("in time") });
}

#[test]
fn a_carrier_is_believed_by_its_domain_and_by_who_vouches_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, other) = (authority(dir.path(), "ca"), authority(dir.path(), "other"));
    let named = certified(dir.path(), "named", &ca, &["sbc.carrier.example", "127.0.0.1"], &[]);
    let by_uri = ["sip:Carrier.example", "sip:joe@else.example", "https://web.example"];
    let by_uri = certified(dir.path(), "by-uri", &ca, &["sbc.carrier.example"], &by_uri);
    let wild = certified(dir.path(), "wild", &ca, &["*.carrier.example"], &[]);
    let stranger = certified(dir.path(), "stranger", &other, &["sbc.carrier.example"], &[]);
    for (own, name, good) in [
        (&named, "sbc.carrier.example", true),
        (&named, "SBC.Carrier.Example", true),
        (&named, "carrier.example", false),
        (&named, "127.0.0.1", true),
        (&named, "127.0.0.2", false),
        (&by_uri, "carrier.example", true),
        // RFC 5922 §7.1: with a URI of SIP its DNS names do not count.
        (&by_uri, "sbc.carrier.example", false),
        (&by_uri, "web.example", false),
        // RFC 5922 §7.2.
        (&wild, "sbc.carrier.example", false),
        (&wild, "*.carrier.example", true),
        (&stranger, "sbc.carrier.example", false),
    ] {
        let acceptor = Acceptor::open(Shown { own: own.clone(), clients: None }).unwrap();
        let authorities = Some(dir.path().join("ca.pem"));
        let connector =
            Connector::new(Peer { names: vec!["nobody.example".into(), name.into()], authorities, own: None });
        run(async {
            let (_, ours) = shake(&acceptor, &connector).await;
            assert_eq!(ours.is_ok(), good, "{name} at {}: {ours:?}", own.certificate.display());
            let Err(error) = ours else { return };
            // Told in words, and once.
            let why = in_words(&error);
            assert!(why.contains("certificate") && !why.contains(['(', '{', ':']), "{why}");
            assert!(connector.is_news(Some(&why)) && !connector.clone().is_news(Some(&why)), "{why}");
            assert!(connector.is_news(None) && !connector.is_news(None));
        });
    }
}

#[test]
fn who_connects_is_asked_for_a_certificate_and_may_have_none() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, other) = (authority(dir.path(), "ca"), authority(dir.path(), "other"));
    let house = certified(dir.path(), "house", &ca, &["house.example"], &[]);
    let carrier = certified(dir.path(), "carrier", &ca, &["Carrier.example"], &[]);
    let stranger = certified(dir.path(), "stranger", &other, &["carrier.example"], &[]);
    let ca: PathBuf = dir.path().join("ca.pem");
    let acceptor = Acceptor::open(Shown { own: house, clients: Some(ca.clone()) }).unwrap();
    let ours = |own: Option<&Files>| {
        Connector::new(Peer { names: vec!["house.example".into()], authorities: Some(ca.clone()), own: own.cloned() })
    };
    run(async {
        let known = ours(Some(&carrier));
        assert_eq!(shake(&acceptor, &known).await.0.unwrap(), ["carrier.example"]);
        assert!(shake(&acceptor, &ours(None)).await.0.unwrap().is_empty(), "a phone has none");
        let refused = shake(&acceptor, &ours(Some(&stranger))).await.0.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData, "{refused}");
        // Another certificate is shown with the next connection; what cannot be used is not.
        fs::copy(&stranger.certificate, &carrier.certificate).unwrap();
        fs::copy(&stranger.key, &carrier.key).unwrap();
        assert!(shake(&acceptor, &known).await.0.is_err());
        fs::write(&carrier.key, "no key").unwrap();
        assert!(shake(&acceptor, &known).await.0.is_err(), "the one before is shown on");
    });
}
