//! Signing in, and who it is that asks: a session's cookie, or a program's token.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, header};
use tracing::info;

use super::facts::OperatorFacts;
use super::passwords;
use super::problem::Problem;
use super::roles::{Role, Roles};
use super::server::Web;
use super::settings::Person;
use super::words::OperatorNow;
use crate::records::Session;

pub const COOKIE: &str = "hotline";
/// Passwords that are looked at once; each takes 19 MiB and a core.
pub const HASHING: usize = 2;
/// Others may wait for that, up to so many.
pub const HASHING_WAITING: usize = 32;
/// Letters of a name.
pub const LONGEST_NAME: usize = 64;
/// A session that is used is written down as seen so often.
const SEEN_EVERY: std::time::Duration = std::time::Duration::from_secs(20);
/// The board shows within so many looks, with these pauses, what the switchboard has done.
const BOARD_LOOKS: u32 = 20;
const BOARD_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// Before the token of a program. What else stands in that header is for a proxy before us.
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
    /// The hash of a program's.
    Token { hash: String },
    /// Their password was right; the session is about to begin.
    Password,
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

/// Whoever asks is not known. As long as nobody at all can sign in it says how that is changed: the same to everybody,
/// whichever name they gave.
pub fn unknown(web: &Web, detail: &str) -> Problem {
    match web.access.has_passwords() {
        Ok(true) => Problem::unauthorized(detail),
        Ok(false) => first_visit(),
        Err(fault) => Problem::from(fault),
    }
}

/// Nobody who is known asks. Whoever shows a token has no use for a password.
pub fn unknown_to(web: &Web, headers: &HeaderMap) -> Problem {
    match token(headers).is_some() {
        true => Problem::unauthorized("nobody has this token; `hotline token list` shows those there are"),
        false => unknown(web, "sign in first"),
    }
}

/// The names are those of the shipped files, here and everywhere. Where programs and files lie on the machine no stranger
/// is told: the log has the whole command.
fn first_visit() -> Problem {
    const COMMAND: &str = "hotline password WHO";
    let detail = format!(
        "nobody has a password yet: `{}`, on the machine of the hotline, sets one for operator 1001, and so it does for \
         every operator and every [[web.person]] of the files in place of 1001: as shipped 1010, a supervisor, and admin; \
         the hotline's log has the whole command, with its folders",
        COMMAND.replace("WHO", "1001")
    );
    Problem { no_passwords: true, password_command: Some(COMMAND.into()), ..Problem::unauthorized(detail) }
}

/// Whether name and password belong together; a name that is unknown looks the same and takes as long.
pub async fn prove(web: &Web, from: IpAddr, name: &str, password: &str) -> Result<Person, Problem> {
    if name.chars().count() > LONGEST_NAME {
        return Err(Problem::bad("name", format!("a name has at most {LONGEST_NAME} letters")));
    }
    let too_many = |seconds| Problem::too_many(format!("too many tries; wait {seconds} s"), seconds);
    let taken = web.tries.wait(|| (web.now)(), from, name).await.map_err(too_many)?;
    // Given back when this future is dropped, however far it came.
    let Ok(_place) = web.hashing_room.try_acquire() else {
        taken.give_back();
        return Err(Problem::too_many("too many sign in at this moment", 2));
    };
    let person = web.settings().people.get(name).cloned();
    // Who is no longer in the files has a password that opens nothing.
    let kept = web.access.password(name)?.filter(|_| person.is_some());
    let password = password.chars().take(passwords::LONGEST + 1).collect::<String>();
    let permit = web.hashing.clone().acquire_owned().await.ok();
    let looked_at = move || {
        let right = passwords::verify(&password, kept.as_deref());
        drop(permit);
        right
    };
    let right = tokio::task::spawn_blocking(looked_at).await.unwrap_or(false);
    let person = person.filter(|_| right).ok_or_else(|| unknown(web, "the name or the password is wrong"))?;
    taken.right((web.now)());
    Ok(person)
}

