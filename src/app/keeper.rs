//! The keeper of the files: a thread of its own that reads and checks them, tells the difference, hands what is new
//! to the switchboard, and keeps each version. One request after the other.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::auditing;
use super::clock::Clock;
use super::control::{Asked, Reloaded, Reply, Request};
use super::reading::{self, Prompts, Read};
use super::switchboard::Order;
use super::switches::Flip;
use super::versions;
use crate::call::{self, NotDone};
use crate::config::{self, Change, Fault, House, Meaning, difference};
use crate::ids::{CallId, Door, OperatorId, QueueId};
use crate::media::prompts::PromptBank;
use crate::peers::{household, household_text};
use crate::records::{Access, Audit, Ticket, Version, Written, read_call};

/// Requests that may wait.
pub const ASKED: usize = 8;
/// Who asked for a reload by a signal.
const BY_SIGNAL: &str = "SIGHUP";
/// An answer waits no longer than this for the version to be on the disk.
const DISK_PATIENCE: Duration = Duration::from_secs(2);
/// And for the board to show it.
const BOARD_PATIENCE: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub struct Keeper {
    pub config_dir: PathBuf,
    pub data_dir: PathBuf,
    pub clock: Clock,
    /// What holds now; what needs a restart is as it was at the start.
    pub in_force: Meaning,
    /// The newest version, with its files.
    pub version: Version,
    pub prompts: Prompts,
    pub orders: mpsc::Sender<Order>,
    pub written: watch::Receiver<Written>,
}

/// A configuration that takes effect.
pub struct NewHouse {
    pub house: House,
    /// `None`: the sound is as it was.
    pub bank: Option<PromptBank>,
    pub version: Version,
}

/// What is written down of a request. `None`: it only looks.
fn audit(who: String, request: &Request) -> Option<Audit> {
    if matches!(request, Request::Calls | Request::Trunks | Request::Bans { lift: None } | Request::Beat) {
        return None;
    }
    let serde_json::Value::Object(mut fields) = serde_json::to_value(request).ok()? else { return None };
    let name = fields.remove("request")?;
    let text = format!("hotline {} {}", name.as_str()?, serde_json::Value::Object(fields));
    Some(auditing::entry(who, &text))
}

/// As the API would answer.
fn status(reply: &Reply) -> &'static str {
    match reply {
        Reply::Faults { .. } => "422",
        Reply::Refused { .. } => "409",
        _ => "200",
    }
}

impl Keeper {
    /// Begins to take requests; ends when nobody can ask any more.
    pub fn start(mut self, mut asked: mpsc::Receiver<Asked>) -> std::io::Result<()> {
        let work = move || {
            let access = Access::open(&self.data_dir);
            if let Err(fault) = &access {
                error!(%fault, "what is asked for by commands is not written into the audit log");
            }
            while let Some(Asked { request, by, answer }) = asked.blocking_recv() {
                let audit = by.and_then(|by| audit(by, &request));
                let reply = self.answer(request);
                log(&reply);
                if let (Ok(access), Some(audit)) = (&access, audit) {
                    let audit = Audit { at: self.clock.now(), result: status(&reply).into(), ..audit };
                    if let Err(fault) = access.write_audit(&audit) {
                        error!(%fault, what = audit.what, "not written into the audit log");
                    }
                }
                if let Some(answer) = answer {
                    let _ = answer.send(reply);
                }
            }
        };
        std::thread::Builder::new().name("keeper".into()).spawn(work).map(drop)
    }

    /// What SIGHUP asks for.
    pub fn by_signal() -> Asked {
        let request = Request::Reload { author: BY_SIGNAL.into(), note: String::new(), dry_run: false, folder: None };
        Asked { request, by: Some(BY_SIGNAL.into()), answer: None }
    }

    fn answer(&mut self, request: Request) -> Reply {
        match request {
            Request::Reload { author, note, dry_run, folder } => match folder.and_then(|folder| self.is_not(&folder)) {
                Some(why) => Reply::Refused { why },
                None => self.reload(author, note, dry_run, Vec::new()),
            },
            Request::Rollback { to, author, note } => self.rollback(to, author, note),
            Request::Switch { door, to, until, author, note } => {
                let flip = Flip { to, at: self.clock.now(), until, by: author, note };
                self.switch(door, flip)
            }
            Request::Calls => match self.ask(|tell| Order::Calls { tell }) {
                Some(calls) => Reply::Calls { calls },
                None => closing(),
            },
            Request::Trunks => match self.ask(|tell| Order::Trunks { tell }) {
                Some(trunks) => Reply::Trunks { trunks },
                None => closing(),
            },
            Request::Bans { lift: None } => match self.ask(|tell| Order::Bans { tell }) {
                Some(bans) => Reply::Bans { bans },
                None => closing(),
            },
            Request::Bans { lift: Some(address) } => self.lift_ban(address),
            Request::Beat => match self.ask(|tell| Order::Beat { tell }) {
                Some(written) => {
                    self.wait_for_disk(written);
                    Reply::Done
                }
                None => closing(),
            },
            Request::Order { call, by, order } => self.order(call, by, order),
        }
    }

