//! Emergencies: the operator's code, three in one talk, and who is left with whom.

use std::collections::BTreeSet;
use std::time::Duration;

use super::desk;
use super::house::*;
use crate::call::{Emergency, Event, NotDone, Order, Settings, Way};
use crate::ids::LegId;
use crate::media::{self, Direction};
use crate::queue::{Input, OperatorState};
use crate::records::{EndedBy, HandoffOutcome, HandoffRecord, Outcome, Record, Returned};
use crate::sip::{self, Body, Source, Target};

const POLICE: &str = "110";
const FIRE: &str = "119";
const SECOND: Duration = Duration::from_secs(1);

/// The police confirm by a key, and have two numbers; the fire brigade has one, and no key.
pub fn settings() -> Settings {
    let way = |number: &str| Way { trunk: Some("carrier".into()), number: number.into() };
    let target = |id: &str, ways, code: &str, confirm| Emergency {
        id: id.into(),
        name: id.into(),
        ways,
        code: code.into(),
        confirm,
        ring: Duration::from_secs(30),
    };
    Settings {
        emergencies: vec![
            target(POLICE, vec![way(POLICE), way("01085225050")], "*1", Some('1')),
            target(FIRE, vec![way(FIRE)], "*2", None),
        ],
        ..desk::settings()
    }
}

struct Talk {
    house: House,
    caller: LegId,
    seat: LegId,
}

/// A citizen has talked with operator 1001 for ten seconds.
fn talk() -> Talk {
    let mut house = House::with(settings(), rules(|citizen| citizen.wrap_up = 60 * SECOND), &["8001"]);
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    house.pass(10 * SECOND);
    Talk { house, caller, seat }
}

impl Talk {
    fn press(&mut self, keys: &str) {
        keys.chars().for_each(|key| self.house.key(self.seat, key));
    }

    /// Who hears whom, as the last table says; `None`: it was followed by a join.
    fn hears(&self) -> Option<BTreeSet<(LegId, LegId)>> {
        self.house.media.iter().rev().find_map(|command| match command {
            media::Command::Mix { hears, .. } => Some(Some(hears.iter().copied().collect())),
            media::Command::Join { .. } => Some(None),
            _ => None,
        })?
    }

    fn everybody(&self, far: LegId) -> Option<BTreeSet<(LegId, LegId)>> {
        let all = [self.caller, self.seat, far];
        Some(
            all.into_iter().flat_map(|ear| all.map(|mouth| (ear, mouth))).filter(|(ear, mouth)| ear != mouth).collect(),
        )
    }

    fn two(&self) -> Option<BTreeSet<(LegId, LegId)>> {
        Some([(self.caller, self.seat), (self.seat, self.caller)].into())
    }

    /// The last join.
    fn joined(&self, one: LegId, other: LegId) -> bool {
        let last = self.house.media.iter().rev().find_map(|command| match command {
            media::Command::Join { a, b } => Some([*a, *b]),
            _ => None,
        });
        last.is_some_and(|pair| pair.contains(&one) && pair.contains(&other))
    }

    fn record(mut self) -> Record {
        let mut records = self.house.records();
        assert_eq!(records.len(), 1);
        records.remove(0)
    }
}

fn outcomes(record: &Record) -> Vec<(&str, &str)> {
    record.handoff.iter().map(|entry| (entry.number.as_str(), entry.outcome.as_str())).collect()
}

