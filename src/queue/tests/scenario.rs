//! Runs `src/queue/scenarios/*.txt`: at a time something happens, and these are all the outputs.
//!
//! `UPDATE=1 cargo nextest run scenario` writes what the engine says into the files, to be read.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
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
        if written == played {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, played).unwrap();
        } else {
            let _ = writeln!(wrong, "{}: is written\n{written}\nbut went\n{played}", path.display());
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
            "queue" => {
                let value = |key: &str| rest.split(", ").find_map(|part| part.strip_prefix(key)).map(str::trim);
                let rules = QueueRules {
                    need: parse_need(value("need ").unwrap_or(name)).unwrap(),
                    ring: value("ring ").map_or(Duration::from_secs(20), duration),
                    wrap_up: value("wrap-up ").map_or(Duration::from_secs(10), duration),
                    max_waiting: value("max-waiting ").map_or(100, |n| n.parse().unwrap()),
                    max_wait: value("max-wait ").map(duration),
                    answer_within: Duration::from_secs(15),
                };
                self.rules.queues.insert(name.into(), rules);
            }
            "operator" => {
                let skills = rest
                    .split_whitespace()
                    .filter_map(|s| s.split_once('='))
                    .map(|(s, l)| (s.into(), l.parse().unwrap()));
                let seat = rest.split_once("seat ").map(|(_, seat)| SeatId::from(seat.trim()));
                self.rules
                    .operators
                    .insert(name.into(), OperatorRules { name: name.into(), skills: skills.collect(), seat });
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
            self.input(Moment::default(), Input::Rules { rules: self.rules.clone() });
            self.outputs();
        }
        if let Some(contact) = what.strip_prefix("place ") {
            self.engine.handle_deadline(at);
            let mut lines = self.outputs();
            lines.push(match self.engine.place(at, call(contact)) {
                None => "in no line".into(),
                Some(place) => {
                    let wait = place.expected_wait.map_or("unknown".into(), |wait| format!("{}s", wait.as_secs()));
                    format!("number {}, wait {wait}{}", place.number, if place.ringing { ", ringing" } else { "" })
                }
            });
            return lines;
        }
        match what {
            "" => self.engine.handle_deadline(at),
            "restart" => self.input(at, Input::Restarted),
            _ if ["queue ", "operator ", "without ", "seats "].iter().any(|word| what.starts_with(word)) => {
                self.declare(what);
                self.input(at, Input::Rules { rules: self.rules.clone() });
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
        let operator = OperatorId::from(who);
        let offer = || self.offers.get(who).copied().unwrap_or_else(|| panic!("{who} was never offered anything"));
        let failed = |why| Input::Failed { offer: offer(), why };
        match does {
            "accepts" => Input::Accepted { offer: offer() },
            "rejects" => failed(OfferFailure::Rejected),
            "does not answer" => failed(OfferFailure::NoAnswer),
            "is busy" => failed(OfferFailure::Busy),
            "cannot be rung" => failed(OfferFailure::Unreachable),
            "hangs up" => Input::Leave { contact: call(who) },
            "talk ends" => Input::TalkEnded { contact: call(who) },
            "is held" => Input::Held { contact: call(who), held: true },
            "is resumed" => Input::Held { contact: call(who), held: false },
            "is reachable" => Input::SeatReachable { seat: who.into(), reachable: true },
            "is lost" => Input::SeatReachable { seat: who.into(), reachable: false },
            "opens" => Input::Open { queue: who.into(), open: true },
            "closes" => Input::Open { queue: who.into(), open: false },
            "signs out" => Input::SignOut { operator },
            "is ready" => Input::Ready { operator },
            "ends wrap-up" => Input::EndWrapUp { operator },
            "calls out" => Input::Outbound { operator, busy: true },
            "is back" => Input::Outbound { operator, busy: false },
            _ => {
                if let Some(queue) = does.strip_prefix("joins ") {
                    Input::Join { contact: call(who), queue: queue.into(), arrived_at: Moment::default() }
                } else if let Some(seat) = does.strip_prefix("signs in at ") {
                    Input::SignIn { operator, seat: seat.into() }
                } else if let Some(reason) = does.strip_prefix("is not ready: ") {
                    Input::NotReady { operator, reason: reason.into() }
                } else {
                    panic!("nobody knows what it means that {who} {does}")
                }
            }
        }
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
        let word = |outcome: &OfferOutcome| serde_json::to_string(outcome).unwrap().replace('"', "").replace('_', " ");
        Some(match output {
            Output::Joined { contact, queue } => format!("{} joined {queue}", name(*contact)),
            Output::Refused { contact, queue, why } => format!("{} refused by {queue}: {why:?}", name(*contact)),
            Output::Offer { contact, operator, seat, until, .. } => {
                format!("offer {} to {operator} at {seat} until {}", name(*contact), time(*until))
            }
            Output::Withdraw { contact, why, .. } => format!("withdraw {}: {}", name(*contact), word(why)),
            Output::OfferEnded { contact, operator, outcome, ms, .. } => {
                format!("offer of {} to {operator} ended: {} after {}s", name(*contact), word(outcome), ms / 1000)
            }
            Output::Connected { contact, operator, waited_ms, .. } => {
                format!("{} talks to {operator} after {}s", name(*contact), waited_ms / 1000)
            }
            Output::Left { contact, queue, why } => format!("{} left {queue}: {why:?}", name(*contact)),
            Output::Operator { operator, state, .. } => format!("{operator} is {}", state_text(state)?),
            Output::Decided { contact, chosen, why, .. } if self.decisions => {
                format!("decided {}: {} ({why})", name(*contact), chosen.as_ref().map_or("nobody", OperatorId::as_str))
            }
            Output::Decided { .. } => return None,
            Output::Ignored { why } => format!("ignored: {}", named(why)),
        })
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
        Input::Join { contact: CallId(1), queue: QueueId::from("nowhere"), arrived_at: Moment::default() },
    );
    assert!(matches!(engine.poll(), Some(Output::Refused { why: JoinRefusal::UnknownQueue, .. })));
}
