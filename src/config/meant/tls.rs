//! hotline.toml: `[tls]`, and what needs it.

use std::path::Path;

use jiff::Timestamp;

use super::secrets::is_open;
use crate::config::fault::Faults;
use crate::config::reader;
use crate::config::source::Files;
use crate::config::written;
use crate::sip::Settings;
use crate::tls;

/// `None`: there is no certificate, or none that can be used.
pub fn read(
    dir: &Path,
    files: &Files,
    now: Timestamp,
    sip: Option<&Settings>,
    faults: &mut Faults,
) -> Option<tls::Shown> {
    let table = reader::table::<written::Tls>(&files.hotline, "tls", faults)?;
    let beside = |key: &str, name: &str| {
        let place = table.place(key);
        Path::new(&*place.file).parent().filter(|_| place.line > 0).unwrap_or(dir).join(name)
    };
    let (certificate, key) = match (&table.written.certificate, &table.written.key) {
        (Some(certificate), Some(key)) => (beside("certificate", certificate), beside("key", key)),
        (Some(_), None) => {
            table.fault(faults, "certificate", "its private key is needed too: `key`");
            return None;
        }
        (None, Some(_)) => {
            table.fault(faults, "key", "the certificate that it belongs to is needed too: `certificate`");
            return None;
        }
        (None, None) => {
            if table.written.client_ca.is_some() {
                table.fault(faults, "client_ca", "it is for listeners over tls, which need a `certificate`");
            }
            if let Some(listener) = sip.and_then(|sip| sip.listen.iter().find(|l| l.transport.is_secure())) {
                let name = listener.transport.via_name().to_lowercase();
                let what = format!("sip.listen has {name}:{}, which needs a certificate", listener.addr);
                table.fault(faults, "certificate", what);
            }
            return None;
        }
    };
    let own = tls::Files { certificate, key: key.clone() };
    if let Err(fault) = own.check() {
        let written = if fault.path() == Some(&key) { "key" } else { "certificate" };
        table.fault(faults, written, fault.to_string());
        return None;
    }
    if let Some(concern) = own.concern(now) {
        faults.warning(&table.place("certificate"), table.key("certificate"), concern);
    }
    let clients = table.written.client_ca.as_ref().map(|file| beside("client_ca", file));
    if let Some(Err(fault)) = clients.as_deref().map(tls::check_authorities) {
        table.fault(faults, "client_ca", fault.to_string());
        return None;
    }
    if is_open(&key) {
        let what = format!("{} can be read by everybody on this machine: chmod o= {0}", key.display());
        faults.warning(&table.place("key"), table.key("key"), what);
    }
    Some(tls::Shown { own, clients })
}