/// Begins a session; returns its token.
pub fn begin(web: &Web, person: &str, seat: Option<&str>) -> Result<String, Problem> {
    let now = (web.now)();
    let settings = web.settings();
    web.access.prune_sessions(now - settings.session_idle)?;
    let token = passwords::new_token().map_err(Problem::unavailable)?;
    let hash = passwords::token_hash(&token);
    let (person, seat) = (person.to_string(), seat.map(String::from));
    web.access.begin_session(&Session { hash, person, seat, began_at: now, seen_at: now })?;
    Ok(token)
}

/// Who it is, by cookie or token. `Ok(None)`: nobody who is known.
pub async fn who(web: &Web, headers: &HeaderMap) -> Result<Option<Who>, Problem> {
    let token = token(headers);
    let session = cookie(headers);
    if token.is_none() && session.is_none() {
        return Ok(None);
    }
    let _place = web.waiting.to_look().await?;
    match (token, session) {
        (Some(token), _) => by_token(web, token.trim()),
        (None, Some(session)) => by_session(web, session),
        (None, None) => Ok(None),
    }
}

fn token(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix(TOKEN_PREFIX)
}

/// Whether somebody who came in is still who they were, with the same roles. A page that is open keeps its session.
pub fn is_still(web: &Web, who: &Who) -> bool {
    // Nobody is sent away, nor waits, because a disk is slow: they are looked up the next time.
    let Some(_place) = web.waiting.to_look_now() else { return true };
    let now = match &who.proof {
        Proof::Session { token, .. } => by_session(web, token),
        Proof::Token { hash } => by_hash(web, hash.clone()),
        Proof::Password => Ok(None),
    };
    match now {
        Ok(now) => now.is_some_and(|now| now.person.roles == who.person.roles),
        Err(_) => true,
    }
}

fn by_token(web: &Web, token: &str) -> Result<Option<Who>, Problem> {
    by_hash(web, passwords::token_hash(token))
}

fn by_hash(web: &Web, hash: String) -> Result<Option<Who>, Problem> {
    let Some(kept) = web.access.token(&hash)? else { return Ok(None) };
    let now = (web.now)();
    if kept.used_at.is_none_or(|used| used + SEEN_EVERY < now) {
        web.access.token_used(&hash, now);
    }
    let roles: Roles = kept.roles.split(',').filter_map(Role::parse).collect();
    let person = Person { name: kept.name.clone(), roles, language: None };
    Ok(Some(Who { id: format!("token {}", kept.name), person, seat: None, proof: Proof::Token { hash } }))
}

fn by_session(web: &Web, token: &str) -> Result<Option<Who>, Problem> {
    let hash = passwords::token_hash(token);
    let Some(session) = web.access.session(&hash)? else { return Ok(None) };
    let (now, settings) = ((web.now)(), web.settings());
    let is_over = |person: &Person| {
        session.seen_at + settings.session_idle < now || session.began_at + settings.session_lasts(person) < now
    };
    // Whoever is gone from the files is signed out with that.
    let person = settings.people.get(&session.person).cloned();
    let Some(person) = person.filter(|person| !is_over(person)) else {
        if web.access.session_over(&hash, now) {
            info!(who = session.person, "a session is over");
        }
        return Ok(None);
    };
    if session.seen_at + SEEN_EVERY < now {
        web.access.touch_session(&hash, now);
    }
    let proof = Proof::Session { token: token.to_string(), hash };
    Ok(Some(Who { id: session.person, person, seat: session.seat, proof }))
}

