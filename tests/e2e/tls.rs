//! Encrypted signalling with peers of others: a desk phone over TLS, pages over secure WebSockets, and a certificate
//! that is renewed while the house is open.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::browsers::run;
use crate::house::{Files, House, PATIENCE};
use crate::peers::{Baresip, Softphone};
use crate::ports::free_port;
use crate::sound::Heard;

/// A certificate for 127.0.0.1 and its key in this folder, its own issuer.
pub fn make_certificate(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_string()]).expect("a certificate");
    fs::write(dir.join("cert.pem"), made.cert.pem()).expect("writes");
    fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).expect("writes");
    made.cert.der().clone()
}

/// Adds a listener for `transport` (`tls`, `wss`) to the files, with a certificate in `dir`.
pub fn encrypt(files: &mut Files, transport: &str, dir: &Path) -> SocketAddr {
    let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = "\"tcp:127.0.0.1:0\"";
    files.hotline = files.hotline.replace(listen, &format!("{listen}, \"{transport}:{addr}\""));
    let at = dir.display();
    files.hotline += &format!("[tls]\ncertificate = \"{at}/cert.pem\"\nkey = \"{at}/key.pem\"\n");
    addr
}

/// A connection to somebody who shows this certificate, or none.
pub async fn shake_hands(addr: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    TlsConnector::from(config).connect(name, stream).await
}

#[test]
fn a_desk_phone_registers_and_talks_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    make_certificate(dir.path());
    let mut files = Files::new(None);
    let addr = encrypt(&mut files, "tls", dir.path());
    let house = House::open(&files);
    let server = format!("{addr};transport=tls");
    let phone = Baresip::register_at(&house, &server, "8001", "open-sesame", 700, Some(&dir.path().join("cert.pem")));
    let heard = dir.path().join("heard.wav");
    assert!(Softphone::call(&house, "12346", &["--for", "8s", "--record", heard.to_str().unwrap()]).end());
    let record = house.wait_records(1).remove(0);
    assert_eq!(
        (record["outcome"].as_str(), record["seat"].as_str()),
        (Some("answered"), Some("8001")),
        "{record:#}\n{}",
        phone.log()
    );
    let tone = Heard::read(&heard).seconds_of(700);
    assert!(tone > 3.0, "the operator was heard for {tone} s");
}

#[test]
fn a_renewed_certificate_is_shown_to_whoever_connects_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let first = make_certificate(dir.path());
    let mut files = Files::new(None);
    let addr = encrypt(&mut files, "tls", dir.path());
    let house = House::open(&files);
    run(async {
        let before = shake_hands(addr, &first).await.expect("the first certificate");
        // Files tell by their time and length that they changed.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let second = make_certificate(dir.path());
        let until = Instant::now() + PATIENCE;
        while shake_hands(addr, &second).await.is_err() {
            assert!(Instant::now() < until, "the second certificate is not shown\n{}", house.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(shake_hands(addr, &first).await.is_err(), "the first is shown no longer");
        fs::write(dir.path().join("cert.pem"), "no certificate").unwrap();
        shake_hands(addr, &second).await.expect("the last good one");
        drop(before);
    });
    house.wait_log(&["cannot be used", "cert.pem"]);
}

#[test]
fn a_page_of_strangers_and_another_protocol_are_refused_over_wss() {
    let dir = tempfile::tempdir().unwrap();
    let trusted = make_certificate(dir.path());
    let mut files = Files::new(None);
    let addr = encrypt(&mut files, "wss", dir.path());
    files.hotline += "[web]\norigins = [\"https://desk.example\"]\n";
    let _house = House::open(&files);
    let own = format!("https://{addr}");
    run(async {
        for (protocol, origin, expected) in [
            ("sip", Some(own.as_str()), None),
            ("sip", Some("https://desk.example"), None),
            ("sip", None, None),
            ("xmpp", Some(own.as_str()), Some(400)),
            ("sip", Some("https://elsewhere.example"), Some(403)),
        ] {
            let mut request = format!("wss://{addr}/").into_client_request().unwrap();
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
            if let Some(origin) = origin {
                request.headers_mut().insert("origin", origin.parse().unwrap());
            }
            let stream = shake_hands(addr, &trusted).await.expect("the certificate");
            let refused = match client_async(request, stream).await {
                Ok((_, response)) => {
                    assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
                    None
                }
                Err(tungstenite::Error::Http(response)) => Some(response.status().as_u16()),
                Err(other) => panic!("{protocol} {origin:?}: {other}"),
            };
            assert_eq!(refused, expected, "{protocol} {origin:?}");
        }
    });
}
