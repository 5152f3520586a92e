//! What the web server is told of the files; changed while it runs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::roles::{Role, Roles};
use crate::tape::Place;

/// A wall hangs in its hall until somebody takes it down. A year.
const WALL_LASTS: Duration = Duration::from_secs(365 * 24 * 3600);

#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Everybody who could sign in: operators by their number, and the people of `[[web.person]]`.
    pub people: BTreeMap<String, Person>,
    /// A proxy speaks HTTPS before us and tells who asks.
    pub proxy: bool,
    /// We speak HTTPS ourselves.
    pub tls: bool,
    pub session_idle: Duration,
    pub session_longest: Duration,
    /// Pages of other hosts whose phones may come in.
    pub origins: Vec<String>,
    /// Where recordings are, and what opens them.
    pub recordings: Place,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub roles: Roles,
    /// Of the pages: `zh` or `en`; else that of the browser.
    pub language: Option<String>,
}

impl Settings {
    /// Cookies are for HTTPS alone.
    pub fn is_secure(&self) -> bool {
        self.tls || self.proxy
    }

    /// How long somebody's session may go on whose page is open.
    pub fn session_lasts(&self, person: &Person) -> Duration {
        match person.roles.iter().all(|role| *role == Role::Wall) {
            true => WALL_LASTS,
            false => self.session_longest,
        }
    }
}