/// Where somebody sits: the seat of their session, if they are signed in at it still. A supervisor may have signed them
/// out since, or somebody else may have sat down there; the session is told then.
pub async fn seat(web: &Web, who: &Who) -> Result<Option<String>, Problem> {
    let Some(seat) = &who.seat else { return Ok(None) };
    // Who has just sat down is on the board a moment later.
    for _ in 0..BOARD_LOOKS {
        if sits(web, &who.id, seat) {
            return Ok(Some(seat.clone()));
        }
        tokio::time::sleep(BOARD_PAUSE).await;
    }
    if let Proof::Session { hash, .. } = &who.proof {
        let _place = web.waiting.to_write().await?;
        // Unless they sat down elsewhere meanwhile.
        if web.access.session(hash)?.is_some_and(|session| session.seat == who.seat) {
            web.access.set_seat(hash, None)?;
        }
    }
    Ok(None)
}

/// Nobody sends a colleague away from their seat, unless they lead them. Of the same person it is no matter.
pub async fn unless_taken(web: &Web, who: &Who, seat: &str) -> Result<(), Problem> {
    let mut problem = None;
    // Whoever has just left is gone from the board a moment later.
    for _ in 0..BOARD_LOOKS {
        problem = taken(web, who, seat);
        if problem.is_none() {
            return Ok(());
        }
        tokio::time::sleep(BOARD_PAUSE).await;
    }
    problem.map_or(Ok(()), Err)
}

fn taken(web: &Web, who: &Who, seat: &str) -> Option<Problem> {
    let is_there = |other: &OperatorNow| other.id != who.id && other.seat.as_deref() == Some(seat);
    let colleague = web.board.operators().into_iter().find(is_there).filter(|_| !who.is(Role::Supervisor))?;
    let colleague = match colleague.name.is_empty() || colleague.name == colleague.id {
        true => colleague.id,
        false => format!("{} ({})", colleague.name, colleague.id),
    };
    let what = format!("{colleague} is signed in at seat {seat}; they sign out first, or a supervisor signs them out");
    let mut problem = Problem::new(StatusCode::CONFLICT, what);
    problem.fields.insert("seat".into(), colleague);
    Some(problem)
}

