//! The survey after the talk: who is asked, what is kept, and that the operator is free meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use super::desk;
use super::house::*;
use crate::call::Settings;
use crate::ids::LegId;
use crate::ivr::{Answer, Survey};
use crate::moment::Moment;
use crate::queue::OperatorState;
use crate::records::{EndedBy, Outcome, Record};

fn settings() -> Settings {
    let answers = [('1', 4), ('2', 3), ('3', 2), ('4', 1)];
    let answer = |score: u8| Answer { score, label: score.to_string() };
    let mut settings = desk::settings();
    settings.ivr.survey = Some(Survey {
        question: "survey".into(),
        thanks: "survey_thanks".into(),
        answers: answers.map(|(key, score)| (key, answer(score))).into_iter().collect::<BTreeMap<_, _>>(),
        timeout: Duration::from_secs(8),
        retries: 1,
        queues: ["citizen".into()].into(),
    });
    settings
}

/// A citizen has talked for half a minute, then the operator hangs up.
fn asked() -> (House, LegId) {
    let mut house = House::with(settings(), rules(|citizen| citizen.wrap_up = Duration::from_secs(60)), &["8001"]);
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    house.pass(Duration::from_secs(30));
    house.hangs_up(seat);
    (house, caller)
}

fn only(mut house: House) -> Record {
    let mut records = house.records();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[test]
fn the_caller_is_asked_when_the_operator_has_hung_up_and_the_operator_is_free() {
    let (mut house, caller) = asked();
    assert_eq!(house.plays(caller), ["zh/survey"]);
    assert!(matches!(house.state("1001"), OperatorState::WrapUp { .. }), "{:?}", house.state("1001"));
    house.heard_out(caller);
    house.pass(Duration::from_secs(3));
    house.key(caller, '2');
    assert_eq!(house.plays(caller), ["zh/survey_thanks"]);
    assert_eq!(house.released(caller), None);
    house.heard_out(caller);
    assert_eq!(house.released(caller), Some(None));
    assert_eq!(house.events().last().map(String::as_str), Some("COMPLETEAGENT 0|30|1"));
    let record = only(house);
    assert_eq!((record.survey, record.outcome), (Some(3), Some(Outcome::Answered)));
    assert_eq!((record.talk_ms, record.ended_by), (30_000, Some(EndedBy::Operator)), "the survey is no talk");
    let after = |at: Option<Moment>| at.unwrap().since(record.connected_at.unwrap());
    assert_eq!(after(record.survey_at), Duration::from_secs(30), "when the operator hung up");
    assert_eq!(after(record.ended_at), Duration::from_secs(33));
}

#[test]
fn however_the_survey_goes_the_call_ends_well() {
    // Keys of the caller; whether the question is heard to its end; what is kept.
    let table: [(&str, bool, Option<u8>); 6] = [
        ("1", false, Some(4)),
        ("94", true, Some(1)),
        ("99", true, None),
        ("", true, None),
        ("1234567890*#", false, Some(4)),
        ("#*0987654321", false, None),
    ];
    for (keys, to_the_end, survey) in table {
        let (mut house, caller) = asked();
        if to_the_end {
            house.heard_out(caller);
        }
        keys.chars().for_each(|key| house.key(caller, key));
        if house.released(caller).is_none() && house.plays(caller) == ["zh/survey_thanks"] {
            house.heard_out(caller);
        }
        house.pass(Duration::from_secs(9));
        assert_eq!(house.released(caller), Some(None), "{keys:?}");
        let record = only(house);
        let ended = (record.survey, record.outcome, record.ended_by);
        assert_eq!(ended, (survey, Some(Outcome::Answered), Some(EndedBy::Operator)), "{keys:?}");
    }
}

#[test]
fn a_caller_who_hangs_up_is_not_held() {
    for presses in [false, true] {
        let (mut house, caller) = asked();
        if presses {
            house.key(caller, '1');
        }
        house.hangs_up(caller);
        let record = only(house);
        assert_eq!(record.survey, presses.then_some(4));
        assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Operator)));
    }
    // Who hangs up before the operator is not asked.
    let mut house = House::with(settings(), rules(|_| {}), &["8001"]);
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    house.hangs_up(caller);
    let record = only(house);
    assert_eq!((record.survey, record.ended_by), (None, Some(EndedBy::Caller)));
}

#[test]
fn queues_that_are_left_out_ask_nobody() {
    let mut settings = settings();
    settings.ivr.survey.as_mut().unwrap().queues = ["english".into()].into();
    let mut house = House::with(settings, rules(|_| {}), &["8001"]);
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    house.hangs_up(seat);
    assert_eq!(house.released(caller), Some(None));
    assert_eq!(only(house).ended_by, Some(EndedBy::Operator));
}

#[test]
fn a_house_that_closes_ends_the_survey() {
    let (mut house, caller) = asked();
    let now = house.now;
    house.calls.end_all(now);
    house.write_out();
    assert!(house.released(caller).is_some());
    let record = only(house);
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Operator)));
}
