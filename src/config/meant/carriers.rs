//! hotline.toml: `[[trunk]]` over TLS: who has to be there, and what is shown to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::secrets::is_open;
use super::trunks::Written;
use crate::config::fault::Faults;
use crate::config::reader;
use crate::config::source::Files as Sources;
use crate::config::written;
use crate::sip::{Hop, Host, NextHop, Settings, Transport, Trunk};
use crate::tls::{self, Files, Peer};

/// Domains that its certificate is for, in lower case.
pub fn certified(trunk: &Written<'_>, faults: &mut Faults) -> Vec<String> {
    let domains: Vec<String> =
        trunk.written.certified.iter().flat_map(|domains| domains.texts()).map(str::to_ascii_lowercase).collect();
    let is_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '*' | ':');
    for domain in domains.iter().filter(|domain| domain.is_empty() || !domain.chars().all(is_domain)) {
        let what = format!("found {domain:?}; a domain as the certificate has it is meant, e.g. \"carrier.example\"");
        trunk.fault(faults, "certified", what);
    }
    domains
}

/// `None`: it does not go over TLS.
pub fn peer(
    dir: &Path,
    now: Timestamp,
    trunk: &Written<'_>,
    (to, domain, certified): (&[NextHop], Option<&str>, &[String]),
    faults: &mut Faults,
) -> Option<Peer> {
    let written = &trunk.written;
    // A name without more may lead there, too.
    let may_be_tls = |to: &&NextHop| {
        to.transport() == Transport::Tls || (to.transport.is_none() && to.port.is_none() && to.literal().is_none())
    };
    let names = match certified {
        [] => to.iter().filter(may_be_tls).map(|to| expected(to, domain)).collect::<Vec<_>>(),
        certified => certified.to_vec(),
    };
    let goes_over_tls = to.iter().any(|to| may_be_tls(&to));
    for (key, is_written) in
        [("ca", written.ca.is_some()), ("certificate", written.certificate.is_some()), ("key", written.key.is_some())]
    {
        if is_written && !goes_over_tls {
            trunk.fault(faults, key, "it is for a trunk whose `to` goes over TLS, e.g. \"sips:carrier.example\"");
        }
    }
    let own = own(dir, now, trunk, faults);
    let authorities = written.ca.as_deref().map(|file| beside(dir, trunk, "ca", file));
    if let Some(Err(fault)) = authorities.as_deref().map(tls::check_authorities) {
        trunk.fault(faults, "ca", fault.to_string());
    }
    goes_over_tls.then_some(Peer { names, authorities, own })
}

fn expected(to: &NextHop, domain: Option<&str>) -> String {
    match (&to.host, domain) {
        (Host::Name(name), _) => name.clone(),
        (Host::Address(_), Some(domain)) => domain.to_ascii_lowercase(),
        (Host::Address(ip), None) => ip.to_string(),
    }
}

fn own(dir: &Path, now: Timestamp, trunk: &Written<'_>, faults: &mut Faults) -> Option<Files> {
    let (certificate, key) = match (&trunk.written.certificate, &trunk.written.key) {
        (None, None) => return None,
        (Some(_), None) => {
            trunk.fault(faults, "certificate", "its private key is needed too: `key`");
            return None;
        }
        (None, Some(_)) => {
            trunk.fault(faults, "key", "the certificate that it belongs to is needed too: `certificate`");
            return None;
        }
        (Some(certificate), Some(key)) => (certificate, key),
    };
    let files =
        Files { certificate: beside(dir, trunk, "certificate", certificate), key: beside(dir, trunk, "key", key) };
    if let Err(fault) = files.check() {
        let of_key = fault.path().is_some_and(|path| *path == files.key);
        trunk.fault(faults, if of_key { "key" } else { "certificate" }, fault.to_string());
        return None;
    }
    if let Some(concern) = files.concern(now) {
        faults.warning(&trunk.place("certificate"), trunk.key("certificate"), concern);
    }
    if is_open(&files.key) {
        let what = format!("{} can be read by everybody on this machine: chmod o= {0}", files.key.display());
        faults.warning(&trunk.place("key"), trunk.key("key"), what);
    }
    Some(files)
}

/// Seen from the file in which it is named.
fn beside(dir: &Path, trunk: &Written<'_>, key: &str, name: &str) -> PathBuf {
    let place = trunk.place(key);
    Path::new(&*place.file).parent().filter(|_| place.line > 0).unwrap_or(dir).join(name)
}

/// What only all of them together show.
pub fn check(files: &Sources, sip: &Settings, faults: &mut Faults) {
    // What cannot be read of them has been told.
    let tables = reader::array::<written::Trunk>(&files.hotline, "trunk", "id", &mut Faults::default()).good;
    // A fault of `[tls]` is told there, not what it leads to.
    let written = reader::table::<written::Tls>(&files.hotline, "tls", &mut Faults::default());
    let asks = written.is_none_or(|table| table.written.client_ca.is_some());
    let mut at: BTreeMap<Hop, &Trunk> = BTreeMap::new();
    for trunk in &sip.trunks {
        let Some(table) = tables.iter().find(|table| table.written.id == trunk.id.as_str()) else { continue };
        if !trunk.certified.is_empty() && trunk.peer.is_none() && !asks {
            let what = "nobody who connects is asked for a certificate: tls.client_ca is missing";
            faults.warning(&table.place("certified"), table.key("certified"), what);
        }
        let hops = trunk.to.iter().filter_map(NextHop::literal).filter(|hop| hop.transport == Transport::Tls);
        for hop in hops {
            let other = at.entry(hop).or_insert(trunk);
            if other.peer != trunk.peer {
                let what =
                    format!("{} is there, too, with another certificate: one connection goes to one carrier", other.id);
                table.fault(faults, "to", what);
            }
        }
    }
}
