//! Where a caller goes through the dialplan: steps become announcements, menus, forks and lines.

use std::collections::{BTreeMap, BTreeSet};

use super::dialplan::{Dialplan, Step, split};
use super::leads::{Lead, Node, Spot, Use, plain_name};
use super::times;
use crate::migration::{Place, Report, Wanted};

/// Steps of one extension that are looked at.
const MAX_STEPS: usize = 500;
pub const KEYS: &str = "0123456789*#";
/// Steps that do nothing a caller would miss here.
const HARMLESS: [&str; 13] = [
    "answer",
    "noop",
    "verbose",
    "wait",
    "progress",
    "ringing",
    "log",
    "resetcdr",
    "forkcdr",
    "queuelog",
    "userevent",
    "stopplaytones",
    "celgenuserevent",
];

/// All that the walk needs and finds.
pub struct Walk<'a> {
    pub plan: &'a Dialplan,
    pub report: &'a mut Report,
    /// Queues there are.
    pub queues: &'a BTreeSet<String>,
    pub seats: &'a BTreeSet<String>,
    pub trunks: &'a BTreeSet<String>,
    /// In the order in which callers reach them.
    pub nodes: Vec<(String, Place, Node)>,
    /// Hours by the name of the schedule.
    pub schedules: BTreeMap<String, (String, Place)>,
    pub uses: BTreeMap<String, Use>,
    pub prompts: BTreeSet<Wanted>,
    /// Looked at on the side of another walk.
    pub aside: u8,
    known: BTreeMap<Spot, Lead>,
    open: Vec<Spot>,
    ids: BTreeMap<Spot, String>,
}

impl<'a> Walk<'a> {
    pub fn new(
        plan: &'a Dialplan,
        queues: &'a BTreeSet<String>,
        seats: &'a BTreeSet<String>,
        trunks: &'a BTreeSet<String>,
        report: &'a mut Report,
    ) -> Self {
        Walk {
            plan,
            report,
            queues,
            seats,
            trunks,
            nodes: Vec::new(),
            schedules: BTreeMap::new(),
            uses: BTreeMap::new(),
            prompts: BTreeSet::new(),
            aside: 0,
            known: BTreeMap::new(),
            open: Vec::new(),
            ids: BTreeMap::new(),
        }
    }

    /// Where a caller goes who comes here.
    pub fn from(&mut self, spot: &Spot) -> Lead {
        if let Some(lead) = self.known.get(spot) {
            return lead.clone();
        }
        if self.open.contains(spot) {
            // A circle: back to what the outer turn is making.
            return Lead::Node(self.id(spot));
        }
        self.open.push(spot.clone());
        let lead = self.run(spot);
        self.open.pop();
        let mut lead = lead;
        if let Some(id) = self.ids.get(spot).cloned()
            && !self.nodes.iter().any(|(made, ..)| *made == id)
        {
            // Nothing is said or asked here: whoever leads back to it leads to what comes after it.
            if lead == Lead::Node(id.clone()) {
                lead = Lead::HangUp;
                if let Some(at) = self.place(spot) {
                    self.report.broken(&at, "a circle in which nothing is said or asked; the call ends there");
                }
            }
            self.replace(&Lead::Node(id), &lead);
        }
        self.known.insert(spot.clone(), lead.clone());
        lead
    }

    fn replace(&mut self, old: &Lead, new: &Lead) {
        let of_nodes = self.nodes.iter_mut().flat_map(|(.., node)| node.leads());
        for lead in of_nodes.chain(self.known.values_mut()).filter(|lead| *lead == old) {
            *lead = new.clone();
        }
    }

    pub fn place(&self, spot: &Spot) -> Option<Place> {
        let (_, steps) = self.plan.find(&spot.context, &spot.extension)?;
        steps.get(spot.index).or(steps.last()).map(|step| step.at.clone())
    }

