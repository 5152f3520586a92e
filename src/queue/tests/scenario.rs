//! Runs `src/queue/scenarios/*.txt`: at a time something happens, and these are all the outputs.
//!
//! `UPDATE=1 cargo nextest run scenario` writes what the engine says into the files, to be read.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{CallId, OfferId, OperatorId, QueueId, SeatId};
use crate::moment::Moment;
use crate::queue::tests::laws::Laws;
use crate::queue::*;

#[test]
fn every_scenario_goes_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/queue/scenarios");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 25, "{} scenarios", paths.len());
    let mut wrong = String::new();
    for path in paths {
        let written = std::fs::read_to_string(&path).unwrap();
        let played = Scenario::default().play(&written);
        match std::env::var_os("UPDATE") {
            _ if written == played => {}
            Some(_) => std::fs::write(&path, played).unwrap(),
            None => writeln!(wrong, "{}: is written\n{written}\nbut went\n{played}", path.display()).unwrap(),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[derive(Default)]
struct Scenario {
    rules: Rules,
    engine: Engine,
    laws: Laws,
    offers: BTreeMap<OperatorId, OfferId>,
    decisions: bool,
    told: bool,
}

impl Scenario {
    /// The same text with the outputs as they came.
    fn play(mut self, text: &str) -> String {
        self.rules.exclude_for = Duration::from_secs(30);
        self.rules.phone_grace = Duration::from_secs(60);
        self.rules.redial_within = Duration::from_secs(60);
        self.rules.version = 1;
        let mut played = String::new();
        for line in text.lines() {
            let rest = line.trim();
            if rest.starts_with("->") {
                continue;
            }
            let _ = writeln!(played, "{line}");
            if rest.is_empty() || rest.starts_with('#') {
                continue;
            }
            match rest.strip_prefix("at ") {
                None => self.declare(rest),
                Some(rest) => {
                    let (at, what) = rest.split_once(' ').unwrap_or((rest, ""));
                    for output in self.step(moment(at), what.trim()) {
                        let _ = writeln!(played, "           -> {output}");
                    }
                }
            }
        }
        played
    }

    fn declare(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (kind, name, rest) =
            (words.next().unwrap(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match kind {
            "decisions" => self.decisions = true,
            "exclude" => self.rules.exclude_for = duration(name),
            "most-busy" => self.rules.most_busy = name.parse().unwrap(),
            "grace" => self.rules.phone_grace = duration(name),
            "redial" => self.rules.redial_within = duration(name),
            "queue" => {
                let mut rules = QueueRules::plain(parse_need(name).unwrap());
                let mut parts: Vec<&str> = rest.split(", ").filter(|part| !part.is_empty()).collect();
                parts.retain(|part| match part.strip_prefix("formerly ") {
                    None => true,
                    Some(former) => {
                        self.rules.queues.remove(former);
                        self.rules.formerly.insert(former.into(), name.into());
                        false
                    }
                });
                parts.into_iter().for_each(|part| option(&mut rules, part));
                self.rules.queues.insert(name.into(), rules);
            }
            "operator" => {
                let skills = rest
                    .split_whitespace()
                    .filter_map(|s| s.split_once('='))
                    .map(|(s, l)| (s.into(), l.parse().unwrap()));
                let word = |key: &str| rest.split_once(key).and_then(|(_, rest)| rest.split_whitespace().next());
                let rules = OperatorRules {
                    name: name.into(),
                    skills: skills.collect(),
                    seat: word("seat ").map(SeatId::from),
                    weight: word("weight ").map_or(1, |n| n.parse().unwrap()),
                    supervisor: false,
                };
                self.rules.operators.insert(name.into(), rules);
            }
            "seats" => self.rules.seats = line.split(' ').skip(1).map(SeatId::from).collect(),
            "without" => {
                self.rules.operators.remove(rest);
                self.rules.queues.remove(rest);
            }
            other => panic!("unknown declaration {other:?}"),
        }
    }

    fn step(&mut self, at: Moment, what: &str) -> Vec<String> {
        if !std::mem::replace(&mut self.told, true) {
            self.input(Moment::default(), Input::Rules { rules: Arc::new(self.rules.clone()) });
            self.outputs();
        }
        self.laws.several = self.rules.queues.values().any(|queue| queue.ring_at_once > 1);
        if let Some(contact) = what.strip_prefix("place ") {
            self.engine.handle_deadline(at);
            let mut lines = self.outputs();
            lines.push(match self.engine.place(at, call(contact)) {
                None => "in no line".into(),
                Some(place) => {
                    let wait = place.expected.map_or("unknown".into(), |wait| format!("{}s", wait.median_ms / 1000));
                    format!("number {}, wait {wait}{}", place.number, if place.ringing { ", ringing" } else { "" })
                }
            });
            return lines;
        }
        match what {
            "" => self.engine.handle_deadline(at),
            "restart" => self.input(at, Input::Restarted),
            _ if what.starts_with("restart, alive at ") => {
                let alive_at = moment(&what["restart, alive at ".len()..]);
                self.input(at, Input::RestartedAfter { alive_at })
            }
            _ if ["queue ", "operator ", "without ", "seats "].iter().any(|word| what.starts_with(word)) => {
                self.declare(what);
                self.rules.version += 1;
                self.input(at, Input::Rules { rules: Arc::new(self.rules.clone()) });
            }
            _ => {
                let (who, does) = what.split_once(' ').unwrap();
                let input = self.read(who, does);
                self.input(at, input);
            }
        }
        self.outputs()
    }

    fn input(&mut self, at: Moment, input: Input) {
        self.engine.handle(at, input);
    }

    fn read(&self, who: &str, does: &str) -> Input {
        let (does, by) = match does.split_once(", says ") {
            Some((does, lead)) => (does, By::Supervisor(lead.into())),
            None => (does, By::Themselves),
        };
        let operator = OperatorId::from(who);
        let offer = || self.offers.get(who).copied().unwrap_or_else(|| panic!("{who} was never offered anything"));
        let failed = |why| Input::Failed { offer: offer(), why };
        match does {
            "accepts" => return Input::Accepted { offer: offer() },
            "rejects" => return failed(OfferFailure::Rejected),
            "does not answer" => return failed(OfferFailure::NoAnswer),
            "is busy" => return failed(OfferFailure::Busy),
            "cannot be rung" => return failed(OfferFailure::Unreachable),
            "hangs up" => return Input::Leave { contact: call(who) },
            "is cut off" => return Input::Cut { contact: call(who) },
            "talk ends" => return Input::TalkEnded { contact: call(who) },
            "is held" => return Input::Held { contact: call(who), held: true },
            "is resumed" => return Input::Held { contact: call(who), held: false },
            "is reachable" => return Input::SeatReachable { seat: who.into(), reachable: true },
            "is lost" => return Input::SeatReachable { seat: who.into(), reachable: false },
            "opens" => return Input::Open { queue: who.into(), open: true },
            "closes" => return Input::Open { queue: who.into(), open: false },
            "signs out" => return Input::SignOut { operator, by },
            "is ready" => return Input::Ready { operator, by },
            "ends wrap-up" => return Input::EndWrapUp { operator },
            "calls out" => return Input::Outbound { operator, busy: true },
            "is back" => return Input::Outbound { operator, busy: false },
            _ => {}
        }
        let words: Vec<&str> = does.split_whitespace().collect();
        let handed = |queue: &str, to: &str, instead_of: Option<&str>| {
            let (queue, to, instead_of) = (queue.into(), to.into(), instead_of.map(call));
            Input::HandedOver { contact: call(who), queue, to, caller: None, instead_of }
        };
        match words[..] {
            ["joins", queue] => self.joins(who, queue, None),
            ["joins", queue, "from", number] => self.joins(who, queue, Some(number)),
            ["comes", "back", "to", queue] => {
                Input::Return { contact: call(who), queue: queue.into(), caller: None, failed_by: None }
            }
            ["comes", "back", "to", queue, "refused", "by", operator] => {
                let failed_by = Some(operator.into());
                Input::Return { contact: call(who), queue: queue.into(), caller: None, failed_by }
            }
            ["is", "passed", "on", "to", queue, "since", at] => {
                Input::PassedOn { contact: call(who), queue: queue.into(), caller: None, since: moment(at) }
            }
            ["is", "moved", "to", queue] => Input::Move { contact: call(who), queue: queue.into(), by },
            ["is", "handed", "over", "to", to] => handed(NO_QUEUE, to, None),
            ["is", "handed", "over", "to", to, "of", queue] => handed(queue, to, None),
            ["is", "handed", "over", "to", to, "of", queue, "for", other] => handed(queue, to, Some(other)),
            ["loses", "its", "operator"] => Input::OperatorLost { contact: call(who) },
            ["presses", key] => Input::Key { contact: call(who), key: key.chars().next().unwrap() },
            ["is", "reached", "as", other] => Input::Reached { contact: call(who), call: call(other) },
            ["is", "not", "reached:", why] => {
                Input::NotReached { contact: call(who), why: serde_json::from_value(why.into()).unwrap() }
            }
            ["signs", "in", "at", seat] => Input::SignIn { operator, seat: seat.into() },
            ["is", "not", "ready:", reason] => Input::NotReady { operator, reason: reason.into(), by },
            ["extends", "wrap-up", more] => Input::ExtendWrapUp { operator, more: duration(more) },
            ["takes", ref waits @ ..] => {
                let wait = |text: &&str| {
                    let (place, wait) = text.split_once('=').unwrap();
                    let median_ms = u64::try_from(duration(wait).as_millis()).unwrap();
                    (place.parse().unwrap(), Expected { median_ms, p80_ms: median_ms * 2 })
                };
                let waits = ExpectedWaits(waits.iter().map(wait).collect());
                Input::Expected { lines: BTreeMap::from([(who.into(), waits)]) }
            }
            _ => panic!("nobody knows what it means that {who} {does}"),
        }
    }

    fn joins(&self, who: &str, queue: &str, number: Option<&str>) -> Input {
        let caller = number.map(Caller::from);
        Input::Join { contact: call(who), queue: queue.into(), caller, arrived_at: Moment::default() }
    }

    fn outputs(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(output) = self.engine.poll() {
            if let Output::Offer { offer, operator, .. } = &output {
                self.offers.insert(operator.clone(), *offer);
            }
            self.laws.saw(&output);
            lines.extend(self.say(&output));
        }
        self.laws.check(&self.engine);
        lines
    }

    fn say(&self, output: &Output) -> Option<String> {
        let exit = |exit: &Option<Exit>| exit.as_ref().map_or(String::new(), |exit| format!(", on to {exit:?}"));
        Some(match output {
            Output::Joined { contact, queue, instead_of, since, expected: _ } => {
                let instead = instead_of.as_ref().map_or(String::new(), |queue| format!(" instead of {queue}"));
                let place = if *since == self.engine.now() {
                    String::new()
                } else {
                    format!(" in the place of {}", time(*since))
                };
                format!("{} joined {queue}{instead}{place}", name(*contact))
            }
            Output::Refused { contact, queue, why, exit: to } => {
                format!("{} refused by {queue}: {why:?}{}", name(*contact), exit(to))
            }
            Output::Moved { contact, from, to, why } => {
                format!("{} moved from {from} to {to}: {why:?}", name(*contact))
            }
            Output::Relaxed { contact, step, why, .. } => format!("{} relaxes to step {step}: {why:?}", name(*contact)),
            Output::Offer { contact, operator, seat, until, callback, .. } => {
                let callback = callback.as_ref().map_or(String::new(), |number| format!(" (to call {number} back)"));
                format!("offer {} to {operator} at {seat} until {}{callback}", name(*contact), time(*until))
            }
            Output::Withdraw { contact, why, .. } => format!("withdraw {}: {}", name(*contact), word(why)),
            Output::OfferEnded { contact, operator, outcome, ms, .. } => {
                format!("offer of {} to {operator} ended: {} after {}s", name(*contact), word(outcome), ms / 1000)
            }
            Output::Connected { contact, operator, waited_ms, .. } => {
                format!("{} talks to {operator} after {}s", name(*contact), waited_ms / 1000)
            }
            Output::HandedOver { contact, queue, from, operator, .. } => {
                let from = from.as_ref().map_or(String::new(), |from| format!(" by {from}"));
                let of = if queue.as_str() == NO_QUEUE { String::new() } else { format!(" of {queue}") };
                format!("{}{of} is handed over{from} to {operator}", name(*contact))
            }
            Output::Ended { hold_ms: 0, .. } => return None,
            Output::Ended { contact, hold_ms, .. } => format!("{} was held for {}s", name(*contact), hold_ms / 1000),
            Output::Left { contact, queue, why, exit: to, .. } => {
                format!("{} left {queue}: {why:?}{}", name(*contact), exit(to))
            }
            Output::Late { contact, cause, .. } => format!("{} is late: {}", name(*contact), word(cause)),
            Output::CallbackTaken { contact, number, .. } => {
                format!("{} will be called back at {number}", name(*contact))
            }
            Output::CallbackRenewed { contact, number, .. } => {
                format!("{} will be called again at {number}", name(*contact))
            }
            Output::CallbackRefused { contact, why, .. } => {
                format!("{} cannot be called back: {}", name(*contact), word(why))
            }
            Output::Dial { contact, number, attempt, until, .. } => {
                format!("ring {number} for {}, try {attempt}, until {}", name(*contact), time(*until))
            }
            Output::PickUpRefused { contact, operator } => format!("{operator} may not pick up {}", name(*contact)),
            Output::StopDialling { contact } => format!("stop ringing for {}", name(*contact)),
            Output::CallbackEnded { contact, result, attempts, .. } => {
                format!("callback of {} ended: {result:?}, tries: {attempts}", name(*contact))
            }
            Output::Operator { operator, state, next, .. } => match (state_text(state), next) {
                (None, None) => return None,
                (Some(state), None) => format!("{operator} is {state}"),
                (state, Some(next)) => {
                    let next = match next {
                        Next::SignOut => "signed out".into(),
                        Next::NotReady(reason) => format!("not ready: {reason}"),
                    };
                    format!("{operator} is {}, then {next}", state.unwrap_or("busy".into()))
                }
            },
            Output::Decided(decision) if self.decisions => decided(decision),
            Output::Decided(_) => return None,
            Output::Ignored { why } => format!("ignored: {}", named(why)),
        })
    }
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap().replace('"', "").replace('_', " ")
}

fn decided(decision: &Decision) -> String {
    let mut text = format!("decided {}", name(decision.contact));
    match &decision.chosen {
        None => text += ": nobody",
        Some(chosen) => {
            let _ = write!(text, ": {} by {}", chosen.operator, word(&chosen.by));
            if chosen.preference != 0 {
                let _ = write!(text, ", preference {}", chosen.preference);
            }
            if chosen.preferred {
                text += ", awaited";
            }
        }
    }
    let _ = write!(text, "; {}", decision.tally);
    if decision.step > 0 {
        let _ = write!(text, "; step {}", decision.step);
    }
    if decision.excluded > 0 {
        let _ = write!(text, "; {} excluded", decision.excluded);
    }
    if let Some(operator) = &decision.awaits {
        let _ = write!(text, "; awaits {operator}");
    }
    if let Some(passed) = &decision.passed {
        let _ = write!(text, "; passes {}: {}", name(passed.contact), word(&passed.why));
    }
    text
}

/// One of a queue's rules, as `choose most_skilled` or `key 9 callback`.
fn option(rules: &mut QueueRules, part: &str) {
    let (key, value) = part.split_once(' ').unwrap_or((part, ""));
    let words: Vec<&str> = value.split_whitespace().collect();
    match (key, &words[..]) {
        ("need", _) => rules.need = parse_need(value).unwrap(),
        ("ring", _) => rules.ring = duration(value),
        ("wrap-up", [time]) => rules.wrap_up = duration(time),
        ("wrap-up", [time, "to", most]) => (rules.wrap_up, rules.wrap_up_max) = (duration(time), duration(most)),
        ("max-waiting", _) => rules.max_waiting = value.parse().unwrap(),
        ("max-wait", _) => rules.max_wait = Some(duration(value)),
        ("answer-within", _) => rules.answer_within = duration(value),
        ("choose", [by]) => rules.choose = serde_json::from_value((*by).into()).unwrap(),
        ("ring-at-once", _) => rules.ring_at_once = value.parse().unwrap(),
        ("priority", _) => rules.priority = duration(value),
        ("emergency", _) => rules.emergency = true,
        ("put-back", _) => rules.put_back_boost = duration(value),
        ("preferred", _) => rules.preferred_for = duration(value),
        ("ageing", [boost, "every", every]) => {
            rules.ageing = Some(Ageing { every: duration(every), boost: duration(boost) });
        }
        ("prefer", [need @ .., weight]) => {
            rules
                .prefer
                .push(Preference { need: parse_need(&need.join(" ")).unwrap(), weight: weight.parse().unwrap() });
        }
        ("step", [when, need @ ..]) => {
            let need = parse_need(&need.join(" ")).unwrap();
            let mut step = Step { after: None, expected_wait: None, nobody: *when == "nobody", need, prefer: None };
            match when.split_once(':') {
                Some(("after", time)) => step.after = Some(duration(time)),
                Some(("expected", time)) => step.expected_wait = Some(duration(time)),
                _ => {}
            }
            rules.steps.push(step);
        }
        ("callback", [first, rest @ ..]) => {
            let first = serde_json::from_value((*first).into()).unwrap();
            let mut callback = CallbackRules {
                first,
                max_waiting: 2,
                ring: Duration::from_secs(30),
                first_after: Duration::ZERO,
                attempts: 2,
                retry: Duration::from_secs(60),
                expires: Duration::from_secs(600),
            };
            for pair in rest.chunks(2) {
                match pair[0] {
                    "attempts" => callback.attempts = pair[1].parse().unwrap(),
                    "first-after" => callback.first_after = duration(pair[1]),
                    "expires" => callback.expires = duration(pair[1]),
                    other => panic!("{other:?} of a callback"),
                }
            }
            rules.callback = Some(callback);
        }
        ("key", [key, exit @ ..]) => drop(rules.keys.insert(key.chars().next().unwrap(), leads(exit))),
        ("if-too-long", exit) => rules.if_too_long = Some(leads(exit)),
        ("if-full", exit) => rules.if_full = Some(leads(exit)),
        ("if-closed", exit) => rules.if_closed = Some(leads(exit)),
        ("if-nobody", exit) => rules.if_nobody = Some(leads(exit)),
        _ => panic!("unknown rule {part:?}"),
    }
}

fn leads(words: &[&str]) -> Exit {
    match words {
        ["queue", queue] => Exit::Queue((*queue).into()),
        ["number", number] => Exit::Number((*number).into()),
        ["message"] => Exit::Message,
        ["callback"] => Exit::Callback,
        other => panic!("{other:?} leads nowhere"),
    }
}

/// Being offered and talking are told by the offer and the connection.
fn state_text(state: &OperatorState) -> Option<String> {
    Some(match state {
        OperatorState::SignedOut => "signed out".into(),
        OperatorState::NotReady { reason } => format!("not ready: {reason}"),
        OperatorState::Ready => "ready".into(),
        OperatorState::Offered { .. } | OperatorState::Talking { .. } => return None,
        OperatorState::Holding { .. } => "holding".into(),
        OperatorState::Reserved { until, .. } => format!("kept free until {}", time(*until)),
        OperatorState::WrapUp { until } => format!("in wrap-up until {}", time(*until)),
        OperatorState::Outbound => "on a call of their own".into(),
        OperatorState::Unreachable { was } => format!("unreachable, was {}", state_text(was)?),
    })
}

/// Text of the engine's with the contacts as the scenario names them.
fn named(text: &str) -> String {
    text.split(' ').map(|word| CallId::parse(word).map_or(word.to_string(), name)).collect::<Vec<_>>().join(" ")
}

fn call(name: &str) -> CallId {
    CallId(name.trim_start_matches('c').parse().unwrap_or_else(|_| panic!("a contact is c1, c2 …, not {name:?}")))
}

fn name(call: CallId) -> String {
    format!("c{}", call.0)
}

fn duration(text: &str) -> Duration {
    Duration::from_secs(
        text.strip_suffix('s').and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{text:?} is no time")),
    )
}

fn moment(text: &str) -> Moment {
    Moment::default() + duration(text)
}

fn time(at: Moment) -> String {
    format!("{}s", at.as_micros() / 1_000_000)
}

#[test]
fn names_in_queues_are_kept_apart() {
    let mut engine = Engine::new();
    engine.handle(
        Moment::default(),
        Input::Join {
            contact: CallId(1),
            queue: QueueId::from("nowhere"),
            caller: None,
            arrived_at: Moment::default(),
        },
    );
    assert!(matches!(engine.poll(), Some(Output::Refused { why: JoinRefusal::UnknownQueue, .. })));
}