#[test]
fn one_key_three_in_the_talk_and_the_operator_leaves_when_they_have_it() {
    let mut talk = talk();
    let kept = |command: &media::Command| matches!(command, media::Command::KeepKeys { leg } if *leg == talk.seat);
    assert!(talk.house.media.iter().any(kept), "the caller does not hear the code");
    talk.press("*1");
    let far = talk.house.rung(POLICE);
    assert_eq!(talk.hears(), talk.two(), "the talk goes on while it rings");
    assert_eq!(
        (talk.house.plays(talk.caller), talk.house.plays(talk.seat)),
        (vec!["ringback".into()], vec!["ringback".into()])
    );
    talk.house.pass(3 * SECOND);
    talk.house.answers(far);
    assert_eq!(talk.hears(), talk.everybody(far));
    assert!(talk.house.plays(talk.caller).is_empty() && talk.house.plays(talk.seat).is_empty(), "the tone is over");
    talk.house.key(far, '7');
    assert!(talk.house.plays(talk.seat).is_empty(), "another key says nothing");
    talk.house.key(far, '1');
    assert_eq!(talk.house.plays(talk.seat), ["zh/confirmed"]);
    talk.house.pass(7 * SECOND);
    let seat = talk.seat;
    talk.house.hangs_up(seat);
    assert!(talk.joined(talk.caller, far), "two need no mixing");
    assert_eq!(talk.hears(), None);
    assert!(matches!(talk.house.state("1001"), OperatorState::WrapUp { .. }));
    assert_eq!(talk.house.released(talk.caller), None);
    talk.house.pass(40 * SECOND);
    let caller = talk.caller;
    talk.house.hangs_up(caller);
    assert!(talk.house.released(far).is_some());
    assert_eq!(talk.house.events().last().map(String::as_str), Some("ATTENDEDTRANSFER BRIDGE|110|0|20|1"));
    let record = talk.record();
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::TransferredOut), Some(EndedBy::Caller)));
    assert_eq!((record.talk_ms, record.operator), (20_000, Some("1001".into())));
    let connected = record.connected_at.unwrap();
    let after = |seconds: u64| Some(connected + SECOND * seconds as u32);
    let expected = HandoffRecord {
        target: POLICE.into(),
        number: POLICE.into(),
        at: connected + 10 * SECOND,
        answered_at: after(13),
        confirmed_at: after(13),
        left_at: after(20),
        ended_at: after(60),
        outcome: HandoffOutcome::Transferred,
    };
    assert_eq!(record.handoff, [expected]);
}

#[test]
fn whom_a_key_is_asked_of_may_say_it_in_the_sound_whatever_trunk_it_goes_by() {
    for (code, number, listened) in [("*1", POLICE, true), ("*2", FIRE, false)] {
        let mut talk = talk();
        talk.press(code);
        let far = talk.house.rung(number);
        let hears = |command: &media::Command| matches!(command, media::Command::HearKeys { leg } if *leg == far);
        assert_eq!(talk.house.media.iter().any(hears), listened, "{number}");
    }
}

#[test]
fn without_a_key_of_theirs_the_operator_leaving_confirms() {
    let mut talk = talk();
    talk.press("*2");
    let far = talk.house.rung(FIRE);
    talk.house.answers(far);
    let seat = talk.seat;
    talk.house.pass(5 * SECOND);
    talk.house.hangs_up(seat);
    talk.house.hangs_up(far);
    assert_eq!(talk.house.released(talk.caller), Some(None), "their hanging up ends the call");
    let record = talk.record();
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::TransferredOut), Some(EndedBy::Operator)));
    assert_eq!(outcomes(&record), [(FIRE, "transferred")]);
    assert_eq!(record.handoff[0].confirmed_at, Some(record.connected_at.unwrap() + 15 * SECOND));
}

#[test]
fn they_hear_us_ring_or_their_own_announcement() {
    let mut talk = talk();
    talk.press("*2");
    let far = talk.house.rung(FIRE);
    talk.house.tell(Event::Sip(sip::Event::Progress { leg: far, body: Body::sdp(b"early".to_vec()) }));
    assert_eq!(talk.hears(), talk.everybody(far));
    assert!(talk.house.plays(talk.caller).is_empty());
    talk.house.tell(Event::Sip(sip::Event::Answered { leg: far, body: None }));
    assert_eq!(talk.hears(), talk.everybody(far));
    let seat = talk.seat;
    talk.house.hangs_up(seat);
    assert!(talk.joined(talk.caller, far));
    let caller = talk.caller;
    talk.house.hangs_up(caller);
    assert!(talk.record().handoff[0].answered_at.is_some());
}

#[test]
fn who_is_busy_or_does_not_answer_is_tried_elsewhere_then_the_talk_goes_on() {
    let mut talk = talk();
    talk.press("*1");
    let first = talk.house.rung(POLICE);
    talk.house.refuses(first, 486);
    let second = talk.house.rung("01085225050");
    assert_eq!(talk.house.plays(talk.caller), ["ringback"]);
    talk.house.pass(31 * SECOND);
    assert!(talk.house.released(second).is_some(), "nobody comes to the phone");
    assert_eq!(talk.house.plays(talk.seat), ["zh/denied"]);
    assert!(talk.house.plays(talk.caller).is_empty());
    assert_eq!(talk.hears(), talk.two(), "they talk while it is said");
    let seat = talk.seat;
    talk.house.tell(Event::Media(media::Event::Played { leg: seat, token: u64::MAX - 1 }));
    assert!(talk.hears().is_none() && talk.joined(talk.caller, talk.seat));
    talk.house.hangs_up(seat);
    let record = talk.record();
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Operator)));
    assert_eq!(outcomes(&record), [(POLICE, "busy"), ("01085225050", "no_answer")]);
}

