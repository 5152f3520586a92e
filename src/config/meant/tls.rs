//! hotline.toml: `[tls]`, and what needs it.

use std::path::Path;

use super::secrets::is_open;
use crate::config::fault::Faults;
use crate::config::reader;
use crate::config::source::Files;
use crate::config::written;
use crate::sip::Settings;
use crate::tls;

/// `None`: there is no certificate, or none that can be used.
pub fn read(dir: &Path, files: &Files, sip: Option<&Settings>, faults: &mut Faults) -> Option<tls::Files> {
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
            if let Some(listener) = sip.and_then(|sip| sip.listen.iter().find(|l| l.transport.is_secure())) {
                let name = listener.transport.via_name().to_lowercase();
                let what = format!("sip.listen has {name}:{}, which needs a certificate", listener.addr);
                table.fault(faults, "certificate", what);
            }
            return None;
        }
    };
    let is_of_key = |fault: &tls::Fault| match fault {
        tls::Fault::Unreadable { path, .. } | tls::Fault::Unusable { path, .. } => *path == key,
        tls::Fault::NoKey { .. } | tls::Fault::Strangers { .. } => true,
        tls::Fault::NoCertificate { .. } => false,
    };
    let files = tls::Files { certificate, key: key.clone() };
    if let Err(fault) = files.check() {
        let written = if is_of_key(&fault) { "key" } else { "certificate" };
        table.fault(faults, written, fault.to_string());
        return None;
    }
    if is_open(&key) {
        let what = format!("{} can be read by everybody on this machine: chmod o= {0}", key.display());
        faults.warning(&table.place("key"), table.key("key"), what);
    }
    Some(files)
}