/// Whether an operator is signed in at a seat, or it is their own and stands empty: whose phone was away for too long is
/// signed in by its return. As long as the board is being read nobody is sent away.
pub fn sits(web: &Web, operator: &str, seat: &str) -> bool {
    let Some(now) = web.board.operator(operator) else { return !web.board.is_ready() };
    match now.seat {
        _ if !web.board.is_ready() => true,
        Some(at) => at == seat,
        None => {
            let facts = web.board.facts();
            let is_own = |of: &OperatorFacts| of.id == operator && of.seat.as_deref() == Some(seat);
            facts.operators.iter().any(is_own) && !web.board.is_taken(seat)
        }
    }
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
    use crate::http::facts::Facts;
    use crate::http::tests::web;
    use crate::records::Token;

    #[test]
    fn a_seat_is_whose_who_sits_there_and_an_empty_one_its_owners() {
        let web = web();
        let own =
            |id: &str, seat: &str| OperatorFacts { id: id.into(), seat: Some(seat.into()), ..OperatorFacts::default() };
        let operators = vec![own("1001", "8001"), own("1002", "8002")];
        web.board.put_facts("t", Facts { operators, ..Facts::default() });
        let sit = |id: &str, seat: Option<&str>| {
            let now = OperatorNow { id: id.into(), seat: seat.map(String::from), ..OperatorNow::default() };
            web.board.put_operator("t", now);
        };
        assert!(sits(&web, "1001", "8009"), "the board is being read");
        web.board.set_ready();
        sit("1001", Some("8001"));
        sit("1002", None);
        assert!(sits(&web, "1001", "8001") && !sits(&web, "1001", "8002") && !sits(&web, "9", "8001"));
        assert!(sits(&web, "1002", "8002"), "the phone was away for too long");
        assert!(!sits(&web, "1002", "8001") && !sits(&web, "1002", "8003"));
        sit("1001", Some("8002"));
        assert!(!sits(&web, "1002", "8002") && !sits(&web, "1001", "8001"));
    }

    #[test]
    fn a_seat_at_which_a_colleague_sits_is_for_supervisors_alone() {
        let web = web();
        let now =
            OperatorNow { id: "1001".into(), name: "Anna".into(), seat: Some("8001".into()), ..Default::default() };
        web.board.put_operator("t", now);
        let who = |id: &str, role: Role| {
            let person = Person { name: id.into(), roles: [role].into(), language: None };
            Who { id: id.into(), person, seat: None, proof: Proof::Password }
        };
        let problem = taken(&web, &who("1003", Role::Operator), "8001").unwrap();
        assert_eq!((problem.status, problem.fields["seat"].as_str()), (409, "Anna (1001)"));
        assert!(problem.detail.starts_with("Anna (1001) is signed in at seat 8001;"), "{}", problem.detail);
        assert!(taken(&web, &who("1003", Role::Operator), "8002").is_none());
        assert!(taken(&web, &who("1001", Role::Operator), "8001").is_none(), "herself");
        assert!(taken(&web, &who("1010", Role::Supervisor), "8001").is_none());
    }

    #[test]
    fn whoever_comes_first_is_told_the_command_and_nothing_of_the_machine() {
        let problem = unknown(&web(), "sign in first");
        assert!(problem.no_passwords);
        assert!(problem.detail.contains("`hotline password 1001`"), "{}", problem.detail);
        assert_eq!(problem.password_command.as_deref(), Some("hotline password WHO"));
        let whole = serde_json::to_string(&problem).unwrap();
        assert!(!whole.contains('/'), "{whole}");
    }

    #[test]
    fn whoever_shows_a_token_needs_no_password() {
        let told = |given: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, given.parse().unwrap())]);
            unknown_to(&web(), &headers)
        };
        assert!(told("Bearer 123").detail.contains("hotline token list"));
        assert!(told("Basic abc").no_passwords, "it is for a proxy before us");
    }

    #[test]
    fn a_session_ends_after_its_time_but_not_a_walls_whose_page_is_open() {
        let web = web();
        let now = (web.now)();
        let hours = |hours: u64| std::time::Duration::from_secs(hours * 3600);
        for (person, began, seen, there) in [
            ("s", hours(11), hours(0), true),
            ("s", hours(13), hours(0), false),
            ("s", hours(1), hours(1), false),
            ("w", hours(1000), hours(0), true),
            ("w", hours(1000), hours(1), false),
            ("w", hours(9000), hours(0), false),
        ] {
            let (token, began_at, seen_at) = (format!("{person}{began:?}{seen:?}"), now - began, now - seen);
            let hash = passwords::token_hash(&token);
            let session = Session { hash, person: person.into(), seat: None, began_at, seen_at };
            web.access.begin_session(&session).unwrap();
            assert_eq!(by_session(&web, &token).unwrap().is_some(), there, "{token}");
        }
    }

    #[test]
    fn whoever_is_known_comes_in_while_nothing_can_be_written() {
        let web = web();
        let (now, hour) = ((web.now)(), std::time::Duration::from_secs(3600));
        for (token, seen_at) in [("there", now - SEEN_EVERY * 2), ("gone", now - hour)] {
            let (hash, person) = (passwords::token_hash(token), "s".to_string());
            web.access.begin_session(&Session { hash, person, seat: None, began_at: now - hour, seen_at }).unwrap();
        }
        let (hash, roles) = (passwords::token_hash("crm"), "supervisor".to_string());
        web.access.add_token(&Token { name: "crm".into(), hash, roles, made_at: now, used_at: None }).unwrap();
        web.access.refuse_writes(true);
        assert_eq!(by_token(&web, "crm").unwrap().unwrap().id, "token crm");
        assert_eq!(by_session(&web, "there").unwrap().unwrap().id, "s");
        assert!(by_session(&web, "gone").unwrap().is_none(), "its time is over");
        assert!(web.access.catch_up().is_err(), "nothing is done of which nobody reads");
        assert_eq!(begin(&web, "s", None).unwrap_err().status, 503);
        web.access.refuse_writes(false);
        web.access.catch_up().unwrap();
        begin(&web, "s", None).unwrap();
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