#[test]
fn the_same_key_takes_them_out_again_and_another_puts_somebody_else_in() {
    let mut talk = talk();
    talk.press("*2");
    let fire = talk.house.rung(FIRE);
    talk.house.answers(fire);
    talk.press("*2");
    assert!(talk.house.released(fire).is_some());
    assert!(talk.joined(talk.caller, talk.seat) && talk.hears().is_none());
    talk.press("*2*1");
    let police = talk.house.rung(POLICE);
    talk.house.answers(police);
    talk.house.key(police, '1');
    talk.press("*1");
    talk.press("*2");
    assert_eq!(talk.house.released(police), None, "who has confirmed stays");
    assert_eq!(talk.house.invited().len(), 4);
    talk.house.hangs_up(police);
    assert!(talk.joined(talk.caller, talk.seat), "the talk goes on");
    let caller = talk.caller;
    talk.house.hangs_up(caller);
    let record = talk.record();
    assert_eq!(record.outcome, Some(Outcome::Answered));
    assert_eq!(outcomes(&record), [(FIRE, "withdrawn"), (FIRE, "withdrawn"), (POLICE, "ended")]);
}

#[test]
fn codes_are_told_from_other_keys() {
    let table =
        [("*1", true), ("**1", true), ("5*1", true), ("*31", false), ("1", false), ("*", false), ("*9*1", true)];
    for (keys, rings) in table {
        let mut talk = talk();
        talk.press(keys);
        let is_police = |(to, _): &(String, LegId)| to == POLICE;
        assert_eq!(talk.house.invited().iter().any(is_police), rings, "{keys}");
        let caller = talk.caller;
        talk.house.key(caller, '*');
        talk.house.key(caller, '2');
        assert!(!talk.house.invited().iter().any(|(to, _)| to == FIRE), "callers have no codes");
        talk.house.hangs_up(caller);
        if rings {
            let seat = talk.seat;
            talk.house.hangs_up(seat);
        }
        talk.record();
    }
    // Too slow for one code.
    let mut talk = talk();
    talk.press("*");
    talk.house.pass(4 * SECOND);
    talk.press("1");
    assert_eq!(talk.house.invited().len(), 1);
}

#[test]
fn keys_that_become_no_code_go_on_to_whoever_hears_the_operator() {
    for (keys, at_once, later) in
        [("1234", "1234", ""), ("*", "", "*"), ("*7", "*7", ""), ("**1", "*", ""), ("5*15", "55", ""), ("*1", "", "")]
    {
        let mut talk = talk();
        let seat = talk.seat;
        let passed = |talk: &Talk| -> String {
            let of_seat = |command: &media::Command| match command {
                media::Command::PassKeys { leg, keys } if *leg == seat => Some(keys.clone()),
                _ => None,
            };
            talk.house.media.iter().filter_map(of_seat).collect()
        };
        talk.press(keys);
        assert_eq!(passed(&talk), at_once, "{keys}");
        let caller = talk.caller;
        talk.house.key(caller, '9');
        talk.house.pass(4 * SECOND);
        assert_eq!(passed(&talk), format!("{at_once}{later}"), "{keys}");
    }
}

#[test]
fn an_operator_who_leaves_too_early_leaves_the_caller_with_the_far_end() {
    let mut talk = talk();
    talk.press("*2");
    let far = talk.house.rung(FIRE);
    let (seat, caller) = (talk.seat, talk.caller);
    talk.house.hangs_up(seat);
    assert_eq!((talk.house.plays(caller), talk.house.released(caller)), (vec!["ringback".into()], None));
    assert_eq!(talk.house.released(far), None);
    assert!(matches!(talk.house.state("1001"), OperatorState::WrapUp { .. }));
    talk.house.answers(far);
    assert!(talk.joined(caller, far));
    talk.house.hangs_up(caller);
    let record = talk.record();
    assert_eq!((record.outcome, record.talk_ms), (Some(Outcome::TransferredOut), 10_000));
    assert_eq!(outcomes(&record), [(FIRE, "transferred")]);
}