    /// Why a folder is not the one whose files are in force.
    fn is_not(&self, folder: &Path) -> Option<String> {
        let own = self.config_dir.canonicalize().unwrap_or_else(|_| self.config_dir.clone());
        let what =
            || format!("{} is not where this hotline has its files: that is {}", folder.display(), own.display());
        (own != folder).then(what)
    }

    fn reload(&mut self, author: String, note: String, dry_run: bool, notes: Vec<String>) -> Reply {
        let read = match reading::read(&self.config_dir) {
            Ok(read) => read,
            Err(faults) => return unsound(&faults),
        };
        let bank = match (read.prompts != self.prompts).then(|| read.prompts.load()).transpose() {
            Ok(bank) => bank,
            Err(faults) => return unsound(&faults),
        };
        let changes = difference(&self.in_force, &read.meaning);
        let (later, now): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(|change| change.needs_restart);
        let Some(now) = self.with_waiting(now) else { return closing() };
        let later: Vec<String> = later.into_iter().map(|change| change.words).collect();
        let warnings = read.warnings.iter().map(ToString::to_string).collect();
        let version = self.version.number;
        let folder = self.config_dir.display().to_string();
        let mut told = Reloaded { folder, version, dry_run, notes, changes: now, needs_restart: later, warnings };
        if dry_run {
            return Reply::Reloaded(told);
        }
        let done = if told.changes.is_empty() && self.is_kept(&read.meaning) {
            self.keep_files(&read)
        } else {
            self.apply(read, bank, &told, author, note)
        };
        if done.is_none() {
            return closing();
        }
        told.version = self.version.number;
        Reply::Reloaded(told)
    }

    /// Whether the newest version means the same.
    fn is_kept(&self, meaning: &Meaning) -> bool {
        serde_json::to_string(meaning).is_ok_and(|text| text == self.version.meaning)
    }

    /// The difference in words, with who waits where a queue is gone. `None`: nobody answers.
    fn with_waiting(&self, changes: Vec<Change>) -> Option<Vec<String>> {
        let queues: Vec<QueueId> = changes.iter().filter_map(|change| change.gone.clone()).collect();
        let mut waiting = if queues.is_empty() { Vec::new() } else { self.ask(|tell| Order::Count { queues, tell })? };
        waiting.reverse();
        let words = |change: Change| match change.gone.as_ref().and_then(|_| waiting.pop()) {
            None | Some(0) => change.words,
            Some(1) => format!("{}: 1 caller waits there and is served first", change.words),
            Some(many) => format!("{}: {many} callers wait there and are served first", change.words),
        };
        Some(changes.into_iter().map(words).collect())
    }

    /// The files say the same in other words: the version has them as they are now.
    fn keep_files(&mut self, read: &Read) -> Option<()> {
        if self.version.files != read.files {
            self.version.files.clone_from(&read.files);
            let version = Box::new(self.version.clone());
            self.orders.blocking_send(Order::Keep(version)).ok()?;
            self.wait_for_all();
        }
        Some(())
    }

    fn apply(
        &mut self,
        read: Read,
        bank: Option<PromptBank>,
        told: &Reloaded,
        author: String,
        note: String,
    ) -> Option<()> {
        let Read { mut house, meaning, files, prompts, .. } = read;
        let number = self.version.number + 1;
        house.queue.version = number;
        let later = told.needs_restart.iter().map(|change| format!("{change} (at the next start)"));
        let version = Version {
            number,
            at: self.clock.now(),
            author,
            note,
            changes: told.changes.iter().cloned().chain(later).collect(),
            meaning: serde_json::to_string(&meaning).unwrap_or_default(),
            files,
        };
        let new = Box::new(NewHouse { house, bank, version: version.clone() });
        let written = self.ask(|done| Order::Apply { new, done })?;
        self.wait_for_disk(written);
        self.in_force = meaning.until_restart(&self.in_force);
        (self.version, self.prompts) = (version, prompts);
        Some(())
    }

    fn rollback(&mut self, to: Option<u64>, author: String, note: String) -> Reply {
        let to = versions::Target { number: to, before: Some(self.version.number) };
        let restored = match versions::restore(&self.config_dir, &self.data_dir, to, self.clock.now()) {
            Ok(restored) => restored,
            Err(why) => return Reply::Refused { why },
        };
        let note = if note.is_empty() { format!("rollback to version {}", restored.number) } else { note };
        let notes = restored.lines(&self.config_dir);
        match self.reload(author, note, false, notes) {
            Reply::Reloaded(mut told) => {
                told.notes.extend(restored.other_prompts(&self.prompts.sha256));
                Reply::Reloaded(told)
            }
            Reply::Faults { faults, report, mut notes } => {
                // Nothing took effect: nothing is left lying about.
                notes.extend(restored.put_back(&self.config_dir));
                Reply::Faults { faults, report, notes }
            }
            Reply::Refused { why } => {
                let rest = "the files are those of the version asked for, and take effect at the next start";
                let told = [vec![why, rest.into()], restored.lines(&self.config_dir)].concat();
                Reply::Refused { why: told.join("; ") }
            }
            reply => reply,
        }
    }

