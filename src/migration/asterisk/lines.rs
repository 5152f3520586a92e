//! Queues, written as ours.

use std::collections::{BTreeMap, BTreeSet};

use super::conf::Section;
use super::leads::Lead;
use super::levels::Levels;
use super::menus::Hours;
use super::queues::is_yes;
use super::{House, Queue, Use, plain_name, quoted, seconds};
use crate::migration::{Place, Report};

/// A point of `weight` is so long a head start.
const WEIGHT_S: u64 = 60;
const DAY_S: u64 = 24 * 3600;
/// As our engine has it.
const RING_AT_ONCE: usize = 8;
const LONGEST_RING_S: u64 = 300;
const HOUR_S: u64 = 3600;

/// Options of a queue that change nothing a caller or operator would notice here.
const NO_MATTER: [&str; 14] = [
    "setinterfacevar",
    "setqueuevar",
    "setqueueentryvar",
    "eventwhencalled",
    "eventmemberstatus",
    "autofill",
    "ringinuse",
    "shared_lastcall",
    "persistentmembers",
    "keepstats",
    "log_membername_as_agent",
    "updatecdr",
    "retry",
    "reportholdtime",
];

/// Options that have no equivalent, and what there is instead.
const MISSING: [(&str, &str); 14] = [
    ("announce", "the operator hears no announcement before the caller"),
    ("memberdelay", "the operator is joined at once"),
    ("penaltymemberslimit", "penalties always count; steps widen the need"),
    (
        "periodic-announce",
        "one apology is heard once after `apologise_after` in menu.toml; offers of keys are told by themselves",
    ),
    ("monitor-format", "conversations are not recorded"),
    ("monitor-type", "conversations are not recorded"),
    ("queue-youarenext", "what is said in the line is in the prompts folder; put a recording of your own there"),
    ("queue-thankyou", "what is said in the line is in the prompts folder; put a recording of your own there"),
    ("queue-thereare", "what is said in the line is in the prompts folder; put a recording of your own there"),
    ("queue-holdtime", "what is said in the line is in the prompts folder; put a recording of your own there"),
    ("random-periodic-announce", "there is no periodic announcement"),
    ("relative-periodic-announce", "there is no periodic announcement"),
    ("membergosub", "nothing is run when an operator answers"),
    ("membermacro", "nothing is run when an operator answers"),
];

/// What `[general]` of queues.conf says.
pub fn general(section: &Section, report: &mut Report) {
    let no = |value: &str| !is_yes(value);
    for entry in &section.entries {
        match entry.key.as_str() {
            "shared_lastcall" if no(&entry.value) => {
                report.approximated(&entry.at, "shared_lastcall=no: wrap-up holds for all queues of an operator here");
            }
            "autofill" if no(&entry.value) => report.approximated(
                &entry.at,
                "autofill=no: as many callers as there are free operators are served at once here",
            ),
            "persistentmembers" if no(&entry.value) => {
                report.approximated(&entry.at, "persistentmembers=no: operators stay signed in over a restart here")
            }
            _ => {}
        }
    }
}

/// queues.toml.
pub fn queues(
    house: &House,
    uses: &BTreeMap<String, Use>,
    hours: &BTreeMap<String, Hours>,
    report: &mut Report,
) -> String {
    let mut text = String::from(
        "#:schema schema/queues.json\n# Imported from queues.conf; IMPORT.md tells what was approximated and what is missing.\n",
    );
    let known: BTreeSet<String> = house.queues.iter().map(|queue| plain_name(&queue.name)).collect();
    for queue in &house.queues {
        let used = uses.get(&plain_name(&queue.name)).cloned().unwrap_or_default();
        let hours = hours.get(&plain_name(&queue.name));
        Writer { house, queue, used, hours, known: &known, text: &mut text, keys: String::new(), report }.write();
    }
    if house.queues.is_empty() {
        text.push_str(
            "\n# There was no queue there; the house needs one.\n[[queue]]\nid = \"main\"\nneed = \"anyone\"\n",
        );
    }
    text
}

