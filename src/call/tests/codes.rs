//! Feature codes, from whom and for what.

use super::desk::*;
use crate::call::{Action, SwitchTo};
use crate::queue::{By, Input, OperatorState, Output};
use crate::sip::Source;

#[test]
fn feature_codes_are_obeyed_from_seats_alone() {
    let sign_in = Input::SignIn { operator: "1001".into(), seat: "8001".into() };
    let dial = |code: &str, source: Source, states: &[OperatorState]| {
        let mut desk = Desk::new(settings());
        for state in states {
            let (operator, seat) = ("1001".into(), Some("8001".into()));
            desk.queue(Output::Operator { operator, seat, state: state.clone(), next: None });
        }
        desk.ring(code, source);
        desk.durable();
        desk.described(CALLER);
        desk.asked_queue().into_iter().cloned().collect::<Vec<Input>>()
    };
    let seat = || Source::Seat("8001".into());
    let ready = [OperatorState::Ready];
    assert_eq!(dial("*11", seat(), &[]), std::slice::from_ref(&sign_in));
    assert_eq!(dial("*111001", seat(), &[]), [sign_in]);
    assert_eq!(dial("*119999", seat(), &[]), []);
    assert_eq!(dial("*11", Source::Trunk("carrier".into()), &[]), []);
    assert_eq!(dial("*12", seat(), &ready), [Input::SignOut { operator: "1001".into(), by: By::Themselves }]);
    assert_eq!(dial("*13", seat(), &[]), [], "nobody sits there");
    assert_eq!(dial("*13", seat(), &ready), [Input::Ready { operator: "1001".into(), by: By::Themselves }]);
    let meal = Input::NotReady { operator: "1001".into(), reason: "meal".into(), by: By::Themselves };
    assert_eq!(dial("*142", seat(), &ready), [meal]);
    for wrong in ["*140", "*143", "*14x", "*15", "*1", "*é1", "*99"] {
        assert_eq!(dial(wrong, seat(), &ready), [], "{wrong}");
    }
}

#[test]
fn supervisors_flip_schedules_and_nobody_else_does() {
    let dial = |code: &str, supervisor: bool| {
        let mut settings = settings();
        settings.switches.insert('2', "office".into());
        if supervisor {
            settings.supervisors.insert("1001".into());
        }
        let mut desk = Desk::new(settings);
        let (operator, seat) = ("1001".into(), Some("8001".into()));
        desk.queue(Output::Operator { operator, seat, state: OperatorState::Ready, next: None });
        desk.ring(code, Source::Seat("8001".into()));
        desk.durable();
        desk.described(CALLER);
        let flips = desk.asked.into_iter().filter_map(|action| match action {
            Action::Switch { schedule, to, until, by } => Some((schedule.to_string(), to, until, by.to_string())),
            _ => None,
        });
        flips.collect::<Vec<_>>()
    };
    let office = |to, until| vec![("office".to_string(), to, until, "1001".to_string())];
    assert_eq!(dial("*302", true), office(SwitchTo::Auto, None));
    assert_eq!(dial("*312", true), office(SwitchTo::Open, None));
    assert_eq!(dial("*3221830", true), office(SwitchTo::Closed, Some(18 * 60 + 30)));
    assert_eq!(dial("*312", false), []);
    for wrong in ["*311", "*31", "*322183", "*3222400", "*3221860", "*32218305", "*3021830", "*332", "*3é"] {
        assert_eq!(dial(wrong, true), [], "{wrong}");
    }
}
