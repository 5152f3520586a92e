//! Out of the menus: every way, and what the record says of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::desk;
use super::house::{CITIZEN, House, called_back, rules};
use crate::call::{Event, Settings};
use crate::ids::LegId;
use crate::ivr::Entry;
use crate::ivr::menu::*;
use crate::queue::{CallbackFirst, OperatorState};
use crate::records::{EndedBy, Outcome};
use crate::sip::{self, Source};

fn node(id: &str) -> Destination {
    Destination::to(To::Node(id.into()))
}

fn settings() -> Settings {
    let mut settings = desk::settings();
    let or_message = Some(Box::new(Destination::to(To::Message)));
    let seat = To::Seat { seat: "8001".into(), otherwise: or_message.clone() };
    let ways = [
        ('1', Destination::to(seat)),
        ('2', Destination::to(To::Number { number: "01065139999".into(), otherwise: or_message })),
        ('3', Destination::to(To::Number { number: "01065138888".into(), otherwise: None })),
        ('4', Destination::to(To::Message)),
        ('5', Destination::to(To::Callback("citizen".into()))),
        ('6', Destination::to(To::HangUp)),
        ('7', Destination::to(To::Refuse(Refuse::Closed))),
        ('8', node("pin")),
    ];
    let menu = Menu {
        prompts: vec![Saying::Own("choice".into())],
        choices: ways.into_iter().map(|(key, way)| (key, Choice::To(way))).collect(),
        default: Destination::queue("citizen", None),
        timeout: Duration::from_secs(5),
        retries: 1,
        wrong: Vec::new(),
    };
    let pin = Digits {
        name: "pin".into(),
        prompts: vec![Saying::Own("choice".into())],
        least: 4,
        most: 4,
        terminator: Some('#'),
        timeout: Duration::from_secs(8),
        between: Duration::from_secs(4),
        retries: 1,
        wrong: Vec::new(),
        secret: true,
        then: node("ask"),
        otherwise: Destination::queue("citizen", None),
    };
    let ask = Hook {
        url: "http://127.0.0.1/".into(),
        timeout: Duration::from_secs(3),
        meanwhile: Vec::new(),
        prompts: Vec::new(),
        cases: BTreeMap::from([("known".into(), Destination::to(To::HangUp))]),
        otherwise: Destination::queue("citizen", None),
    };
    let mut blocked = Numbers::default();
    blocked.add("13000000000");
    let door = Branch {
        cases: vec![
            Case { when: vec![Condition::Caller("blocked".into())], then: Destination::to(To::Refuse(Refuse::Rules)) },
            Case {
                when: vec![Condition::Schedule { schedule: "office".into(), open: false }],
                then: Destination::to(To::Refuse(Refuse::Closed)),
            },
        ],
        otherwise: node("ways"),
    };
    let nodes = [
        ("ways", Node::Menu(menu)),
        ("pin", Node::Digits(pin)),
        ("ask", Node::Hook(ask)),
        ("door", Node::Branch(door)),
    ];
    settings.ivr.menus = Arc::new(Menus {
        nodes: nodes.into_iter().map(|(id, node)| (id.into(), node)).collect(),
        lists: BTreeMap::from([("blocked".into(), blocked)]),
        fallback: None,
    });
    settings.ivr.numbers = BTreeMap::from([("12345".into(), Entry::To(node("door")))]);
    settings
}

pub const CALLER: LegId = LegId(1);

/// A house in which a citizen has dialled and pressed these keys.
pub fn pressed(keys: &str, seats: &[&str]) -> House {
    let mut house = House::with(settings(), rules(|_| {}), seats);
    house.arrive(CALLER, CITIZEN, "12345", Source::Trunk("carrier".into()));
    keys.chars().for_each(|key| house.key(CALLER, key));
    house
}

#[test]
fn a_seat_is_rung_and_its_operator_is_busy_meanwhile() {
    let mut house = pressed("1", &["8001", "8002"]);
    assert_eq!(house.state("1001"), OperatorState::Outbound);
    let seat = house.rung("8001");
    house.answers(seat);
    assert!(house.are_joined(CALLER, seat));
    house.pass(Duration::from_secs(30));
    house.hangs_up(CALLER);
    assert_eq!(house.state("1001"), OperatorState::Ready);
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Caller)));
    assert_eq!((record.operator, record.seat), (Some("1001".into()), Some("8001".into())));
    assert_eq!((record.talk_ms, record.choices.as_str(), record.queue), (30_000, "1", None));
    assert_eq!(record.menu_path, ["door".into(), "ways".into()]);
}

#[test]
fn a_seat_where_nobody_answers_leads_on() {
    let mut house = pressed("1", &["8001"]);
    house.pass(Duration::from_secs(31));
    assert_eq!(house.plays(CALLER), ["zh/message_leave", "beep"]);
    assert_eq!(house.state("1001"), OperatorState::Ready, "a call that was for them is no offer");
    house.hangs_up(CALLER);
    assert_eq!(house.records().remove(0).outcome, Some(Outcome::Message));

    let mut house = pressed("1", &["8001"]);
    let seat = house.rung("8001");
    house.refuses(seat, 486);
    assert_eq!(house.plays(CALLER), ["zh/message_leave", "beep"]);
    house.hangs_up(CALLER);
    house.records();

    let mut house = pressed("1", &["8001"]);
    house.hangs_up(CALLER);
    assert_eq!(house.state("1001"), OperatorState::Ready);
    assert_eq!(house.records().remove(0).outcome, Some(Outcome::AbandonedInMenu));
}