    fn id(&mut self, spot: &Spot) -> String {
        if let Some(id) = self.ids.get(spot) {
            return id.clone();
        }
        let plain = match spot.extension.as_str() {
            "s" => spot.context.clone(),
            extension => format!("{}-{extension}", spot.context),
        };
        let plain = plain_name(&plain);
        let mut id = plain.clone();
        let mut number = 2;
        while self.ids.values().any(|taken| *taken == id) {
            id = format!("{plain}-{number}");
            number += 1;
        }
        self.ids.insert(spot.clone(), id.clone());
        id
    }

    fn node(&mut self, spot: &Spot, at: &Place, node: Node) -> Lead {
        let id = self.id(spot);
        if self.nodes.iter().any(|(taken, ..)| *taken == id) {
            // Two things happen at one place, one after the other.
            let second = Spot { index: spot.index + MAX_STEPS * (1 + self.nodes.len()), ..spot.clone() };
            return self.node(&second, at, node);
        }
        self.nodes.push((id.clone(), at.clone(), node));
        Lead::Node(id)
    }

    fn run(&mut self, spot: &Spot) -> Lead {
        let plan = self.plan;
        let Some((context, steps)) = plan.find(&spot.context, &spot.extension) else { return Lead::HangUp };
        let mut turn = Turn {
            spot: spot.clone(),
            prompts: Vec::new(),
            language: spot.language.clone(),
            context,
            penalty: None,
            rule: None,
            waits: false,
        };
        for (index, step) in steps.iter().enumerate().skip(spot.index).take(MAX_STEPS) {
            if let Some(lead) = self.step(&mut turn, steps, index, step) {
                return lead;
            }
        }
        if turn.waits
            && let Some(step) = steps.last()
        {
            return self.menu(&turn, &step.at, 5);
        }
        let lead = Lead::HangUp;
        match steps.last() {
            Some(step) => self.said_first(&turn, &step.at, lead),
            None => lead,
        }
    }

    /// What has been said so far is said before it goes on.
    fn said_first(&mut self, turn: &Turn<'_>, at: &Place, then: Lead) -> Lead {
        if turn.prompts.is_empty() {
            return then;
        }
        let prompts = turn.prompts.clone();
        self.node(&turn.spot, at, Node::Say { prompts, then })
    }

