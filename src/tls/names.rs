//! For whom a certificate is, RFC 5922 §7.

use std::net::IpAddr;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use webpki::EndEntityCert;

/// The SIP domains that a certificate is for, in lower case (§7.1): those of its `sip:` URIs, and where it has none its
/// DNS names.
pub(super) fn domains(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(parsed) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    let of_uris: Vec<String> = parsed.valid_uri_names().filter_map(domain).collect();
    match of_uris.is_empty() {
        true => parsed.valid_dns_names().map(str::to_ascii_lowercase).collect(),
        false => of_uris,
    }
}

/// Whether it is for this domain or address. Names are compared whole (§7.2): `*.carrier.example` is none but itself.
pub(super) fn is_for(certificate: &CertificateDer<'_>, name: &str) -> bool {
    match name.parse::<IpAddr>() {
        Err(_) => domains(certificate).iter().any(|domain| domain.eq_ignore_ascii_case(name)),
        Ok(ip) => {
            let name = ServerName::IpAddress(ip.into());
            let parsed = ParsedCertificate::try_from(certificate);
            parsed.is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
        }
    }
}

/// Of a SIP URI that names no user.
fn domain(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let host = rest.split([';', '?', ':']).next().unwrap_or_default();
    let is_domain = scheme.eq_ignore_ascii_case("sip") && !rest.contains('@') && !host.is_empty();
    is_domain.then(|| host.to_ascii_lowercase())
}
