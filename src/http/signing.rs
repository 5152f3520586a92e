//! Signing in, and who it is that asks: a session's cookie, or a program's token.

use std::net::IpAddr;
use std::num::NonZeroU32;

use axum::http::{HeaderMap, StatusCode, header};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tracing::info;

use super::passwords;
use super::problem::Problem;
use super::roles::{Role, Roles};
use super::server::Web;
use super::settings::Person;
use crate::records::Session;

pub const COOKIE: &str = "hotline";
/// Passwords that are looked at once; each takes 19 MiB and a core.
pub const HASHING: usize = 2;
/// Others may wait for that, up to so many.
pub const HASHING_WAITING: usize = 32;
/// Names and addresses whose tries are remembered; beyond that those of long ago are forgotten.
const REMEMBERED: usize = 20_000;
/// A session that is used is written down as seen so often.
const SEEN_EVERY: std::time::Duration = std::time::Duration::from_secs(20);
/// The same for sign-ins of programs.
const TOKEN_PREFIX: &str = "Bearer ";

/// Who asks.
#[derive(Clone, Debug)]
pub struct Who {
    pub id: String,
    pub person: Person,
    pub seat: Option<String>,
    pub proof: Proof,
}

#[derive(Clone, Debug)]
pub enum Proof {
    /// The cookie's token, and its hash.
    Session { token: String, hash: String },
    /// A program's.
    Token,
}

impl Who {
    pub fn is(&self, role: Role) -> bool {
        self.person.roles.contains(&role)
    }

    /// May see and touch what belongs to this operator.
    pub fn leads_or_is(&self, operator: &str) -> bool {
        self.is(Role::Supervisor) || (self.is(Role::Operator) && self.id == operator)
    }

    /// Sees all calls with everything that is known of them.
    pub fn sees_all(&self) -> bool {
        self.is(Role::Supervisor) || self.is(Role::Admin)
    }
}

/// Tries to sign in, counted for each address and for each name.
pub struct Tries {
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    names: DefaultKeyedRateLimiter<String>,
}

impl Tries {
    pub fn new(a_minute: u32) -> Tries {
        let quota = Quota::per_minute(NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN));
        Tries { addresses: RateLimiter::keyed(quota), names: RateLimiter::keyed(quota) }
    }

    /// `Err`: so many seconds must pass.
    pub fn take(&self, address: IpAddr, name: &str) -> Result<(), u64> {
        if self.addresses.len() > REMEMBERED {
            self.addresses.retain_recent();
        }
        if self.names.len() > REMEMBERED {
            self.names.retain_recent();
        }
        let now = DefaultClock::default().now();
        let wait = |until: governor::NotUntil<_>| until.wait_time_from(now).as_secs() + 1;
        self.addresses.check_key(&address).map_err(wait)?;
        self.names.check_key(&name.to_string()).map_err(wait)
    }
}

/// Whether name and password belong together; a name that is unknown looks the same and takes as long.
pub async fn prove(web: &Web, from: IpAddr, name: &str, password: &str) -> Result<Person, Problem> {
    if let Err(seconds) = web.tries.take(from, name) {
        return Err(Problem::too_many(format!("too many tries; wait {seconds} s"), seconds));
    }
    let wrong = || Problem::new(StatusCode::UNAUTHORIZED, "the name or the password is wrong");
    if web.hashing.available_permits() == 0 && web.hashing_waiting() > HASHING_WAITING {
        return Err(Problem::too_many("too many sign in at this moment", 2));
    }
    let person = web.settings().people.get(name).cloned();
    // Who is no longer in the files has a password that opens nothing.
    let kept = web.access.password(name)?.filter(|_| person.is_some());
    let password = password.chars().take(passwords::LONGEST + 1).collect::<String>();
    let permit = web.wait_for_hashing().await;
    let looked_at = move || {
        let right = passwords::verify(&password, kept.as_deref());
        drop(permit);
        right
    };
    let right = tokio::task::spawn_blocking(looked_at).await.unwrap_or(false);
    person.filter(|_| right).ok_or_else(wrong)
}