#[test]
fn who_sits_at_the_seat_and_talks_is_not_rung() {
    let mut house = pressed("", &["8001"]);
    house.heard_out(CALLER);
    house.pass(Duration::from_secs(6));
    let first = house.rung("8001");
    house.answers(first);
    let second = LegId(3);
    house.arrive(second, "13900002222", "12345", Source::Trunk("carrier".into()));
    house.key(second, '1');
    assert_eq!(house.plays(second), ["zh/message_leave", "beep"]);
    assert_eq!(house.invited().len(), 1);
    house.hangs_up(CALLER);
    house.hangs_up(second);
    house.records();
}

#[test]
fn a_number_outside_is_dialled_and_leads_on_if_it_fails() {
    let mut house = pressed("2", &[]);
    let outside = house.rung("01065139999");
    house.answers(outside);
    assert!(house.are_joined(CALLER, outside));
    house.hangs_up(CALLER);
    assert_eq!(house.records().remove(0).outcome, Some(Outcome::TransferredOut));

    let mut house = pressed("2", &[]);
    let outside = house.rung("01065139999");
    house.refuses(outside, 503);
    assert_eq!(house.plays(CALLER), ["zh/message_leave", "beep"]);
    house.hangs_up(CALLER);
    house.records();

    let mut house = pressed("3", &[]);
    let outside = house.rung("01065138888");
    house.refuses(outside, 503);
    assert_eq!(house.plays(CALLER), ["zh/busy"]);
    house.heard_out(CALLER);
    assert_eq!(house.records().remove(0).outcome, Some(Outcome::RefusedBusy));
}

#[test]
fn messages_ends_and_refusals() {
    let mut house = pressed("4", &[]);
    house.heard_out(CALLER);
    house.pass(Duration::from_secs(5));
    house.key(CALLER, '#');
    house.heard_out(CALLER);
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.recording.is_some(), record.queue), (Some(Outcome::Message), true, None));

    let mut house = pressed("6", &[]);
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::System)));

    let mut house = pressed("7", &[]);
    assert_eq!(house.plays(CALLER), ["zh/closed"]);
    house.heard_out(CALLER);
    assert_eq!(house.records().remove(0).outcome, Some(Outcome::RefusedClosed));

    let mut house = House::with(settings(), rules(|_| {}), &[]);
    house.is_open = false;
    house.arrive(CALLER, CITIZEN, "12345", Source::Trunk("carrier".into()));
    assert_eq!(house.plays(CALLER), ["zh/closed"]);
    house.hangs_up(CALLER);
    house.records();
}

#[test]
fn a_blocked_caller_is_not_answered() {
    let mut house = House::with(settings(), rules(|_| {}), &[]);
    house.arrive(CALLER, "+8613000000000", "12345", Source::Trunk("carrier".into()));
    let refused = house.sip.iter().any(|command| matches!(command, sip::Command::Refuse { status: 603, .. }));
    assert!(refused && !house.sip.iter().any(|command| matches!(command, sip::Command::Accept { .. })));
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.sip_status), (Some(Outcome::RefusedRules), Some(603)));
    assert_eq!(record.answered_at, None);
}

#[test]
fn a_callback_is_taken_in_the_menu() {
    let mut house = House::with(settings(), called_back(CallbackFirst::Customer), &[]);
    house.arrive(CALLER, CITIZEN, "12345", Source::Trunk("carrier".into()));
    house.key(CALLER, '5');
    assert_eq!(house.plays(CALLER), ["zh/callback_taken"]);
    house.heard_out(CALLER);
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.queue), (Some(Outcome::Callback), Some("citizen".into())));
}

#[test]
fn a_hook_is_asked_with_what_was_typed_and_the_record_has_asterisks() {
    let mut house = pressed("81234", &[]);
    let (call, visitor, request) = house.asked.pop().expect("asked");
    assert_eq!((visitor.from.as_str(), request.digits["pin"].as_str()), (CITIZEN, "1234"));
    let reply = Some(Reply { say: vec![Utterance::Digits("42".into())], case: Some("known".into()) });
    house.tell(Event::Replied { call, number: request.number, reply });
    assert_eq!(house.plays(CALLER), ["zh/4", "zh/2"]);
    house.heard_out(CALLER);
    let record = house.records().remove(0);
    assert_eq!((record.digits["pin"].as_str(), record.choices.as_str()), ("****", "8"));
    assert_eq!(record.outcome, Some(Outcome::Answered));

    let mut house = pressed("81234", &[]);
    house.hangs_up(CALLER);
    assert_eq!(house.cancelled, 1, "nobody waits for the answer");
    let (call, _, request) = house.asked.pop().unwrap();
    house.tell(Event::Replied { call, number: request.number, reply: None });
    assert_eq!(house.records().remove(0).outcome, Some(Outcome::AbandonedInMenu));

    let mut house = pressed("81234", &[]);
    house.pass(Duration::from_secs(4));
    house.hangs_up(CALLER);
    let record = house.records().remove(0);
    assert_eq!((record.queue, record.outcome), (Some("citizen".into()), Some(Outcome::AbandonedInQueue)));
}
