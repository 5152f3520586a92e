//! `hotline password` and `hotline token`: who may come in by the pages and the API.

use std::io::{BufRead, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;

use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::auditing;
use super::clock::Clock;
use super::password_command::PasswordCommand;
use super::say::say;
use crate::config::{self, House, WebRole};
use crate::http;
use crate::ids::OperatorId;
use crate::records::{Access, Token, rfc3339};

#[derive(Args, Debug)]
pub struct PasswordArgs {
    /// An operator's number, or the id of a [[web.person]]
    #[arg(required_unless_present = "list")]
    who: Option<String>,
    /// Read it from standard input: one line
    #[arg(long)]
    stdin: bool,
    /// Take it away: they cannot sign in any more
    #[arg(long, conflicts_with = "stdin")]
    remove: bool,
    /// Who has one, and since when
    #[arg(long, conflicts_with_all = ["who", "stdin", "remove"])]
    list: bool,
}

#[derive(Subcommand, Debug)]
pub enum TokenCommand {
    /// Make one; it is printed once, and kept as a hash
    Create {
        /// Which program it is for, e.g. `crm`
        #[arg(long)]
        name: String,
        /// supervisor, admin or wall; may be repeated
        #[arg(long = "role", required = true, value_parser = ["supervisor", "admin", "wall"])]
        roles: Vec<String>,
    },
    /// Those that there are
    List,
    /// The program has no access any more
    Revoke {
        /// As the list names it
        name: String,
    },
}

pub fn password(config_dir: &Path, data: &Path, args: &PasswordArgs) -> Result<(), String> {
    let access = Access::open(data).map_err(|error| error.to_string())?;
    let Some(who) = args.who.as_ref().filter(|_| !args.list) else {
        let all = access.passwords().map_err(|error| error.to_string())?;
        if all.is_empty() {
            let command = PasswordCommand::of_this_program(config_dir, data);
            say!("nobody has a password; `{}` sets one", command.open());
        }
        let zone = config::time_zone(config_dir);
        all.iter().for_each(|(who, at)| say!("{who}  since {}", rfc3339(*at, &zone)));
        return Ok(());
    };
    if args.remove {
        let had = access.remove_password(who).map_err(|error| error.to_string())?;
        auditing::write(&access, &format!("hotline password {who} --remove"), if had { "200" } else { "404" })?;
        return if had { Ok(()) } else { Err(format!("{who} has none")) };
    }
    let (house, _) =
        config::load(config_dir).map_err(|faults| faults.first().map(ToString::to_string).unwrap_or_default())?;
    if !house.web.people.contains_key(who) && !house.queue.operators.contains_key(who.as_str()) {
        return Err(stranger(who, &house, config_dir));
    }
    let given = if args.stdin || !std::io::stdin().is_terminal() { line()? } else { asked_twice(who)? };
    let hash = http::hash(&given)?;
    access.set_password(who, &hash, Clock::start().now()).map_err(|error| error.to_string())?;
    auditing::write(&access, &format!("hotline password {who}"), "200")?;
    say!("{who} can sign in now ({}); whoever was signed in as {who} is signed out", roles(who, &house));
    Ok(())
}

/// What they may do, in words.
fn roles(who: &str, house: &House) -> String {
    let role = |role: &WebRole| match role {
        WebRole::Supervisor => "supervisor",
        WebRole::Admin => "admin",
        WebRole::Wall => "wall",
    };
    let roles: Vec<&str> = match (house.web.people.get(who), house.queue.operators.get(who)) {
        (Some(person), _) => person.roles.iter().map(role).collect(),
        (None, Some(operator)) if operator.supervisor => vec!["operator", "supervisor"],
        _ => vec!["operator"],
    };
    roles.join(", ")
}

/// Nobody of that name is in the files: who is, and how they get there.
fn stranger(who: &str, house: &House, config_dir: &Path) -> String {
    let people: Vec<&str> = house.web.people.keys().map(String::as_str).collect();
    let people = if people.is_empty() { "none".into() } else { people.join(", ") };
    let operators: Vec<&str> = house.queue.operators.keys().map(OperatorId::as_str).collect();
    let operators = match operators[..] {
        [] => "none".into(),
        [only] => only.to_string(),
        [first, .., last] => format!("{} of them, {first} to {last}", operators.len()),
    };
    format!(
        "{who} is neither an operator (there are {operators}) nor a [[web.person]] (there are {people}) of {}",
        config_dir.display()
    )
}

fn line() -> Result<String, String> {
    let mut text = String::new();
    std::io::stdin().lock().read_line(&mut text).map_err(|error| error.to_string())?;
    Ok(text.trim_end_matches(['\r', '\n']).to_string())
}

fn asked_twice(who: &str) -> Result<String, String> {
    let first = unseen(&format!("Password for {who}: "))?;
    let second = unseen("Once more: ")?;
    if first == second { Ok(first) } else { Err("they are not the same; nothing was changed".into()) }
}

/// Asks on the terminal, which does not show what is typed.
fn unseen(prompt: &str) -> Result<String, String> {
    let mut terminal = std::io::stderr();
    let _ = write!(terminal, "{prompt}").and_then(|()| terminal.flush());
    let stdin = std::io::stdin();
    let before = tcgetattr(stdin.as_fd()).map_err(|error| error.to_string())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(stdin.as_fd(), OptionalActions::Flush, &silent).map_err(|error| error.to_string())?;
    let typed = line();
    let restored = tcsetattr(stdin.as_fd(), OptionalActions::Flush, &before);
    let _ = writeln!(terminal);
    restored.map_err(|error| error.to_string())?;
    typed
}

pub fn token(config_dir: &Path, data: &Path, command: &TokenCommand) -> Result<(), String> {
    let access = Access::open(data).map_err(|error| error.to_string())?;
    match command {
        TokenCommand::Create { name, roles } => {
            let secret = http::new_token()?;
            let (hash, roles) = (http::token_hash(&secret), roles.join(","));
            let made_at = Clock::start().now();
            let token = Token { name: name.clone(), hash, roles, made_at, used_at: None };
            let added = access.add_token(&token).map_err(|error| error.to_string())?;
            let what = format!("hotline token create --name {name} --role {}", token.roles);
            auditing::write(&access, &what, if added { "200" } else { "409" })?;
            if !added {
                return Err(format!("there is a token {name} already; revoke it first, or choose another name"));
            }
            say!("{secret}");
        }
        TokenCommand::List => {
            let zone = config::time_zone(config_dir);
            for token in access.tokens().map_err(|error| error.to_string())? {
                let used = token.used_at.map_or("never used".into(), |at| format!("used {}", rfc3339(at, &zone)));
                say!("{}  {}  made {}  {used}", token.name, token.roles, rfc3339(token.made_at, &zone));
            }
        }
        TokenCommand::Revoke { name } => {
            let gone = access.revoke_token(name).map_err(|error| error.to_string())?;
            auditing::write(&access, &format!("hotline token revoke {name}"), if gone { "200" } else { "404" })?;
            if !gone {
                return Err(format!("there is no token {name}"));
            }
        }
    }
    Ok(())
}