    /// `None`: it goes on with the next step.
    fn step(&mut self, turn: &mut Turn<'_>, steps: &[Step], index: usize, step: &Step) -> Option<Lead> {
        let next = |turn: &Turn<'_>| Spot {
            index: index + 1,
            context: turn.spot.context.clone(),
            extension: turn.spot.extension.clone(),
            language: turn.language.clone(),
        };
        let lead = match step.application.to_ascii_lowercase().as_str() {
            "playback" | "background" | "controlplayback" => {
                turn.waits |= step.is("Background");
                for file in step.argument(0).unwrap_or_default().split('&').filter(|file| !file.is_empty()) {
                    let prompt = self.prompt(file, turn.language.as_deref(), &step.at);
                    turn.prompts.push(prompt);
                }
                return None;
            }
            "waitexten" => return Some(self.menu(turn, &step.at, seconds(step.argument(0)).unwrap_or(10))),
            "set" => {
                self.set(turn, step);
                return None;
            }
            "goto" => {
                let target = self.target(turn, steps, &step.arguments, &step.at)?;
                self.from(&target)
            }
            "gotoiftime" => {
                let (schedule, yes, no) = self.fork(turn, steps, step)?;
                let open = self.from(&yes);
                let closed = no.unwrap_or_else(|| next(turn));
                let closed = self.from(&closed);
                let fork = Node::Fork { schedule, open, closed };
                // Said and then decided: the announcement has the place's own name.
                if turn.prompts.is_empty() {
                    return Some(self.node(&turn.spot, &step.at, fork));
                }
                let place = Spot { index, ..turn.spot.clone() };
                self.node(&place, &step.at, fork)
            }
            "queue" => {
                let then = next(turn);
                self.queue(turn, step, &then)?
            }
            "voicemail" => {
                self.report.approximated(
                    &step.at,
                    "a mailbox: messages are files in the data folder and in the records; nobody is sent mail",
                );
                Lead::Message
            }
            "dial" => self.dial(turn, step)?,
            "hangup" => Lead::HangUp,
            "busy" | "congestion" => Lead::Busy,
            "read" => {
                let then = next(turn);
                let then = self.from(&then);
                turn.prompts.clear();
                return Some(self.node(&turn.spot, &step.at, Node::Digits { then }));
            }
            harmless if HARMLESS.contains(&harmless) => return None,
            _ => {
                let text = format!("{}({})", step.application, step.arguments.join(","));
                self.report.missing(&step.at, format!("{text} is passed over"));
                return None;
            }
        };
        Some(self.said_first(turn, &step.at, lead))
    }

    fn set(&mut self, turn: &mut Turn<'_>, step: &Step) {
        let text = step.arguments.join(",");
        let Some((name, value)) = text.split_once('=') else { return };
        match name.trim().trim_start_matches('_') {
            "CHANNEL(language)" | "LANGUAGE()" => turn.language = self.language(value.trim(), &step.at),
            "QUEUE_MAX_PENALTY" => turn.penalty = value.trim().parse().ok().map(|max| (max, step.at.clone())),
            "QUEUE_PRIO" => {
                let what = format!(
                    "QUEUE_PRIO={value}: who goes first is said by `priority` of a queue; make a queue of its own for them"
                );
                self.report.missing(&step.at, what);
            }
            name => self.report.missing(&step.at, format!("the variable {name} is not set: there are none")),
        }
    }

    /// Ours has Mandarin and English as it is shipped.
    fn language(&mut self, code: &str, at: &Place) -> Option<String> {
        let lower = code.to_ascii_lowercase();
        if lower.starts_with("zh") || lower.starts_with("cn") || lower.starts_with("cmn") {
            return Some("zh".into());
        }
        if lower.starts_with("en") {
            return Some("en".into());
        }
        self.report.approximated(
            at,
            format!(
                "the language {code} is not spoken as shipped: the house's own is; [[language]] in menu.toml adds it"
            ),
        );
        None
    }

    fn prompt(&mut self, file: &str, language: Option<&str>, at: &Place) -> String {
        let name: String =
            file.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' }).collect();
        let language = language.unwrap_or("zh").to_string();
        let told = format!("{language}/{name}");
        if !self.prompts.iter().any(|wanted| wanted.language == language && wanted.name == name) {
            self.prompts.insert(Wanted { language, name, from: file.into(), at: at.clone() });
        }
        told
    }

    fn menu(&mut self, turn: &Turn<'_>, at: &Place, timeout_s: u64) -> Lead {
        let own = self.id(&turn.spot);
        let plan = self.plan;
        let mut choices = Vec::new();
        for key in KEYS.chars() {
            let Some((_, steps)) = plan.find(&turn.spot.context, &key.to_string()) else { continue };
            let Some(first) = steps.first() else { continue };
            let spot = Spot {
                context: turn.spot.context.clone(),
                extension: key.to_string(),
                index: 0,
                language: turn.language.clone(),
            };
            let lead = self.from(&spot);
            choices.push((key, lead, first.at.clone()));
        }
        for context in plan.with_includes(turn.context) {
            let Some(found) = plan.contexts.get(context) else { continue };
            for extension in found.order.iter().filter(|extension| extension.len() > 1) {
                let at = found.extensions.get(extension).and_then(|steps| steps.first()).map(|step| step.at.clone());
                if let Some(at) = at.filter(|_| turn.context == context) {
                    self.report.missing(
                        &at,
                        format!("{extension}: in a menu callers press one key; an extension is not dialled through"),
                    );
                }
            }
        }
        if choices.is_empty() {
            return self.said_first(turn, at, Lead::HangUp);
        }
        let handler = |extension: &str| Spot {
            context: turn.spot.context.clone(),
            extension: extension.into(),
            index: 0,
            language: turn.language.clone(),
        };
        if let Some((_, [step, ..])) = plan.find(&turn.spot.context, "i") {
            let what = "a wrong key: the prompts are said again, `retries` times; then it is as if no key was pressed";
            self.report.approximated(&step.at, what);
        }
        let mut retries = 1;
        let default = match plan.find(&turn.spot.context, "t") {
            None => Lead::HangUp,
            Some((_, steps)) => match self.from(&handler("t")) {
                Lead::Node(id) if id == own => {
                    retries = 3;
                    if let Some(step) = steps.first() {
                        self.report.approximated(&step.at, "a menu that is repeated for ever is repeated three times");
                    }
                    Lead::HangUp
                }
                lead => lead,
            },
        };
        let prompts = turn.prompts.clone();
        self.node(&turn.spot, at, Node::Menu { prompts, timeout_s, retries, choices, default })
    }

    /// `context,extension,priority`, the first ones left out where they stay the same.
    fn target(&mut self, turn: &Turn<'_>, steps: &[Step], arguments: &[String], at: &Place) -> Option<Spot> {
        let given: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| !argument.is_empty()).collect();
        let (context, extension, priority) = match given[..] {
            [priority] => (turn.spot.context.as_str(), turn.spot.extension.as_str(), priority),
            [extension, priority] => (turn.spot.context.as_str(), extension, priority),
            [context, extension, priority] => (context, extension, priority),
            _ => ("", "", ""),
        };
        let extension = if extension == "${EXTEN}" { turn.spot.extension.as_str() } else { extension };
        let of_here = (context, extension) == (turn.spot.context.as_str(), turn.spot.extension.as_str());
        let found = if of_here { Some(steps) } else { self.plan.find(context, extension).map(|(_, steps)| steps) };
        let Some(found) = found else {
            self.report.broken(at, format!("there is no {extension:?} in {context:?} to go to"));
            return None;
        };
        let by_label = found.iter().position(|step| step.label.as_deref() == Some(priority));
        let by_number =
            priority.parse().ok().and_then(|number: u32| found.iter().position(|step| step.priority == number));
        let Some(index) = by_label.or(by_number) else {
            self.report.broken(at, format!("{extension:?} in {context:?} has no step {priority:?}"));
            return None;
        };
        let language = turn.language.clone();
        Some(Spot { context: context.into(), extension: extension.into(), index, language })
    }

    /// The schedule, where it goes when it is open, and where else if that is said.
    fn fork(&mut self, turn: &Turn<'_>, steps: &[Step], step: &Step) -> Option<(String, Spot, Option<Spot>)> {
        let text = step.arguments.join(",");
        let (condition, targets) = text.split_once('?')?;
        let parts = split(condition, ',');
        let part = |index: usize| parts.get(index).map_or("*", String::as_str);
        let hours = match times::hours(part(0), part(1), part(2), part(3)) {
            Ok(hours) => hours,
            Err(why) => {
                self.report.missing(&step.at, format!("{why}; it goes on as if it were none of them"));
                return None;
            }
        };
        let (yes, no) = targets.split_once(':').unwrap_or((targets, ""));
        let yes = self.target(turn, steps, &split(yes, ','), &step.at)?;
        let no = if no.trim().is_empty() { None } else { self.target(turn, steps, &split(no, ','), &step.at) };
        let same = self.schedules.iter().find(|(_, (of, _))| *of == hours).map(|(name, _)| name.clone());
        let name = same.unwrap_or_else(|| {
            let name = if self.schedules.is_empty() {
                "office".to_string()
            } else {
                format!("hours-{}", self.schedules.len() + 1)
            };
            self.schedules.insert(name.clone(), (hours, step.at.clone()));
            name
        });
        Some((name, yes, no))
    }
}

/// What is known on the way through one extension.
pub struct Turn<'a> {
    pub spot: Spot,
    /// To be said before anything else happens.
    prompts: Vec<String>,
    pub language: Option<String>,
    context: &'a str,
    pub penalty: Option<(u32, Place)>,
    pub rule: Option<(String, Place)>,
    /// Something was played that keys cut short.
    waits: bool,
}

pub fn seconds(text: Option<&str>) -> Option<u64> {
    text?.trim().parse().ok()
}