    /// Whoever looks for it after the answer finds it, unless the disk is slow.
    fn wait_for_disk(&self, ticket: Ticket) {
        let mut tries = DISK_PATIENCE.as_millis() / LOOK_EVERY.as_millis();
        while self.written.borrow().all < ticket && tries > 0 {
            std::thread::sleep(LOOK_EVERY);
            tries -= 1;
        }
    }

    /// The same of all that was done so far.
    fn wait_for_all(&self) {
        if let Some(ticket) = self.ask(|tell| Order::Written { tell }) {
            self.wait_for_disk(ticket);
        }
    }

    /// Whoever looks at the board after the answer finds what was asked for, unless it is only being read.
    fn wait_for_the_board(&self) {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        if self.orders.blocking_send(Order::Show { tell }).is_ok() {
            let _ = told.recv_timeout(BOARD_PATIENCE);
        }
    }

    fn switch(&self, door: Door, flip: Flip) -> Reply {
        let of = door.clone();
        match self.ask(|tell| Order::Switch { door: of, flip, tell }) {
            None => closing(),
            Some(None) => Reply::Refused { why: format!("there is no {door} in what is in force") },
            Some(Some((open, written))) => {
                self.wait_for_disk(written);
                self.wait_for_the_board();
                Reply::Switched { door, open }
            }
        }
    }

    fn lift_ban(&self, address: IpAddr) -> Reply {
        match self.ask(|tell| Order::LiftBan { address, tell }) {
            None => closing(),
            Some(None) => {
                let household = household_text(household(address));
                Reply::Refused { why: format!("{household} is not banned; `hotline bans` lists those that are") }
            }
            Some(Some(lifted)) => Reply::Bans { bans: vec![lifted] },
        }
    }

    fn order(&self, call: CallId, by: OperatorId, order: call::Order) -> Reply {
        let (of, asked) = (by.clone(), order.clone());
        let done = self.ask(|tell| Order::Call { call, by: of, order: asked, tell });
        let done = match (done, order) {
            (Some(Err(NotDone::NoSuchCall)), call::Order::Note { text }) => {
                let Ok(Some(record)) = read_call(&self.data_dir, call).map(|record| record.map(Box::new)) else {
                    return Reply::Refused { why: NotDone::NoSuchCall.to_string() };
                };
                self.ask(|tell| Order::Note { record, by, text, tell })
            }
            (done, _) => done,
        };
        match done {
            Some(Ok(())) => {
                self.wait_for_all();
                Reply::Done
            }
            Some(Err(why)) => Reply::Refused { why: why.to_string() },
            None => closing(),
        }
    }

    /// Asks the switchboard, and waits. `None`: it is gone.
    fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (tell, told) = oneshot::channel();
        self.orders.blocking_send(order(tell)).ok()?;
        told.blocking_recv().ok()
    }
}

fn unsound(faults: &[Fault]) -> Reply {
    let report = format!("{}\n{}", config::report(faults, false), config::count(faults));
    Reply::Faults { faults: faults.iter().map(ToString::to_string).collect(), report, notes: Vec::new() }
}

fn closing() -> Reply {
    Reply::Refused { why: "the hotline is closing".into() }
}

fn log(reply: &Reply) {
    match reply {
        Reply::Reloaded(told) if told.dry_run => {}
        Reply::Reloaded(told) => {
            for warning in &told.warnings {
                warn!("{warning}");
            }
            for change in &told.changes {
                info!(version = told.version, "changed: {change}");
            }
            for change in &told.needs_restart {
                warn!("needs a restart: {change}");
            }
            match told.changes.len() {
                0 => info!(version = told.version, "reload: nothing changed"),
                changes => info!(version = told.version, changes, "reload: in force"),
            }
        }
        // The switchboard has told of it.
        Reply::Switched { .. } | Reply::Calls { .. } | Reply::Trunks { .. } | Reply::Bans { .. } | Reply::Done => {}
        Reply::Faults { faults, .. } => {
            for fault in faults {
                warn!("{fault}");
            }
            warn!("reload: the files have faults; nothing changed");
        }
        // Whoever asked is told.
        Reply::Refused { why } => info!("not done: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_the_house_is_written_down_and_what_only_looks_is_not() {
        let request = Request::Reload { author: "mei".into(), note: "so".into(), dry_run: false, folder: None };
        let written = audit("wang".into(), &request).unwrap();
        assert_eq!(written.who, "wang");
        let fields: serde_json::Value =
            serde_json::from_str(written.what.strip_prefix("hotline reload ").unwrap()).unwrap();
        assert_eq!(fields, serde_json::json!({ "author": "mei", "note": "so", "dry_run": false }));
        let lift = Request::Bans { lift: Some("192.0.2.66".parse().unwrap()) };
        assert_eq!(audit("wang".into(), &lift).unwrap().what, "hotline bans {\"lift\":\"192.0.2.66\"}");
        for looks in [Request::Calls, Request::Trunks, Request::Bans { lift: None }] {
            assert_eq!(audit("wang".into(), &looks), None, "{looks:?}");
        }
    }
}