#[test]
fn whoever_is_left_by_all_goes_to_the_head_of_the_line() {
    // The far end fails while it rings, or hangs up before it has confirmed.
    for (code, number, answers) in [("*2", FIRE, false), ("*1", POLICE, true)] {
        let mut talk = talk();
        let (seat, caller) = (talk.seat, talk.caller);
        let earlier = talk.house.call(3, "13900002222");
        talk.house.pass(5 * SECOND);
        talk.press(code);
        let far = talk.house.rung(number);
        if answers {
            talk.house.answers(far);
        }
        talk.house.hangs_up(seat);
        // Hours and limits hold nobody up who was in a talk already.
        talk.house.input(Input::Open { queue: "citizen".into(), open: false });
        if answers {
            talk.house.hangs_up(far);
        } else {
            talk.house.refuses(far, 503);
        }
        assert_eq!(talk.house.released(caller), None);
        talk.house.phone("8002", true);
        let second = talk.house.rung("8002");
        talk.house.answers(second);
        assert!(talk.joined(caller, second), "before the one who waits longer");
        talk.house.pass(20 * SECOND);
        talk.house.hangs_up(caller);
        talk.house.hangs_up(earlier);
        let records = talk.house.records();
        let record = records.iter().find(|record| record.from == CITIZEN).unwrap();
        assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Caller)));
        assert_eq!((record.operator.clone(), record.talk_ms), (Some("1002".into()), 35_000), "both talks");
        assert_eq!((record.wait_ms, record.within_service_level), (0, Some(true)), "of the first wait");
        assert_eq!(outcomes(record), [(number, if answers { "unconfirmed" } else { "failed" })]);
        let back: Vec<_> = record.lines.iter().map(|visit| record.returned(visit)).collect();
        assert_eq!(back, [None, Some(Returned::Emergency(&record.handoff[0]))]);
    }
}

#[test]
fn a_caller_who_hangs_up_leaves_operator_and_far_end_together() {
    for operator_first in [true, false] {
        let mut talk = talk();
        let (seat, caller) = (talk.seat, talk.caller);
        talk.press("*2");
        let far = talk.house.rung(FIRE);
        let call = talk.house.calls.call_of(caller).unwrap();
        let gone = |talk: &Talk| talk.house.calls.view(call).map(|view| view.caller_gone);
        assert_eq!(gone(&talk), Some(false));
        talk.house.hangs_up(caller);
        assert_eq!(gone(&talk), Some(true), "told while it rings");
        // Their sound was found dead at the same time.
        talk.house.tell(Event::Media(media::Event::Dead { leg: caller }));
        assert_eq!((talk.house.released(seat), talk.house.released(far)), (None, None));
        talk.house.answers(far);
        assert_eq!(talk.hears(), Some([(seat, far), (far, seat)].into()));
        assert_eq!(gone(&talk), Some(true));
        talk.house.pass(30 * SECOND);
        assert!(matches!(talk.house.state("1001"), OperatorState::Talking { .. }), "{:?}", talk.house.state("1001"));
        talk.house.hangs_up(if operator_first { seat } else { far });
        assert!(talk.house.released(if operator_first { far } else { seat }).is_some());
        let record = talk.record();
        assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Caller)));
        assert_eq!((record.talk_ms, outcomes(&record)), (40_000, vec![(FIRE, "ended")]));
    }
}

#[test]
fn on_hold_caller_and_far_end_hear_each_other() {
    let mut talk = talk();
    let (seat, caller) = (talk.seat, talk.caller);
    talk.press("*2");
    let far = talk.house.rung(FIRE);
    talk.house.answers(far);
    let hold = |direction| Event::Media(media::Event::Agreed { leg: seat, direction });
    talk.house.tell(hold(Direction::TheyHold));
    assert_eq!(talk.hears(), Some([(caller, far), (far, caller)].into()));
    talk.house.tell(hold(Direction::Both));
    assert_eq!(talk.hears(), talk.everybody(far));
    talk.house.hangs_up(seat);
    talk.house.hangs_up(caller);
    talk.record();
}