/// Begins a session; returns its token.
pub fn begin(web: &Web, person: &str, seat: Option<&str>) -> Result<String, Problem> {
    let now = (web.now)();
    let settings = web.settings();
    web.access.prune_sessions(now - settings.session_idle, now - settings.session_longest)?;
    let token = passwords::new_token().map_err(Problem::unavailable)?;
    let hash = passwords::token_hash(&token);
    let (person, seat) = (person.to_string(), seat.map(String::from));
    web.access.begin_session(&Session { hash, person, seat, began_at: now, seen_at: now })?;
    Ok(token)
}

/// Who it is, by cookie or token. `Ok(None)`: nobody who is known.
pub fn who(web: &Web, headers: &HeaderMap) -> Result<Option<Who>, Problem> {
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let token = given.to_str().ok().and_then(|given| given.strip_prefix(TOKEN_PREFIX));
        return token.map_or(Ok(None), |token| by_token(web, token.trim()));
    }
    match cookie(headers) {
        Some(token) => by_session(web, token),
        None => Ok(None),
    }
}

fn by_token(web: &Web, token: &str) -> Result<Option<Who>, Problem> {
    let hash = passwords::token_hash(token);
    let Some(kept) = web.access.token(&hash)? else { return Ok(None) };
    let now = (web.now)();
    if kept.used_at.is_none_or(|used| used + SEEN_EVERY < now) {
        web.access.token_used(&hash, now)?;
    }
    let roles: Roles = kept.roles.split(',').filter_map(Role::parse).collect();
    let person = Person { name: kept.name.clone(), roles, language: "en".into() };
    Ok(Some(Who { id: format!("token {}", kept.name), person, seat: None, proof: Proof::Token }))
}

fn by_session(web: &Web, token: &str) -> Result<Option<Who>, Problem> {
    let hash = passwords::token_hash(token);
    let Some(session) = web.access.session(&hash)? else { return Ok(None) };
    let (now, settings) = ((web.now)(), web.settings());
    let over = session.seen_at + settings.session_idle < now || session.began_at + settings.session_longest < now;
    // Whoever is gone from the files is signed out with that.
    let person = settings.people.get(&session.person).cloned();
    let Some(person) = person.filter(|_| !over) else {
        web.access.end_session(&hash)?;
        info!(who = session.person, "a session is over");
        return Ok(None);
    };
    if session.seen_at + SEEN_EVERY < now {
        web.access.touch_session(&hash, now)?;
    }
    let proof = Proof::Session { token: token.to_string(), hash };
    Ok(Some(Who { id: session.person, person, seat: session.seat, proof }))
}

pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|text| text.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

/// The header that gives a browser its session, or takes it.
pub fn set_cookie(token: Option<&str>, secure: bool, longest: std::time::Duration) -> String {
    let secure = if secure { "; Secure" } else { "" };
    match token {
        Some(token) => {
            let seconds = longest.as_secs();
            format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
        }
        None => format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_for_the_address_and_for_the_name() {
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let tries = Tries::new(3);
        for _ in 0..3 {
            assert_eq!(tries.take(address(1), "mei"), Ok(()));
        }
        assert!(tries.take(address(1), "lin").is_err_and(|seconds| (1..=21).contains(&seconds)), "the address");
        assert!(tries.take(address(2), "mei").is_err(), "the name, from wherever");
        assert_eq!(tries.take(address(2), "lin"), Ok(()));
    }

    #[test]
    fn the_cookie_is_for_this_house_alone() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "other=1; hotline=abc; more=2".parse().unwrap());
        assert_eq!(cookie(&headers), Some("abc"));
        headers.clear();
        headers.append(header::COOKIE, "nothotline=abc".parse().unwrap());
        assert_eq!(cookie(&headers), None);
        let hour = std::time::Duration::from_secs(3600);
        let set = set_cookie(Some("t"), true, hour);
        assert_eq!(set, "hotline=t; Path=/; HttpOnly; SameSite=Strict; Max-Age=3600; Secure");
        assert!(!set_cookie(Some("t"), false, hour).contains("Secure"));
    }
}