struct Writer<'a> {
    house: &'a House,
    queue: &'a Queue,
    used: Use,
    hours: Option<&'a Hours>,
    known: &'a BTreeSet<String>,
    text: &'a mut String,
    /// Tables that come after the keys.
    keys: String,
    report: &'a mut Report,
}

impl Writer<'_> {
    fn line(&mut self, line: &str, at: &Place) {
        self.text.push_str(&format!("{line:<44} # {at}\n"));
    }

    /// A number, with where it is written.
    fn value(&mut self, key: &str) -> Option<(u64, Place)> {
        let entry = self.queue.section.get(key)?;
        match entry.value.trim().parse() {
            Ok(number) => Some((number, entry.at.clone())),
            Err(_) => {
                self.report.broken(&entry.at, format!("{key}={}: a number is meant", entry.value));
                None
            }
        }
    }

    fn write(mut self) {
        let (id, at) = (plain_name(&self.queue.name), self.queue.at.clone());
        self.text.push_str(&format!("\n[[queue]] # {at}\nid = {}\n", quoted(&id)));
        self.report.taken(&at, format!("queue {id} with {} members", self.queue.members.len()));
        let levels = Levels::of(self.queue.members.iter().map(|member| member.penalty));
        if levels.crowded {
            self.report.approximated(&at, "more than ten different penalties: the worst share the level 1");
        }
        let rule = self.rule();
        let max = self.used.max_penalty.as_ref().map(|(max, _)| *max);
        let stages = levels.stages(&id, max, &rule);
        let first = stages.first().map(|stage| stage.need.clone()).unwrap_or_default();
        self.text.push_str(&format!("need = {}\n", quoted(&first)));
        self.strategy();
        self.times();
        self.exits();
        self.others();
        let keys = std::mem::take(&mut self.keys);
        self.text.push_str(&keys);
        let preferred = levels.preferred();
        if !preferred.is_empty() {
            self.report.taken(
                &at,
                "penalties as levels of the skill: 10 for 0, one less for each point; the higher are asked first",
            );
        }
        for level in preferred {
            self.text.push_str(&format!(
                "\n[[queue.prefer]]\nneed = {}\nweight = 10\n",
                quoted(&format!("{id} >= {level}"))
            ));
        }
        for stage in stages.iter().skip(1) {
            let at = rule
                .iter()
                .find(|change| change.after_s == stage.after_s)
                .map(|change| change.at.clone())
                .unwrap_or(at.clone());
            self.text.push_str(&format!(
                "\n[[queue.step]] # {at}\nafter = {}\nneed = {}\n",
                quoted(&seconds(stage.after_s)),
                quoted(&stage.need)
            ));
            self.report.taken(&at, format!("after {}s the need of {id} is {}", stage.after_s, stage.need));
        }
    }

    fn rule(&mut self) -> Vec<super::queues::PenaltyChange> {
        let named = self
            .used
            .rule
            .clone()
            .or_else(|| self.queue.section.get("defaultrule").map(|entry| (entry.value.clone(), entry.at.clone())));
        let Some((name, at)) = named else { return Vec::new() };
        match self.house.rules.get(&name) {
            Some(rule) => rule.clone(),
            None => {
                self.report.broken(&at, format!("there is no rule {name:?} in queuerules.conf"));
                Vec::new()
            }
        }
    }

    /// Who is asked first; without a word everybody rings there.
    fn strategy(&mut self) {
        let entry = self.queue.section.get("strategy");
        let (name, at) =
            entry.map_or(("ringall", self.queue.at.clone()), |entry| (entry.value.as_str(), entry.at.clone()));
        let choose = match name {
            "leastrecent" => "longest-idle",
            "fewestcalls" => "fewest-calls",
            "rrmemory" | "rrordered" | "roundrobin" => "round-robin",
            "wrandom" => "weighted",
            "random" => {
                self.report.approximated(
                    &at,
                    "strategy random: nothing is left to chance; round-robin spreads the calls as evenly",
                );
                "round-robin"
            }
            "linear" => {
                self.report.approximated(&at, "strategy linear: the fixed order is given up for who has been idle longest; [[queue.prefer]] writes one");
                "longest-idle"
            }
            "ringall" => {
                let members = self.queue.members.len();
                let at_once = members.clamp(1, RING_AT_ONCE);
                let what = match members > RING_AT_ONCE {
                    true => format!("strategy ringall: {at_once} phones ring at once, of {members}"),
                    false => format!("strategy ringall: {at_once} phones ring at once"),
                };
                self.report.approximated(&at, what);
                if at_once > 1 {
                    self.line(&format!("ring_at_once = {at_once}"), &at);
                }
                "longest-idle"
            }
            other => {
                self.report.broken(&at, format!("the strategy {other:?} is not known; the longest idle is asked"));
                "longest-idle"
            }
        };
        self.line(&format!("choose = {}", quoted(choose)), &at);
    }

    fn times(&mut self) {
        let (ring, at) = self.value("timeout").unwrap_or((15, self.queue.at.clone()));
        let ring = if ring == 0 { LONGEST_RING_S } else { ring.clamp(1, LONGEST_RING_S) };
        self.line(&format!("ring = {}", quoted(&seconds(ring))), &at);
        let (wrap_up, at) = self.value("wrapuptime").unwrap_or((0, self.queue.at.clone()));
        self.line(&format!("wrap_up = {}", quoted(&seconds(wrap_up.min(HOUR_S)))), &at);
        match self.value("maxlen") {
            Some((most, at)) if most > 0 => self.line(&format!("max_waiting = {most}"), &at),
            _ => {}
        }
        if let Some((weight, at)) = self.value("weight").filter(|(weight, _)| *weight > 0) {
            let start = weight.saturating_mul(WEIGHT_S).min(DAY_S);
            self.line(&format!("priority = {}", quoted(&seconds(start))), &at);
            self.report.approximated(
                &at,
                format!("weight {weight}: a head start of {start} s, so that no other queue starves"),
            );
        }
        if let Some((within, at)) = self.value("servicelevel").filter(|(within, _)| *within > 0) {
            self.line(&format!("answer_within = {}", quoted(&seconds(within.min(HOUR_S)))), &at);
        }
    }

    /// What happens to callers who cannot be served.
    fn exits(&mut self) {
        if let Some(Hours { schedule, closed, at }) = self.hours {
            self.line(&format!("schedule = {}", quoted(schedule)), at);
            if let Some(exit) = self.exit(closed) {
                self.line(&format!("if_closed = {exit}"), at);
            } else {
                self.report.approximated(at, "what is heard when it is closed is the announcement `closed`: record it anew, or name another in menu.toml");
            }
        }
        let after = self.used.after.clone();
        let exit = after.as_ref().and_then(|(lead, at)| {
            let exit = self.exit(lead);
            if exit.is_none() {
                self.report.missing(
                    at,
                    "what comes after Queue() here: a line can lead to another queue, a number or a message",
                );
            }
            exit.map(|exit| (exit, at.clone()))
        });
        if let Some((longest, at)) = self.used.timeout_s.clone() {
            self.line(&format!("max_wait = {}", quoted(&seconds(longest.clamp(1, DAY_S)))), &at);
            if let Some((exit, at)) = &exit {
                self.line(&format!("if_too_long = {exit}"), at);
            }
        }
        if self.value("maxlen").is_some_and(|(most, _)| most > 0)
            && let Some((exit, at)) = &exit
        {
            self.line(&format!("if_full = {exit}"), at);
        }
        for key in ["joinempty", "leavewhenempty"] {
            let Some(entry) = self.queue.section.get(key).cloned() else { continue };
            let sends_away =
                if key == "joinempty" { !is_yes(&entry.value) } else { is_yes(&entry.value) || entry.value != "no" };
            if !sends_away {
                continue;
            }
            let what = match &exit {
                Some((exit, _)) if !self.text_has("if_nobody") => {
                    self.line(&format!("if_nobody = {exit}"), &entry.at);
                    "callers leave when nobody is signed in who could serve them; pauses and busy phones do not count"
                }
                Some(_) => {
                    "callers leave when nobody is signed in who could serve them; pauses and busy phones do not count"
                }
                None => {
                    "nothing comes after the line: callers wait, also when nobody is signed in; `if_nobody` leads them on"
                }
            };
            self.report.approximated(&entry.at, format!("{key}={}: {what}", entry.value));
        }
        self.keys();
    }

    /// Whether a key is there already in this queue.
    fn text_has(&self, key: &str) -> bool {
        self.text.rsplit("[[queue]]").next().is_some_and(|own| own.lines().any(|line| line.starts_with(key)))
    }

    fn exit(&self, lead: &Lead) -> Option<String> {
        match lead {
            Lead::Queue { queue, .. } if *queue != plain_name(&self.queue.name) && self.known.contains(queue) => {
                Some(format!("{{ queue = {} }}", quoted(queue)))
            }
            Lead::Number(number) => Some(format!("{{ number = {} }}", quoted(number))),
            Lead::Message => Some(quoted("message")),
            _ => None,
        }
    }

    /// Keys in the line that lead to another queue, a number or a message.
    fn keys(&mut self) {
        for (key, lead, at) in self.used.keys.clone() {
            let exit = match &lead {
                Lead::Message => Some("message = true".to_string()),
                lead => self.exit(lead).map(|exit| exit.trim_matches(['{', '}', ' ']).to_string()),
            };
            match exit {
                Some(exit) => {
                    self.keys.push_str(&format!("\n[[queue.key]] # {at}\nkey = {}\n{exit}\n", quoted(&key.to_string())))
                }
                None => self.report.missing(
                    &at,
                    format!("the key {key} in the line: it can lead to another queue, a number or a message"),
                ),
            }
        }
    }

    fn others(&mut self) {
        let handled = [
            "strategy",
            "timeout",
            "wrapuptime",
            "maxlen",
            "weight",
            "servicelevel",
            "joinempty",
            "leavewhenempty",
            "context",
            "member",
            "defaultrule",
        ];
        let entries = self.queue.section.entries.clone();
        for entry in &entries {
            let key = entry.key.to_ascii_lowercase();
            let (value, at) = (entry.value.as_str(), &entry.at);
            let told = |report: &mut Report, what: &str| report.approximated(at, format!("{key}={value}: {what}"));
            match key.as_str() {
                key if handled.contains(&key) || NO_MATTER.contains(&key) => {}
                "announce-frequency"
                | "announce-position"
                | "announce-holdtime"
                | "min-announce-frequency"
                | "announce-round-seconds"
                | "announce-position-limit"
                | "announce-to-first-user"
                | "periodic-announce-frequency"
                | "announce-position-only-up" => {
                    told(self.report, "what is told in the line is one for all queues: [waiting] in menu.toml");
                }
                "musicclass" | "musiconhold" => {
                    told(self.report, "one music for all queues: prompts/music.wav, or `music` in menu.toml")
                }
                "autopause" => told(self.report, "who lets a call ring is not ready until *13, in all queues"),
                "timeoutpriority" => told(self.report, "`max_wait` always counts first"),
                "timeoutrestart" => told(self.report, "each phone rings for `ring`"),
                key => match MISSING.iter().find(|(name, _)| *name == key) {
                    Some((_, instead)) => self.report.missing(at, format!("{key}={value}: {instead}")),
                    None => self.report.missing(at, format!("{key}={value}")),
                },
            }
        }
        if let Some((file, at)) = &self.used.announce {
            self.report.missing(at, format!("the announcement {file}: the operator hears none before the caller"));
        }
    }
}
