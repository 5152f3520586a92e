//! Who may do what: one row for each door, looked up by method and path. What has no row is closed.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Operator,
    Supervisor,
    Admin,
    /// Sees figures, no numbers of callers, and changes nothing.
    Wall,
}

pub type Roles = BTreeSet<Role>;

impl Role {
    pub const ALL: [Role; 4] = [Role::Operator, Role::Supervisor, Role::Admin, Role::Wall];

    pub fn word(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Supervisor => "supervisor",
            Role::Admin => "admin",
            Role::Wall => "wall",
        }
    }

    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Whom a door lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Everybody, signed in or not.
    Open,
    /// Whoever is signed in.
    SignedIn,
    /// Who has one of these roles.
    Of(&'static [Role]),
}

use Door::{Of, Open, SignedIn};
use Role::{Admin, Operator, Supervisor};

const AT_WORK: Door = Of(&[Operator, Supervisor]);
const SEES_CALLS: Door = Of(&[Operator, Supervisor, Admin]);
const LEADS: Door = Of(&[Supervisor]);
const LOOKS_BACK: Door = Of(&[Supervisor, Admin]);
const ADMIN: Door = Of(&[Admin]);

/// Below `/api/v1`. Operators see and touch their own calls and themselves alone: that is checked where it is done.
pub const DOORS: &[(&str, &str, Door)] = &[
    ("GET", "/openapi.json", Open),
    ("POST", "/session", Open),
    ("GET", "/session", SignedIn),
    ("DELETE", "/session", SignedIn),
    ("PUT", "/session/seat", Of(&[Operator])),
    ("GET", "/phone", Of(&[Operator])),
    ("GET", "/board", SignedIn),
    ("GET", "/events", SignedIn),
    ("GET", "/directory", SEES_CALLS),
    ("GET", "/queues", SignedIn),
    ("GET", "/queues/{id}/waiting", LEADS),
    ("GET", "/queues/{id}/callbacks", LEADS),
    ("POST", "/queues/{id}/switch", LEADS),
    ("GET", "/schedules", SignedIn),
    ("POST", "/schedules/{id}/switch", LEADS),
    ("POST", "/notices", LEADS),
    ("DELETE", "/notices/{id}", LEADS),
    ("POST", "/operators/{id}/ready", AT_WORK),
    ("POST", "/operators/{id}/not-ready", AT_WORK),
    ("POST", "/operators/{id}/sign-out", AT_WORK),
    ("POST", "/operators/{id}/wrap-up/extend", AT_WORK),
    ("POST", "/operators/{id}/wrap-up/end", AT_WORK),
    ("GET", "/operators/{id}/today", AT_WORK),
    ("GET", "/operators/{id}/callbacks", AT_WORK),
    ("GET", "/calls", SEES_CALLS),
    ("GET", "/calls/{id}", SEES_CALLS),
    ("GET", "/calls/{id}/caller", SEES_CALLS),
    ("GET", "/calls/{id}/explain", LOOKS_BACK),
    ("POST", "/calls/{id}/orders", AT_WORK),
    ("POST", "/calls/{id}/move", LEADS),
    ("GET", "/records", LOOKS_BACK),
    ("GET", "/records.csv", LOOKS_BACK),
    ("GET", "/records.jsonl", LOOKS_BACK),
    ("GET", "/records/{id}/recording", LOOKS_BACK),
    ("GET", "/records/{id}/recording/peaks", LOOKS_BACK),
    ("GET", "/config", ADMIN),
    ("GET", "/config/versions", ADMIN),
    ("GET", "/config/versions/{from}/diff/{to}", ADMIN),
    ("POST", "/config/check", ADMIN),
    ("POST", "/config/simulate", ADMIN),
    ("POST", "/config/reload", ADMIN),
    ("POST", "/config/rollback", ADMIN),
    ("GET", "/audit", ADMIN),
];

/// Whom the door of a path lets in; `None`: nobody.
pub fn door(method: &str, path: &str) -> Option<Door> {
    let path = path.strip_prefix("/api/v1")?;
    // What may be read may also be asked for its headers.
    let method = if method == "HEAD" { "GET" } else { method };
    DOORS.iter().find(|(of, at, _)| *of == method && *at == path).map(|(.., door)| *door)
}

/// Whether there is a door at this path, however it is asked for.
pub fn leads_somewhere(path: &str) -> bool {
    path.strip_prefix("/api/v1").is_some_and(|path| DOORS.iter().any(|(_, at, _)| *at == path))
}

impl Door {
    pub fn lets_in(self, roles: &Roles) -> bool {
        match self {
            Door::Open | Door::SignedIn => true,
            Door::Of(these) => these.iter().any(|role| roles.contains(role)),
        }
    }
}