#[test]
fn nothing_limits_it() {
    let mut talk = talk();
    let seat = talk.seat;
    talk.house.calls.drain();
    talk.press("*2");
    let far = talk.house.rung(FIRE);
    let urgent = |command: &media::Command| matches!(command, media::Command::OpenUrgent { leg, .. } if *leg == far);
    assert!(talk.house.media.iter().any(urgent));
    let to = Target::Trunk { trunk: Some("carrier".into()), number: FIRE.into() };
    let shown = talk.house.sip.iter().find_map(|command| match command {
        sip::Command::Invite(invite) if invite.to == to => Some((invite.caller.number.as_str(), invite.on_behalf_of)),
        _ => None,
    });
    assert_eq!(shown, Some((CITIZEN, Some(talk.caller))), "they see who calls, and are told what is asserted of them");
    // The house ends all the same.
    let now = talk.house.now;
    talk.house.calls.end_all(now);
    talk.house.write_out();
    assert!(talk.house.released(far).is_some() && talk.house.released(seat).is_some());
    let record = talk.record();
    assert_eq!((record.outcome, outcomes(&record)), (Some(Outcome::SystemRestart), vec![(FIRE, "restarted")]));
}

#[test]
fn a_page_can_ask_for_it_too() {
    let mut talk = talk();
    let (seat, caller) = (talk.seat, talk.caller);
    let call = talk.house.calls.call_of(caller).unwrap();
    for (target, released) in [(Some(FIRE), false), (None, true), (Some("nobody"), true)] {
        talk.house.order(call, "1001", Order::HandOff { target: target.map(Into::into) }).ok();
        assert_eq!(talk.house.released(talk.house.rung(FIRE)).is_some(), released, "{target:?}");
    }
    let asked = |house: &mut House, target: Option<&str>| {
        house.order(call, "1001", Order::HandOff { target: target.map(Into::into) })
    };
    assert_eq!(asked(&mut talk.house, Some("nobody")), Err(NotDone::NoSuchTarget));
    assert_eq!(asked(&mut talk.house, None), Err(NotDone::NothingHandedOff));
    asked(&mut talk.house, Some(POLICE)).unwrap();
    let far = talk.house.rung(POLICE);
    talk.house.answers(far);
    talk.house.key(far, '1');
    assert_eq!(asked(&mut talk.house, None), Err(NotDone::HandedOff), "they have it");
    talk.house.hangs_up(far);
    let known = talk.house.calls.settings().clone();
    talk.house.calls.set_settings(Settings { emergencies: Vec::new(), ..known });
    for target in [None, Some(POLICE)] {
        assert_eq!(asked(&mut talk.house, target), Err(NotDone::NoEmergencies));
    }
    talk.house.hangs_up(seat);
    talk.record();
    // Who is in no talk cannot be handed to anybody.
    let mut house = House::with(settings(), rules(|_| {}), &[]);
    house.arrive(LegId(1), CITIZEN, "12346", Source::Trunk("carrier".into()));
    let call = house.calls.call_of(LegId(1)).unwrap();
    let asked = house.order(call, "1001", Order::HandOff { target: Some(FIRE.into()) });
    assert_eq!(asked, Err(NotDone::NotInTalk));
    assert!(house.invited().is_empty());
}

#[test]
fn an_emergency_is_called_beside_a_consultation_and_nobody_is_left_to_nobody() {
    let mut talk = talk();
    let call = talk.house.calls.call_of(talk.caller).unwrap();
    let to = crate::call::Whom::Number("01085225050".into());
    talk.house.order(call, "1001", Order::Consult { to }).unwrap();
    let asked = talk.house.rung("01085225050");
    talk.house.answers(asked);
    talk.house.order(call, "1001", Order::HandOff { target: Some(FIRE.into()) }).unwrap();
    let far = talk.house.rung(FIRE);
    talk.house.answers(far);
    let hears = talk.hears().unwrap();
    let all = [talk.caller, talk.seat, asked, far];
    for (ear, mouth) in all.iter().flat_map(|ear| all.map(|mouth| (*ear, mouth))).filter(|(ear, mouth)| ear != mouth) {
        assert!(hears.contains(&(ear, mouth)), "{ear:?} hears {mouth:?}: {hears:?}");
    }
    assert_eq!(talk.house.order(call, "1001", Order::Complete), Err(NotDone::EmergencyGoesOn));
    talk.house.order(call, "1001", Order::Conference).unwrap();
    // The operator leaves: the caller is the fire brigade's, whoever else was there.
    talk.house.hangs_up(talk.seat);
    assert!(talk.house.are_joined(talk.caller, far) && talk.house.released(asked).is_some());
    talk.house.hangs_up(far);
    let record = talk.house.records().remove(0);
    assert_eq!((record.outcome, record.handoff[0].outcome.as_str()), (Some(Outcome::TransferredOut), "transferred"));
    assert_eq!(record.transfers[0].outcome.as_str(), "ended");
}
