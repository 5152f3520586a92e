//! hotline.toml: `[[trunk]]`.

use std::path::Path;
use std::time::Duration;

use super::secrets::{self, Given};
use super::{Names, time_within};
use crate::config::Surroundings;
use crate::config::fault::{Faults, Place};
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written;
use crate::sip::addressing::listener_to;
use crate::sip::{Hop, Listen, Password, Trunk, TrunkAccount};

const EXPIRES: Duration = Duration::from_secs(3600);
const EXPIRES_LIMITS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));

type Written<'a> = Element<'a, written::Trunk>;

pub struct Trunks {
    pub trunks: Vec<Trunk>,
    /// Those over which calls can go out, and where that is written.
    pub ways_out: Vec<(String, Place)>,
}

pub fn read(dir: &Path, files: &Files, surroundings: &Surroundings, listen: &[Listen], faults: &mut Faults) -> Trunks {
    let mut names = Names::default();
    let mut trunks = Vec::new();
    let tables = reader::array::<written::Trunk>(&files.hotline, "trunk", "id", faults).good;
    for trunk in &tables {
        let written = &trunk.written;
        let to: Vec<Hop> = written.to.iter().flat_map(|hops| hops.0.clone()).collect();
        let from = match &written.from {
            Some(networks) => networks.iter().map(|network| network.0).collect(),
            None => to.iter().map(|hop| hop.addr.ip().into()).collect::<Vec<_>>(),
        };
        if from.is_empty() {
            let what = "nobody calls from there; an address or a network is needed, e.g. \"192.0.2.5\"";
            trunk.fault(faults, "from", what);
        }
        if to.iter().any(|hop| listener_to(listen, hop.transport, hop.addr).is_none()) {
            let what = "sip.listen has no listener of its transport and family, so there is no way to it";
            trunk.fault(faults, "to", what);
        }
        let (domain, account) = (domain(trunk, faults), account(dir, surroundings, trunk, faults));
        if names.take(trunk, "id", &written.id, faults) {
            trunks.push(Trunk { id: written.id.as_str().into(), from, to, domain, account });
        }
    }
    let out = tables.iter().filter(|trunk| trunk.written.to.is_some());
    let ways_out = out.map(|trunk| (trunk.written.id.clone(), trunk.place("to"))).collect();
    Trunks { trunks, ways_out }
}

fn domain(trunk: &Written<'_>, faults: &mut Faults) -> Option<String> {
    let domain = trunk.written.domain.as_ref()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if domain.is_empty() || !domain.chars().all(is_name) {
        trunk.fault(faults, "domain", format!("found {domain:?}; a name is meant, e.g. \"carrier.example\""));
        return None;
    }
    Some(domain.clone())
}

fn account(dir: &Path, surroundings: &Surroundings, trunk: &Written<'_>, faults: &mut Faults) -> Option<TrunkAccount> {
    let written = &trunk.written;
    let expires = time_within(trunk, "expires", &written.expires, EXPIRES, EXPIRES_LIMITS, faults);
    let registers = written.register.unwrap_or(false);
    let given = Given {
        secret: written.secret.as_deref(),
        file: written.secret_file.as_deref(),
        variable: written.secret_env.as_deref(),
    };
    let password = secrets::password(dir, surroundings, trunk, given, faults).ok()?;
    let key = ["secret", "secret_file", "secret_env"]
        .into_iter()
        .zip([given.secret, given.file, given.variable])
        .find_map(|(key, given)| given.map(|_| key));
    if let (Some(key), true) = (if registers { Some("register") } else { key }, written.to.is_none()) {
        trunk.fault(faults, key, "it needs `to`: where the carrier is");
        return None;
    }
    match (&written.username, password) {
        (None, None) if registers => {
            trunk.fault(faults, "register", "it needs a `username`, and a `secret` or where that is");
            None
        }
        (None, None) => None,
        (None, Some(_)) => {
            trunk.fault(faults, key.unwrap_or("secret"), "whose it is is not said: `username` is missing");
            None
        }
        (Some(_), None) => {
            trunk.fault(faults, "username", "its password is missing: `secret`, `secret_file` or `secret_env`");
            None
        }
        (Some(username), Some(password)) => {
            if username.is_empty() || username.contains(['"', '\\', ':']) || username.chars().any(char::is_control) {
                let what = format!("found {username:?}; a text without quotes, colons and backslashes is meant");
                trunk.fault(faults, "username", what);
            }
            if !registers && written.realm.is_none() {
                let what = "`realm` is missing: whose challenges are answered. A challenge may come from behind the \
                            carrier, and with an answer the password can be guessed";
                trunk.fault(faults, "username", what);
            }
            let (username, realm) = (username.clone(), written.realm.clone());
            Some(TrunkAccount { username, password: Password(password), realm, register: registers.then_some(expires) })
        }
    }
}
